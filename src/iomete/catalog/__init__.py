"""What exists: namespaces and tables of every catalog."""

from iomete.catalog.catalog import Catalog

__all__ = ["Catalog"]
