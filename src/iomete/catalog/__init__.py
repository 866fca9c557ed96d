"""What exists: namespaces and tables of every catalog, their owners and tags."""

from iomete.catalog.catalog import Catalog
from iomete.catalog.owners import Owners
from iomete.catalog.tags import Tags

__all__ = ["Catalog", "Owners", "Tags"]
