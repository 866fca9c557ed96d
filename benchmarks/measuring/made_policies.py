"""A large lakehouse's governance, made up: policies of all kinds on many tables, and who they name.

10,000 tables of ten columns, which are 100,000 resources, in 100 namespaces, a tenth of which are
called as a user is; 1,000 users in 100 groups and 20 roles; a tenth of the tables with tagged
columns, and another tenth with names that begin with a user's.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from iomete.governance.evaluator import Attachment, Contents, Memberships, User

POLICIES = 10_000
TABLES = 10_000
COLUMNS = 10
USERS, GROUPS, ROLES = 1_000, 100, 20
NAMESPACES = 100

Document = dict[str, Any]


def namespace_name(number: int) -> str:
    return f"u{number}" if number % 10 == 1 else f"ns{number}"


def table_name(number: int) -> tuple[str, str, str]:
    name = f"u{number // 10}_t{number}" if number % 10 == 3 else f"t{number}"
    return "lake", namespace_name(number % NAMESPACES), name


class Tables:
    """The tables that there are, as the catalog tells them."""

    def list_tables(self) -> Iterator[tuple[str, str, str]]:
        for number in range(TABLES):
            yield table_name(number)

    def columns_of(self, _table: Sequence[str]) -> list[str]:
        return [f"c{number}" for number in range(COLUMNS)]

    def fields_of(self, _table: Sequence[str]) -> list[str]:
        return []


def policy(policy_id: int, **members: Any) -> Document:
    document = {
        "id": policy_id,
        "service": "iomete",
        "name": f"policy {policy_id}",
        "policyType": 0,
        "policyPriority": 0,
        "isEnabled": True,
    }
    return document | members


def item(action: str, dice: random.Random, **members: Any) -> Document:
    groups = [f"g{dice.randrange(GROUPS)}"]
    roles = [f"r{dice.randrange(ROLES)}"] if dice.random() < 0.3 else []
    users = [f"u{dice.randrange(USERS)}"] if dice.random() < 0.2 else []
    who = {"users": users, "groups": groups, "roles": roles}
    return {"accesses": [{"type": action, "isAllowed": True}], **who, **members}


def on(table: int, column: str = "*") -> dict[str, dict[str, list[str]]]:
    levels = zip(("catalog", "namespace", "table"), table_name(table), strict=True)
    named = {level: {"values": [value]} for level, value in levels}
    return named | {"column": {"values": [column]}}


def whole_namespace(number: int) -> dict[str, dict[str, list[str]]]:
    return {
        "catalog": {"values": ["lake"]},
        "namespace": {"values": [namespace_name(number), f"{namespace_name(number)}.*"]},
        "table": {"values": ["*"]},
        "column": {"values": ["*"]},
    }


def made(policy_id: int, dice: random.Random) -> Document:
    """Return one policy: most are grants on a table, some denials, masks and filters."""
    kind, table = dice.random(), dice.randrange(TABLES)
    column = f"c{dice.randrange(COLUMNS)}"
    if kind < 0.1:
        where = whole_namespace(dice.randrange(NAMESPACES))
        return policy(policy_id, resources=where, policyItems=[item("select", dice)])
    if kind < 0.6:
        action = dice.choice(["select", "select", "insert", "all"])
        return policy(policy_id, resources=on(table), policyItems=[item(action, dice)])
    if kind < 0.75:
        denied = [item("select", dice)]
        return policy(policy_id, resources=on(table, column), denyPolicyItems=denied)
    if kind < 0.9:
        masked = [item("select", dice, dataMaskInfo={"dataMaskType": "MASK"})]
        where = on(table, column)
        return policy(policy_id, policyType=1, resources=where, dataMaskPolicyItems=masked)
    rows = [item("select", dice, rowFilterInfo={"filterExpr": "c0 > 1"})]
    where = {level: value for level, value in on(table).items() if level != "column"}
    return policy(policy_id, policyType=2, resources=where, rowFilterPolicyItems=rows)


def contents() -> Contents:
    dice = random.Random(7)  # noqa: S311  # made-up policies
    tagged = {"dataMaskType": "iomete:MASK_HASH"}
    tag_policies = [
        policy(
            100 + POLICIES + number,
            service="iomete_tag",
            policyType=1,
            resources={"tag": {"values": [f"PII.{number}"]}},
            dataMaskPolicyItems=[item("iomete:select", dice, dataMaskInfo=tagged)],
        )
        for number in range(10)
    ]
    attachments = [
        Attachment(tag=f"PII.{table % 10}", resources=on(table, f"c{table % COLUMNS}"))
        for table in range(0, TABLES, 10)
    ]
    direct = {f"user:u{n}": (f"group:g{n % GROUPS}",) for n in range(USERS)}
    direct |= {f"group:g{n}": (f"role:r{n % ROLES}",) for n in range(GROUPS)}
    return Contents(
        version=1,
        access=[made(100 + number, dice) for number in range(POLICIES)],
        tag=tag_policies,
        attachments=attachments,
        users={f"u{n}": User() for n in range(USERS)},
        memberships=Memberships(direct),
    )


# --- variants -------------------------------------------------------------------------------------


def half_of_them_over(before: Contents) -> Contents:
    """Let every other policy have ended."""
    over = {"validitySchedules": [{"endTime": "2025/01/01 00:00:00", "timeZone": "UTC"}]}
    access = [one | over if place % 2 else one for place, one in enumerate(before.access)]
    return replace(before, access=access)


def with_policies(before: Contents, *added: Document) -> Contents:
    return replace(before, access=[*before.access, *added])


def for_everyone(policy_id: int, action: str = "select", **names: list[str]) -> Document:
    """Return a grant to everyone on all tables, but for the levels that are named."""
    who = {"accesses": [{"type": action, "isAllowed": True}], "groups": ["public"]}
    return policy(policy_id, resources=everywhere(**names), policyItems=[who])


def masked_for_everyone(policy_id: int, column: str) -> Document:
    who = {"accesses": [{"type": "select", "isAllowed": True}], "groups": ["public"]}
    masked = who | {"dataMaskInfo": {"dataMaskType": "MASK"}}
    where = everywhere(column=[column])
    return policy(policy_id, policyType=1, resources=where, dataMaskPolicyItems=[masked])


def everywhere(**names: list[str]) -> dict[str, dict[str, list[str]]]:
    all_names = {"catalog": ["lake"], "namespace": ["*"], "table": ["*"], "column": ["*"]} | names
    return {level: {"values": values} for level, values in all_names.items()}


def granted_on_each_table(before: Contents) -> Contents:
    """Grant each table to a group: as many new policies as there are tables."""
    grants = [
        policy(
            1_000_000 + table,
            resources=on(table),
            policyItems=[{"accesses": [{"type": "select"}], "groups": [f"g{table % GROUPS}"]}],
        )
        for table in range(TABLES)
    ]
    return with_policies(before, *grants)


def without_roles(before: Contents) -> Contents:
    direct = {
        member: tuple(one for one in above if not one.startswith("role:"))
        for member, above in before.memberships.direct.items()
    }
    return replace(before, memberships=Memberships(direct))


def with_group_in_group(before: Contents) -> Contents:
    direct = dict(before.memberships.direct)
    direct["group:g5"] = (*direct["group:g5"], "group:g6")
    return replace(before, memberships=Memberships(direct))
