"""Generated governance: few names, so that policies meet; everything that a policy may say."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from itertools import product
from typing import Any

from hypothesis import strategies as st

from iomete.governance.builtin import builtin_policies

Document = dict[str, Any]
CATALOGS = ("lake", "raw", "spark_catalog")
NAMESPACES = ("crm", "crm.eu", "hr", "alice")
TABLES = ("t", "u", "bob")
COLUMNS = ("id", "email", "ssn", "contact", "bob")
FIELDS = ("contact.email", "contact.phone")
USERS = ("alice", "bob", "carol", "root", "off")
ASKING = (*USERS, "nobody")
GROUPS = ("g1", "g2", "g3")
ROLES = ("r1", "r2", "admin")
TAGS = ("PII", "PII.X", "OPEN")
ACTIONS = ("select", "insert", "update", "create", "drop", "use")
PATHS = ("s3://b/in", "s3://b/in/hr", "/data", "s3a://b/int", "file:///data/x", "s3://b")
NOON = datetime(2026, 3, 29, 12, tzinfo=UTC)
MOMENTS = tuple(NOON + timedelta(hours=hours) for hours in (-36, -11, 0, 1, 30, 24 * 200))


def mostly(usual: st.SearchStrategy[Any], other: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.sampled_from((0, 1, 2, 3)).flatmap(lambda dice: other if dice == 3 else usual)


def some(values: tuple[str, ...], most: int = 2) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(values), max_size=most, unique=True)


def level(names: tuple[str, ...], patterns: tuple[str, ...]) -> st.SearchStrategy[Document]:
    value = mostly(st.sampled_from(names), st.sampled_from(patterns))
    values = mostly(st.lists(value, min_size=1, max_size=2, unique=True), st.just(["*"]))
    return st.builds(
        lambda named, excludes: {"values": named} | ({"isExcludes": True} if excludes else {}),
        values,
        mostly(st.just(False), mostly(st.just(False), st.just(True))),  # noqa: FBT003
    )


CATALOG = mostly(
    st.just({"values": ["lake"]}), level(CATALOGS, ("*", "l*", "?aw", "Spark_Catalog"))
)
NAMESPACE = st.one_of(
    st.sampled_from(("crm", "hr")).map(lambda name: {"values": [name, f"{name}.*"]}),
    st.sampled_from((["crm"], ["*"])).map(lambda names: {"values": names}),
    level(NAMESPACES, ("*", "crm.*", "c?m", "*r", "{USER}", "CRM", "x{USER}", "{USER}*")),
)
TABLE = st.one_of(
    st.sampled_from((["*"], ["t"])).map(lambda names: {"values": names}),
    level(TABLES, ("*", "?", "{USER}", "{OWNER}", "b*", "T", "?{OWNER}", "{USER}*")),
)
COLUMN = st.one_of(
    st.just({"values": ["*"]}),
    level((*COLUMNS, *FIELDS), ("*", "*m*", "c*", "ID", "?sn", "contact.*")),
    level((*COLUMNS, *FIELDS), ("{USER}", "{OWNER}", "ID", "c*", "{USER}*")),
)
_SHAPES = (CATALOG, NAMESPACE, TABLE)
_NAMES = ("catalog", "namespace", "table", "column")


def resources(depth: int) -> st.SearchStrategy[Document]:
    levels = st.tuples(*(*_SHAPES, COLUMN)[:depth])
    return levels.map(lambda found: dict(zip(_NAMES, found, strict=False)))


PATH = st.builds(
    lambda values, recursive: {"path": {"values": values, "isRecursive": recursive}},
    st.lists(
        st.sampled_from((*PATHS, "*", "s3://b/*", "s3://b/i?", "/home/{USER}")),
        min_size=1,
        max_size=2,
        unique=True,
    ),
    mostly(st.just(True), st.just(False)),  # noqa: FBT003
)
TAG = st.lists(
    mostly(st.sampled_from(TAGS), st.sampled_from(("*", "PII*", "PII.*", "O*"))),
    min_size=1,
    max_size=2,
    unique=True,
).map(lambda values: {"tag": {"values": values}})


def accesses(actions: tuple[str, ...], prefix: str) -> st.SearchStrategy[list[Document]]:
    named = mostly(mostly(st.just(actions[0]), st.sampled_from(actions)), st.just("all"))
    return st.lists(named, min_size=1, max_size=2, unique=True).map(
        lambda found: [{"type": f"{prefix}{action}", "isAllowed": True} for action in found]
    )


@st.composite
def item(draw: st.DrawFn, of: st.SearchStrategy[list[Document]]) -> Document:
    kind = draw(st.sampled_from(("groups", "users", "roles", "all")))
    users = draw(some((*USERS, "{USER}", "{OWNER}"), 1)) if kind in ("users", "all") else []
    groups = draw(some((*GROUPS, "public"))) if kind in ("groups", "all") else []
    roles = draw(some(ROLES, 1)) if kind in ("roles", "all") else []
    if not (users or groups or roles):
        groups = ["g1"]
    who = {"users": users, "groups": groups, "roles": roles}
    return {"accesses": draw(of), **{kind: names for kind, names in who.items() if names}}


RECURRENCE = st.builds(
    lambda minute, hour, weekday, hours, days: {
        "schedule": {
            "minute": minute,
            "hour": hour,
            "dayOfWeek": weekday,
            "month": "*",
            "year": "*",
        },
        "interval": {"days": days, "hours": hours, "minutes": 0},
    },
    st.sampled_from(("0", "0,30")),
    st.sampled_from(("9", "1-3", "*", "23")),
    st.sampled_from(("1", "2-6", "*", "7")),
    st.integers(1, 23),
    st.sampled_from((0, 0, 1)),
)
SCHEDULE = st.builds(
    lambda zone, begins, ends, recurrences: {
        "timeZone": zone,
        "startTime": begins,
        "endTime": ends,
        "recurrences": recurrences,
    },
    st.sampled_from(("UTC", "Europe/Berlin", "America/New_York")),
    st.sampled_from(("2026/03/28 02:00:00", "2026/03/29 12:00:00", "2020/01/01 00:00:00")),
    st.sampled_from(("2026/03/29 13:00:00", "2026/03/29 12:00:00", "2099/01/01 00:00:00")),
    st.one_of(st.just([]), st.lists(RECURRENCE, min_size=1, max_size=2)),
)
PREDICATES = ("id > 1", "id > 2", "")
MASKS = (
    {"dataMaskType": "MASK"},
    {"dataMaskType": "MASK_HASH"},
    {"dataMaskType": "MASK_NONE"},
    {"dataMaskType": "MASK_SHOW_LAST", "valueExpr": "2"},
)


_ON = {"path": PATH, "filter": resources(3), "tag": TAG, "tag mask": TAG}


@st.composite
def policy(draw: st.DrawFn) -> Document:
    kind = draw(
        st.sampled_from(("access", "access", "deny", "path", "mask", "filter", "tag", "tag mask"))
    )
    tagged = kind.startswith("tag")
    prefix = "iomete:" if tagged else ""
    depths = st.sampled_from((4,) if kind == "mask" else (4, 4, 4, 4, 3, 2, 1))
    named = _ON.get(kind, depths.flatmap(resources))
    document: Document = {
        "service": "iomete_tag" if tagged else "iomete",
        "policyType": {"mask": 1, "tag mask": 1, "filter": 2}.get(kind, 0),
        "policyPriority": draw(mostly(st.just(0), st.sampled_from((0, 1)))),
        "resources": draw(named),
        "isEnabled": draw(st.integers(0, 19)) != 19,
        "isAuditEnabled": draw(st.booleans()),
    }
    if draw(st.integers(0, 7)) == 7:
        document["additionalResources"] = [draw(named)]
    if draw(st.integers(0, 5)) == 5:
        document["validitySchedules"] = draw(st.lists(SCHEDULE, min_size=1, max_size=2))
    if kind in ("mask", "tag mask"):
        member, of = "dataMaskPolicyItems", accesses(("select",), prefix)
        items = draw(st.lists(item(of), min_size=1, max_size=2))
        for one in items:
            mask = dict(draw(st.sampled_from(MASKS)))
            one["dataMaskInfo"] = mask | {"dataMaskType": f"{prefix}{mask['dataMaskType']}"}
            one["accesses"] = [{"type": f"{prefix}select", "isAllowed": True}]
        return document | {member: items}
    if kind == "filter":
        items = draw(st.lists(item(accesses(("select",), "")), min_size=1, max_size=2))
        for one in items:
            one["rowFilterInfo"] = {"filterExpr": draw(st.sampled_from(PREDICATES))}
            one["accesses"] = [{"type": "select", "isAllowed": True}]
        return document | {"rowFilterPolicyItems": items}
    return document | draw(
        access_items(kind, item(accesses(("read", "write") if kind == "path" else ACTIONS, prefix)))
    )


@st.composite
def access_items(draw: st.DrawFn, kind: str, one: st.SearchStrategy[Document]) -> Document:
    few = st.lists(one, max_size=1)
    found = {
        "policyItems": draw(few if kind == "deny" else st.lists(one, min_size=1, max_size=2)),
        "denyPolicyItems": draw(st.lists(one, min_size=1, max_size=2) if kind == "deny" else few),
    }
    if draw(st.integers(0, 2)) == 2:
        found |= {"allowExceptions": draw(few), "denyExceptions": draw(few)}
    if draw(st.integers(0, 3)) != 3 and kind != "deny":
        found["denyPolicyItems"] = []
    if draw(st.integers(0, 11)) == 11:
        found = {"policyItems": found["policyItems"], "isDenyAllElse": True}
    return {member: items for member, items in found.items() if items}


ATTACHED = st.sampled_from(
    [
        dict(zip(_NAMES, ({"values": [part]} for part in parts), strict=False))
        for parts in (
            *product(("lake",), ("crm",), ("t", "u"), (*COLUMNS[:2], FIELDS[0])),
            *product(CATALOGS[:2], NAMESPACES[:2], TABLES[:2]),
            *product(CATALOGS[:1], NAMESPACES[:2]),
        )
    ]
)
_GROUPS_OF = (["g1"], ["g1", "g2"], ["g3", "g1"], ["g2"], [])
OWNED = [".".join(parts) for parts in product(CATALOGS[:2], NAMESPACES[:2], TABLES[:2])]


@st.composite
def bundles(draw: st.DrawFn) -> dict[str, Any]:
    """Give a bundle as it is published, but for its seal."""
    found = draw(st.lists(policy(), min_size=5, max_size=10))
    names = draw(st.permutations([f"{name} {number}" for number, name in enumerate("abcdefghij")]))
    documents = [
        {"id": 100 + number, "version": 1, "name": names[number]} | document
        for number, document in enumerate(found)
    ]
    return bundle_of(
        documents,
        attached=draw(st.lists(st.tuples(st.sampled_from(TAGS), ATTACHED), min_size=1, max_size=5)),
        owners=draw(st.dictionaries(st.sampled_from(OWNED), st.sampled_from(USERS), max_size=3)),
        groups={user: draw(st.sampled_from(_GROUPS_OF)) for user in USERS},
        roles={
            "r1": {"groups": draw(some((*GROUPS, "public"))), "users": draw(some(USERS[:3], 1))},
            "r2": {"roles": draw(some(("r1",))), "users": draw(some(USERS[:3], 1))},
        },
    )


def bundle_of(
    documents: list[Document],
    *,
    attached: list[tuple[str, Document]] = (),  # type: ignore[assignment]
    owners: dict[str, str] | None = None,
    groups: dict[str, list[str]] | None = None,
    roles: dict[str, dict[str, list[str]]] | None = None,
) -> dict[str, Any]:
    """Return a bundle, but for its seal; `root` is an admin, and `off` is disabled."""
    held = {"admin": {"users": ["root"]}} | (roles or {})
    tags = {tag: number for number, tag in enumerate(TAGS, start=1)}
    on: dict[str, tuple[Document, list[int]]] = {}
    for tag, where in attached:
        key = json.dumps(where, sort_keys=True)
        on.setdefault(key, (where, []))[1].append(tags[tag])
    services = {
        service: [
            *builtin_policies(service),
            *(document for document in documents if document["service"] == service),
        ]
        for service in ("iomete", "iomete_tag")
    }
    return {
        "format": 1,
        "version": 1,
        "lakehouse": "generated",
        "services": _service("iomete", 1, services["iomete"], "iomete")
        | {"tagPolicies": _service("iomete_tag", 2, services["iomete_tag"], "tag")},
        "tags": {
            "op": "add_or_update",
            "serviceName": "iomete",
            "tagVersion": 1,
            "tagDefinitions": {},
            "tags": {
                str(number): {
                    "id": number,
                    "isEnabled": True,
                    "version": 1,
                    "type": tag,
                    "attributes": {},
                }
                for tag, number in tags.items()
            },
            "serviceResources": [
                {
                    "id": n,
                    "isEnabled": True,
                    "version": 1,
                    "serviceName": "iomete",
                    "resourceElements": where,
                }
                for n, (where, _) in enumerate(on.values(), start=1)
            ],
            "resourceToTagIds": {
                str(n): sorted(set(ids)) for n, (_, ids) in enumerate(on.values(), start=1)
            },
            "isDelta": False,
        },
        "roles": {
            "serviceName": "iomete",
            "roleVersion": 1,
            "rangerRoles": [
                {
                    "id": n,
                    "name": role,
                    "isEnabled": True,
                    "version": 1,
                    **{
                        kind: [{"name": name, "isAdmin": False} for name in members.get(kind, ())]
                        for kind in ("users", "groups", "roles")
                    },
                }
                for n, (role, members) in enumerate(held.items(), start=1)
            ],
        },
        "users": {
            user: {
                "groups": (groups or {}).get(user, []),
                "attributes": {},
                "enabled": user != "off",
            }
            for user in USERS
        },
        "owners": owners or {},
    }


def _service(name: str, number: int, documents: list[Document], definition: str) -> Document:
    text = (files("iomete.governance") / "definitions" / f"{definition}.json").read_text("utf-8")
    return {
        "serviceName": name,
        "serviceId": number,
        "policyVersion": 1,
        "policies": documents,
        "serviceDef": json.loads(text),
        "auditMode": "audit-all",
        "serviceConfig": {},
    }


@st.composite
def questions(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Give questions of all kinds, a moment for each few."""
    found = []
    for who in draw(
        st.lists(
            mostly(st.sampled_from(USERS[:3]), st.sampled_from(ASKING)), min_size=4, max_size=4
        )
    ):
        moment = draw(st.sampled_from(MOMENTS))
        catalog = draw(mostly(st.just("lake"), st.sampled_from(CATALOGS)))
        namespace = draw(mostly(st.just("crm"), st.sampled_from(NAMESPACES)))
        table = [catalog, namespace, draw(mostly(st.just("t"), st.sampled_from(TABLES)))]
        action = draw(st.sampled_from(ACTIONS))
        asked = {"at": int(moment.timestamp() * 1000), "who": who}
        columns = draw(st.sampled_from(([*COLUMNS, *FIELDS], ["ID", "other"], [])))
        path = draw(st.sampled_from((*PATHS, "s3://b/in/x", "/data/..", "/home/bob/x")))
        found += [
            asked | {"kind": "read", "parts": table, "columns": columns},
            asked | {"kind": "known", "parts": table},
            asked | {"kind": "known", "parts": table[:2]},
            asked | {"kind": "known", "parts": [catalog, namespace.split(".")[0]]},
            asked | {"kind": "known", "parts": table[:1]},
            asked | {"kind": "allowed", "action": action, "parts": table},
            asked | {"kind": "allowed", "action": "select", "parts": table},
            asked | {"kind": "allowed", "action": action, "parts": table[:2]},
            asked | {"kind": "allowed", "action": action, "parts": table[:1]},
            asked
            | {"kind": "path", "action": draw(st.sampled_from(("read", "write"))), "parts": [path]},
        ]
    return found
