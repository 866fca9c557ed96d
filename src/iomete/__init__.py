"""A governed lakehouse in one object.

    import iomete

    lake = iomete.connect()
    lake.sql("SELECT 1").show()

Importing this package starts nothing, reads no environment and loads no Spark.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iomete.errors import IometeError

if TYPE_CHECKING:
    from iomete.lakehouse import Lakehouse
    from iomete.session import connect

__version__ = "0.1.0"

__all__ = ["IometeError", "Lakehouse", "__version__", "connect"]


def __getattr__(name: str) -> Any:
    """Load `connect` and `Lakehouse` when they are first asked for."""
    if name == "connect":
        from iomete.session import connect

        return connect
    if name == "Lakehouse":
        from iomete.lakehouse import Lakehouse

        return Lakehouse
    raise AttributeError(f"module `iomete` has no attribute `{name}`")


def __dir__() -> list[str]:
    return sorted(__all__)
