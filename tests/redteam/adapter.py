"""Connects the acceptance suite to iomete: principals, policies and sessions by the public API."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import iomete

BOUNDARY = "in-process"
UNSUPPORTED: set[str] = set()

_MASKS: dict[str, tuple[str, dict[str, Any]]] = {
    "redact": ("redact", {}),
    "partial_last_4": ("partial", {"show_last": 4}),
    "hash": ("hash", {}),
    "nullify": ("nullify", {}),
    "date_year": ("year", {}),
}

_lake: iomete.Lakehouse
_world: dict[str, Any]


def setup(world: dict[str, Any]) -> None:
    global _lake, _world  # noqa: PLW0603  # the suite calls functions of a module
    _world = world
    catalogs = {
        name: {"warehouse": described["warehouse"]}
        for name, described in world["catalogs"].items()
        if described["kind"] == "iceberg"
    }
    _lake = iomete.connect(
        f"{world['root']}/lakehouse",
        catalogs=catalogs,
        engine={
            "driver_memory": "3g",
            "spark": {
                "spark.master": "local[2]",
                "spark.sql.session.timeZone": "UTC",
                "spark.log.level": "OFF",
            },
        },
    )
    world["catalogs"]["spark_catalog"]["warehouse"] = str(_lake.folder / "warehouse/spark_catalog")
    Path(world["root"], "files").mkdir(exist_ok=True)
    for group in {g for p in world["principals"].values() for g in p.get("groups", ())}:
        _lake.principals.add_group(group)
    for role in {r for p in world["principals"].values() for r in p.get("roles", ())}:
        _lake.principals.add_role(role)
    for name, described in world["principals"].items():
        roles = [*described.get("roles", ()), *(["admin"] if described.get("admin") else [])]
        _lake.principals.add_user(
            name,
            groups=described.get("groups", []),
            roles=roles,
            attributes=described.get("attributes", {}),
        )


def session(principal: str) -> Any:
    spark = _lake.as_principal(principal).spark
    # as in a process of its own: the thread that works with the session has it as active session
    spark._jvm.org.apache.spark.sql.classic.SparkSession.setActiveSession(spark._jsparkSession)
    spark.sql("USE spark_catalog")  # the suite's short names are of this catalog
    return spark


def set_up_policies(world: dict[str, Any]) -> None:
    policies, model = _lake.policies, world["policies"]
    with policies.batch():
        for policy in policies.list():
            policies.delete(policy.id)
        for number, grant in enumerate(model["grants"]):
            valid = grant.get("valid", {})
            place = {"on_path": grant["on_path"]} if "on_path" in grant else {"on": _place(grant)}
            policies.grant(
                grant["actions"],
                **place,
                columns=grant.get("columns"),
                to=_principal(grant["to"]),
                valid_from=valid.get("from"),
                valid_until=valid.get("until"),
                name=f"grant {number}",
            )
        for deny in model["denies"]:
            policies.deny(
                deny["actions"], on=_place(deny), columns=deny["columns"], to=_principal(deny["to"])
            )
        for mask in model["masks"]:
            policies.mask(_place(mask), mask["column"], **_mask(mask), to=_principal(mask["to"]))
        for row_filter in model["row_filters"]:
            policies.filter_rows(
                _place(row_filter), row_filter["filter"], to=_principal(row_filter["to"])
            )
        _set_up_tags(model)


def lakehouse() -> iomete.Lakehouse:
    """The admin's lakehouse, for scenarios that change policies."""
    return _lake


def force_drop(table: str) -> None:
    _, namespace, name = table.split(".")
    with sqlite3.connect(_lake.folder / "catalog.db") as database:
        database.execute(
            "DELETE FROM iceberg_tables WHERE table_namespace = ? AND table_name = ?",
            (namespace, name),
        )


def interrupt() -> None:
    _lake.spark.sparkContext.cancelAllJobs()


def teardown() -> None:
    _lake.close()


def _set_up_tags(model: dict[str, Any]) -> None:
    tags, policies = _lake.tags, _lake.policies
    defined = {tag.name for tag in tags.list()}
    for attachment in model["tags"]:
        if attachment["tag"] not in defined:
            tags.define(attachment["tag"])
            defined.add(attachment["tag"])
        column = f"{_place(attachment)}.{attachment['column']}"
        if attachment["tag"] not in tags.of(column):
            tags.attach(attachment["tag"], column)
    for policy in model["tag_policies"]:
        to, excepted = _principal(policy["to"]), [_principal(p) for p in policy["except"]]
        if "mask" in policy:
            policies.mask_tag(policy["tag"], policy["mask"], to=to, except_=excepted)
        else:
            policies.deny(policy["deny"], on_tag=policy["tag"], to=to, except_=excepted)


def _place(described: dict[Any, Any]) -> str:
    return described[True]  # YAML reads the key `on` as a boolean


def _principal(described: dict[str, Any]) -> str:
    ((kind, name),) = described.items()
    return "everyone" if kind == "everyone" else f"{kind}:{name}"


def _mask(described: dict[str, Any]) -> dict[str, Any]:
    kind = described["type"]
    if kind == "constant":
        return {"mask": "constant", "value": described["value"]}
    if kind == "custom":
        return {"mask": "custom", "expression": described["expression"]}
    name, options = _MASKS[kind]
    return {"mask": name, **options}
