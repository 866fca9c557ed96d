"""What policies mean, by what people see: a table of policies over the engine that enforces them.

Each case has a table of its own, named after it, with the same two rows.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pyspark.errors import AnalysisException

import iomete
from iomete.access import Principal
from iomete.catalog import Owners, Tags
from iomete.errors import QueryError
from iomete.governance import Administration, Policies, Policy, Principals, Publisher
from iomete.lakehouse import PolicyChecks
from iomete.store import Store
from support.audit import trail_in

COLUMNS = ("id", "name", "ssn", "region")
ALL = "id name ssn region; 1 ann 111 EU; 2 ben 222 US"
NO_SSN = "id name region; 1 ann EU; 2 ben US"
ID = "id; 1; 2"
NULL_SSN = "id name ssn region; 1 ann None EU; 2 ben None US"
OF_ANN = "id name ssn region; 1 ann 111 EU"
OF_BOB = "id name ssn region; 2 ben 222 US"
NOTHING = "nothing"
"""Hidden: as if there were no such table."""

PEOPLE = ("ann", "ben", "cem", "dan")
"""`ann` is in `analysts`, `cem` through `juniors`; `ben` in `contractors`; `dan` owns tables."""

Write = Callable[[Policies, str], Any]


@dataclass(frozen=True, kw_only=True)
class Case:
    """Policies on one table, and what whom they show; who isn't named sees nothing."""

    write: tuple[Write, ...]
    sees: dict[str, str]
    tag: str | None = None
    column_tag: str | None = None
    owner: str | None = None
    namespace: str = "lake.semantics"


def everyone(p: Policies, t: str) -> None:
    p.grant("select", on=t, to="everyone")


def document(table: str, **changes: Any) -> dict[str, Any]:
    """A grant on a table to everyone, as Ranger writes it, with some of it changed."""
    catalog, namespace, name = table.split(".")
    levels = {"catalog": catalog, "namespace": namespace, "table": name, "column": "*"}
    resources = {level: {"values": [value]} for level, value in levels.items()}
    resources |= changes.pop("levels", {})
    return {
        "service": "iomete",
        "name": changes.pop("name", f"imported on {table}"),
        "resources": resources,
        "policyItems": [to(groups=["public"])],
        **changes,
    }


def to(**whom: Any) -> dict[str, Any]:
    return {"accesses": [{"type": "select", "isAllowed": True}], **whom}


def imported(make: Callable[[str], dict[str, Any]]) -> Write:
    return lambda p, t: p.import_({"policies": [make(t)]})


def clock(zone: str, *, hours: float) -> datetime:
    """The time on the wall somewhere, so many hours from now."""
    return (datetime.now(UTC) + timedelta(hours=hours)).astimezone(ZoneInfo(zone))


def stamp(zone: str, *, hours: float) -> str:
    return clock(zone, hours=hours).strftime("%Y/%m/%d %H:%M:%S")


def daily(begin: datetime, *, zone: str) -> dict[str, Any]:
    """Two hours each day, from the time on somebody's wall, by the clock of a zone."""
    schedule = {
        "minute": str(begin.minute), "hour": str(begin.hour),
        "dayOfWeek": "*", "month": "*", "year": "*",
    }  # fmt: skip
    return {
        "timeZone": zone,
        "recurrences": [{"schedule": schedule, "interval": {"hours": 2}}],
    }


EACH = dict.fromkeys(PEOPLE, ALL)
CASES: dict[str, Case] = {
    "nothing_unless_granted": Case(write=(), sees={}),
    "a_denial_beats_a_grant": Case(
        write=(
            lambda p, t: p.grant("select", on=t, to="group:analysts"),
            lambda p, t: p.deny("select", on=t, columns="ssn", to="ann"),
        ),
        sees={"ann": NO_SSN, "cem": ALL},
    ),
    "a_denial_of_the_table_beats_a_grant_of_columns": Case(
        write=(
            lambda p, t: p.grant("select", on=t, columns="id", to="everyone"),
            lambda p, t: p.deny("all", on=t, to="group:contractors"),
        ),
        sees={"ann": ID, "cem": ID, "dan": ID},
    ),
    "an_exception_from_a_grant": Case(
        write=(lambda p, t: p.grant("select", on=t, to="group:analysts", except_="ann"),),
        sees={"cem": ALL},
    ),
    "an_exception_from_a_grant_denies_nothing": Case(
        write=(
            lambda p, t: p.grant("select", on=t, to="group:analysts", except_="ann"),
            lambda p, t: p.grant("select", on=t, columns="id", to="ann"),
        ),
        sees={"ann": ID, "cem": ALL},
    ),
    "an_exception_from_a_denial": Case(
        write=(
            everyone,
            lambda p, t: p.deny("select", on=t, columns="ssn", to="everyone", except_="ben"),
        ),
        sees=dict.fromkeys(PEOPLE, NO_SSN) | {"ben": ALL},
    ),
    "both_exceptions_in_one_policy": Case(
        write=(
            imported(
                lambda t: document(
                    t,
                    allowExceptions=[to(users=["dan"])],
                    denyPolicyItems=[to(groups=["analysts"])],
                    denyExceptions=[to(users=["cem"])],
                )
            ),
        ),
        sees={"ben": ALL, "cem": ALL},
    ),
    "an_override_beats_a_denial": Case(
        write=(
            everyone,
            lambda p, t: p.deny("select", on=t, to="group:analysts"),
            lambda p, t: p.grant("select", on=t, columns="id", to="ann", priority="override"),
        ),
        sees={"ann": ID, "ben": ALL, "dan": ALL},
    ),
    "among_overrides_a_denial_wins": Case(
        write=(
            lambda p, t: p.grant("select", on=t, to="everyone", priority="override"),
            lambda p, t: p.deny("select", on=t, to="ann", priority="override"),
        ),
        sees={"ben": ALL, "cem": ALL, "dan": ALL},
    ),
    "an_overriding_mask": Case(
        write=(
            everyone,
            lambda p, t: p.mask(t, "ssn", "nullify", to="everyone"),
            lambda p, t: p.mask(t, "ssn", "none", to="ann", priority="override"),
        ),
        sees=dict.fromkeys(PEOPLE, NULL_SSN) | {"ann": ALL},
    ),
    "a_filter_with_an_exception": Case(
        write=(
            everyone,
            lambda p, t: p.filter_rows(t, "region = 'EU'", to="everyone", except_="role:reader"),
        ),
        sees=dict.fromkeys(PEOPLE, OF_ANN) | {"dan": ALL, "ben": ALL},
    ),
    "validity_that_is_over_or_to_come": Case(
        write=(
            lambda p, t: p.grant("select", on=t, to="ann", valid_until="2020-01-01"),
            lambda p, t: p.grant("select", on=t, to="ben", valid_from="2099-01-01"),
            lambda p, t: p.grant(
                "select", on=t, to="cem", valid_from="2020-01-01", valid_until="2099-01-01"
            ),
            lambda p, t: p.grant("select", on=t, to="dan"),
            lambda p, t: p.deny("select", on=t, to="dan", valid_until="2020-01-01"),
        ),
        sees={"cem": ALL, "dan": ALL},
    ),
    "validity_in_a_time_zone": Case(
        write=tuple(
            imported(
                lambda t, zone=zone, who=who: document(
                    t,
                    name=f"since an hour in Tokyo, said of {zone}",
                    policyItems=[to(users=[who])],
                    validitySchedules=[
                        {"startTime": stamp("Asia/Tokyo", hours=-1), "timeZone": zone}
                    ],
                )
            )
            for zone, who in (("Asia/Tokyo", "ann"), ("UTC", "ben"))
        ),
        sees={"ann": ALL},
    ),
    "validity_that_recurs_in_a_time_zone": Case(
        write=tuple(
            imported(
                lambda t, zone=zone, hours=hours, who=who: document(
                    t,
                    name=f"daily {hours} {zone}",
                    policyItems=[to(users=[who])],
                    validitySchedules=[daily(clock("Asia/Kolkata", hours=hours), zone=zone)],
                )
            )
            for zone, hours, who in (
                ("Asia/Kolkata", -1, "ann"),
                ("UTC", -1, "ben"),
                ("Asia/Kolkata", 1, "cem"),
            )
        ),
        sees={"ann": ALL},
    ),
    "a_mask_that_recurs": Case(
        write=(
            everyone,
            imported(
                lambda t: {
                    "service": "iomete",
                    "name": "daily masks",
                    "policyType": 1,
                    "resources": document(t, levels={"column": {"values": ["ssn"]}})["resources"],
                    "dataMaskPolicyItems": [
                        to(users=[who]) | {"dataMaskInfo": {"dataMaskType": "MASK_NULL"}}
                        for who in ("ann", "ben")
                    ],
                    "validitySchedules": [daily(clock("UTC", hours=-1), zone="UTC")],
                }
            ),
        ),
        sees=EACH | {"ann": NULL_SSN, "ben": NULL_SSN},
    ),
    "wildcards": Case(
        write=(
            lambda p, t: p.grant("select", on=f"{t[:-3]}*", columns="i?", to="ann"),
            lambda p, _: p.grant("select", on="l?ke.semantics.wildcard?", to="ben"),
            lambda p, t: p.grant("select", on=t, columns=["*"], to="dan"),
            lambda p, _: p.mask("lake.seman*.wildcards", "s*", "nullify", to="dan"),
        ),
        sees={"ann": ID, "ben": ALL, "dan": NULL_SSN},
    ),
    "all_columns_but_some": Case(
        write=(
            lambda p, t: p.grant("select", on=t, except_columns="SSN", to="ann"),
            lambda p, t: p.grant("select", on=t, to="ben"),
            lambda p, t: p.deny("select", on=t, except_columns="id", to="ben"),
        ),
        sees={"ann": NO_SSN, "ben": ID},
    ),
    "crm": Case(
        namespace="lake.semantics_but",
        write=(
            imported(
                lambda t: document(t, levels={"table": {"values": ["hr"], "isExcludes": True}}),
            ),
        ),
        sees=EACH,
    ),
    "hr": Case(
        namespace="lake.semantics_but",  # where all tables but this one are granted
        write=(),
        sees={},
    ),
    "roles": Case(
        write=(lambda p, t: p.grant("select", on=t, to="role:reader"),),
        sees={"ben": ALL, "dan": ALL},
    ),
    "nested_roles": Case(
        write=(lambda p, t: p.grant("select", on=t, to="role:viewer"),),
        sees={"ben": ALL, "cem": ALL, "dan": ALL},
    ),
    "groups": Case(
        write=(lambda p, t: p.grant("select", on=t, to="group:contractors"),), sees={"ben": ALL}
    ),
    "nested_groups": Case(
        write=(lambda p, t: p.grant("select", on=t, to="group:analysts"),),
        sees={"ann": ALL, "cem": ALL},
    ),
    "a_tag": Case(
        tag="SEMANTICS.OPEN",
        write=(lambda p, _: p.grant("select", on_tag="SEMANTICS.OPEN", to="group:analysts"),),
        sees={"ann": ALL, "cem": ALL},
    ),
    "a_tags_mask": Case(
        column_tag="SEMANTICS.ID",
        write=(
            everyone,
            lambda p, _: p.mask_tag("SEMANTICS.ID", "nullify", to="everyone", except_="ann"),
        ),
        sees=dict.fromkeys(PEOPLE, NULL_SSN) | {"ann": ALL},
    ),
    "a_denial_on_a_pattern_of_tags": Case(
        column_tag="SECRETS.NUMBER",
        write=(everyone, lambda p, _: p.deny("select", on_tag="SECRETS.*", to="group:analysts")),
        sees=EACH | {"ann": NO_SSN, "cem": NO_SSN},
    ),
    "owners": Case(
        owner="dan",
        write=(lambda p, t: p.grant("select", on=f"{t[:-1]}?", to="{OWNER}"),),
        sees={"dan": ALL},
    ),
    "all_but_owners": Case(
        owner="dan",
        write=(
            everyone,
            lambda p, t: p.deny("select", on=t, columns="ssn", to="ann", except_="{OWNER}"),
            lambda p, t: p.mask(t, "ssn", "nullify", to="everyone", except_="{OWNER}"),
        ),
        sees=dict.fromkeys(PEOPLE, NULL_SSN) | {"ann": NO_SSN, "dan": ALL},
    ),
    "named_by_ann": Case(
        write=(lambda p, _: p.grant("select", on="lake.semantics.named_by_{USER}", to="everyone"),),
        sees={"ann": ALL},
    ),
    "owned_by_dan": Case(
        owner="dan",
        write=(
            imported(
                lambda t: document(t, levels={"table": {"values": ["owned_by_{OWNER}"]}}),
            ),
        ),
        sees=EACH,
    ),
    "rows_of_the_asker": Case(
        write=(
            lambda p, t: p.grant("select", on=t, to="{USER}"),
            lambda p, t: p.filter_rows(t, "name = {USER}", to="group:analysts"),
            lambda p, t: p.filter_rows(t, "region = ${{USER.region}}", to="ben"),
        ),
        sees={"ann": OF_ANN, "ben": OF_BOB, "cem": "id name ssn region", "dan": ALL},
    ),
    "all_else_is_denied": Case(
        write=(
            everyone,
            imported(lambda t: document(t, isDenyAllElse=True, policyItems=[to(users=["ann"])])),
        ),
        sees={"ann": ALL},
    ),
    "all_else_is_denied_what_has_a_tag": Case(
        column_tag="SECRETS_OF_ANN",
        write=(
            everyone,
            imported(
                lambda _: {
                    "service": "iomete_tag",
                    "name": "for Ann alone",
                    "resources": {"tag": {"values": ["SECRETS_OF_ANN"]}},
                    "policyItems": [
                        {"accesses": [{"type": "iomete:select"}], "users": ["ann"]},
                    ],
                    "isDenyAllElse": True,
                }
            ),
        ),
        sees=dict.fromkeys(PEOPLE, NO_SSN) | {"ann": ALL},
    ),
    "additional_resources": Case(
        write=(
            everyone,
            imported(
                lambda t: document(
                    t,
                    levels={"column": {"values": ["ssn"]}},
                    policyItems=[],
                    denyPolicyItems=[to(users=["ann"])],
                    additionalResources=[
                        document(t, levels={"column": {"values": ["region"]}})["resources"]
                    ],
                )
            ),
        ),
        sees=EACH | {"ann": "id name; 1 ann; 2 ben"},
    ),
}


@dataclass(frozen=True)
class Semantics:
    """The cases' policies in a lakehouse, and the lakehouse as each of the people."""

    lake: iomete.Lakehouse
    people: dict[str, iomete.Lakehouse]
    policies: list[Policy]


@pytest.fixture(scope="module")
def semantics(lake: iomete.Lakehouse) -> Iterator[Semantics]:
    for namespace in {case.namespace for case in CASES.values()}:
        lake.catalog.create_namespace(namespace)
    for name in CASES:
        lake.sql(
            f"CREATE TABLE {table_of(name)} AS SELECT * FROM VALUES "
            "(1, 'ann', '111', 'EU'), (2, 'ben', '222', 'US') AS t (id, name, ssn, region)"
        )
    before = {policy.id for policy in lake.policies.list()}
    with lake.policies.batch():
        populate(lake.principals, lake.tags, lake.catalog.set_owner)
        for name, case in CASES.items():
            for write in case.write:
                write(lake.policies, table_of(name))
    made = [policy for policy in lake.policies.list() if policy.id not in before]
    yield Semantics(lake, {who: lake.as_principal(who) for who in PEOPLE}, made)
    with lake.policies.batch():
        for policy in made:
            lake.policies.delete(policy.id)


def table_of(name: str) -> str:
    return f"{CASES[name].namespace}.{name}"


def populate(principals: Principals, tags: Tags, set_owner: Callable[[str, str], None]) -> None:
    for group in ("analysts", "contractors"):
        principals.add_group(group)
    principals.add_group("juniors", groups="analysts")
    principals.add_user("ann", groups="analysts", attributes={"region": "EU"})
    principals.add_user("ben", groups="contractors", attributes={"region": "US"})
    principals.add_user("cem", groups="juniors")
    principals.add_user("dan")
    principals.add_role("reader", to=["group:contractors", "dan"])
    principals.add_role("viewer", to=["role:reader", "group:juniors"])
    for name, case in CASES.items():
        table = table_of(name)
        for tag, resource in ((case.tag, table), (case.column_tag, f"{table}.ssn")):
            if tag:
                tags.define(tag)
                tags.attach(tag, resource)
        if case.owner:
            set_owner(table, case.owner)


def seen(lake: iomete.Lakehouse, table: str) -> str:
    try:
        frame = lake.table(table)
        rows = sorted(frame.collect())
    except (QueryError, AnalysisException) as error:
        condition = getattr(error, "condition", None) or error.getCondition()
        if condition != "TABLE_OR_VIEW_NOT_FOUND":
            raise
        return NOTHING
    return "; ".join(" ".join(map(str, row)) for row in (frame.columns, *rows))


@pytest.mark.parametrize("name", CASES)
def test_who_sees_what(semantics: Semantics, name: str) -> None:
    table = table_of(name)
    expected = dict.fromkeys(PEOPLE, NOTHING) | CASES[name].sees
    assert {who: seen(lake, table) for who, lake in semantics.people.items()} == expected


def test_whoever_becomes_owner_has_the_owners_rights(semantics: Semantics) -> None:
    table = table_of("owners")
    semantics.lake.catalog.set_owner(table, "ben")
    try:
        assert {who: seen(lake, table) for who, lake in semantics.people.items()} == dict.fromkeys(
            PEOPLE, NOTHING
        ) | {"ben": ALL}
    finally:
        semantics.lake.catalog.set_owner(table, "dan")
    assert seen(semantics.people["dan"], table) == ALL


def test_an_export_decides_the_same_in_an_empty_lakehouse(
    semantics: Semantics, tmp_path: Path
) -> None:
    lake = semantics.lake
    names = {policy.name for policy in semantics.policies}
    exported = lake.policies.export(tmp_path / "policies.json")
    ours = [policy for policy in exported["policies"] if policy["name"] in names]
    checks = PolicyChecks(lake)
    with Store.open(tmp_path / "store.db") as store:
        publisher = Publisher(store, tmp_path / "policies")
        creator = Principal(store.identity().created_by)
        trail = trail_in(tmp_path / "spool")
        administration = Administration(store, creator, publisher, trail=trail)
        set_owner = Owners(administration, checks).set_owner
        populate(Principals(administration), Tags(administration, checks), set_owner)
        policies = Policies(administration, checks)
        policies.import_({"policies": json.loads(json.dumps(ours))})
        assert policies.export()["policies"] == ours
        there = decisions(lake, publisher.path)
    assert there == decisions(lake, lake.folder / "policies" / "bundle.json")
    assert len({json.dumps(one) for one in there.values()}) > 8  # not all the same, that is


def decisions(lake: iomete.Lakehouse, bundle: Path) -> dict[tuple[str, str], Any]:
    """What the engine says by a bundle, but for ids of policies."""
    jvm = lake.spark._jvm
    package = jvm.io.iomete.spark.governance
    columns = jvm.scala.jdk.javaapi.CollectionConverters.asScala(list(COLUMNS)).toSeq()
    engine = package.ranger.RangerPolicyEngine.start(str(bundle))
    try:
        found = {}
        for name in CASES:
            table = package.decisions.TableResource(*table_of(name).split("."))
            for who in PEOPLE:
                decision = engine.read(who, table, columns)
                rule = decision.filter()
                found[name, who] = (
                    sorted(decision.visible().mkString(" ").split()),
                    sorted(decision.denied().mkString(" ").split()),
                    sorted(decision.masks().keySet().mkString(" ").split()),
                    rule.get().predicate() if rule.isDefined() else None,
                    decision.broken().isDefined(),
                )
        return found
    finally:
        engine.close()
