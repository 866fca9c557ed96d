"""The metadata database: SQLite in the lakehouse folder, or PostgreSQL."""

from __future__ import annotations

from iomete.store.identity import LakehouseIdentity
from iomete.store.schema import UtcDateTime, metadata
from iomete.store.store import Store
from iomete.store.url import JdbcAddress, StoreUrl

__all__ = ["JdbcAddress", "LakehouseIdentity", "Store", "StoreUrl", "UtcDateTime", "metadata"]
