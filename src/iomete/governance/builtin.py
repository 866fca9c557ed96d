"""Policies that every bundle has: admins may do everything, and see everything as it is."""

from __future__ import annotations

from typing import Any

from iomete.governance.documents.document import (
    ITEMS,
    SERVICE,
    TAG_SERVICE,
    PolicyType,
    Priority,
    access_item,
    mask_item,
    policy_document,
    row_filter_item,
)
from iomete.governance.principals.names import ADMIN

_ALL = {level: {"values": ["*"]} for level in ("catalog", "namespace", "table", "column")}
_ALL_TABLES = {level: _ALL[level] for level in ("catalog", "namespace", "table")}
_ALL_PATHS = {"path": {"values": ["*"], "isRecursive": True}}
_ALL_TAGS = {"tag": {"values": ["*"]}}


def builtin_policies(service: str) -> list[dict[str, Any]]:
    """Return the built-in policies of a service, `iomete` or that of tags; ids are below 100."""
    admins = (ADMIN,)
    if service == TAG_SERVICE:
        access = [access_item(["iomete:all"], admins)]
        unmasked = mask_item("iomete:MASK_NONE", None, admins, action="iomete:select")
        return [
            _document(5, "admins may do everything with tagged data", _ALL_TAGS, service, access),
            _document(6, "admins see tagged data unmasked", _ALL_TAGS, service, [unmasked]),
        ]
    access = [access_item(["all"], admins)]
    return [
        _document(1, "admins may do everything", _ALL, SERVICE, access),
        _document(2, "admins may read and write every path", _ALL_PATHS, SERVICE, access),
        _document(
            3, "admins see data unmasked", _ALL, SERVICE, [mask_item("MASK_NONE", None, admins)]
        ),
        _document(4, "admins see every row", _ALL_TABLES, SERVICE, [row_filter_item("", admins)]),
    ]


def _document(
    policy_id: int,
    name: str,
    resources: dict[str, Any],
    service: str,
    items: list[dict[str, Any]],
) -> dict[str, Any]:
    policy_type = PolicyType.ACCESS
    if "dataMaskInfo" in items[0]:
        policy_type = PolicyType.MASK
    elif "rowFilterInfo" in items[0]:
        policy_type = PolicyType.ROW_FILTER
    document = policy_document(
        service=service,
        policy_type=policy_type,
        name=f"built-in: {name}",
        priority=Priority.OVERRIDE,
        resources=resources,
        items={ITEMS[policy_type]: items},
    )
    return document | {"id": policy_id, "version": 1, "isEnabled": True}
