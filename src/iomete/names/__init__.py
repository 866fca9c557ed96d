"""Names of catalogs, namespaces, tables and columns: parse, quote, compare, resolve.

Everything here is a pure function or a frozen value, and means what Spark means by it. The one
addition is that a resource compares by the case rules of the catalog it lives in, so that it can
be used as a dictionary key without folding anything first.
"""

from iomete.names.creation import MAX_PART_BYTES, check_creatable
from iomete.names.identifiers import (
    MAX_NAME_LENGTH,
    RESERVED_WORDS,
    as_parts,
    parse_parts,
    quote,
    quote_parts,
)
from iomete.names.lettercase import column_key, fold, lower
from iomete.names.resolution import Lookup, nearest, resolve
from iomete.names.resources import (
    SESSION_CATALOG,
    CatalogName,
    ColumnName,
    NamespaceName,
    Resource,
    ResourceKind,
    TableName,
)

__all__ = [
    "MAX_NAME_LENGTH",
    "MAX_PART_BYTES",
    "RESERVED_WORDS",
    "SESSION_CATALOG",
    "CatalogName",
    "ColumnName",
    "Lookup",
    "NamespaceName",
    "Resource",
    "ResourceKind",
    "TableName",
    "as_parts",
    "check_creatable",
    "column_key",
    "fold",
    "lower",
    "nearest",
    "parse_parts",
    "quote",
    "quote_parts",
    "resolve",
]
