"""Spark's life: its jars, its start, its identity, its end."""

from iomete.engine.configuration import DEFAULT_CATALOG, SparkConfiguration
from iomete.engine.governance import SparkGate, SparkGovernance, TableChecks
from iomete.engine.iceberg import IcebergCatalog, resolve_catalogs
from iomete.engine.lifecycle import Engine, adopt, running_session, start
from iomete.engine.preparation import Prepared, cache_folder, configure, prepare
from iomete.engine.query_errors import as_query_error, translate_errors
from iomete.engine.session_catalog import install_session_catalog
from iomete.engine.sqlite_catalog import check_catalog_database

__all__ = [
    "DEFAULT_CATALOG",
    "Engine",
    "IcebergCatalog",
    "Prepared",
    "SparkConfiguration",
    "SparkGate",
    "SparkGovernance",
    "TableChecks",
    "adopt",
    "as_query_error",
    "cache_folder",
    "check_catalog_database",
    "configure",
    "install_session_catalog",
    "prepare",
    "resolve_catalogs",
    "running_session",
    "start",
    "translate_errors",
]
