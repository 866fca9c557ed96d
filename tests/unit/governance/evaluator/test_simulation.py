"""Trying a change judges few, and says what judging everybody on everything would say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

from hypothesis import HealthCheck, given, settings

from iomete.governance.answers import simulate
from iomete.governance.answers.sight import OTHER_COLUMNS, sight_of
from iomete.governance.documents import PolicyType
from iomete.governance.evaluator import Contents, Evaluator, PolicyBook
from iomete.governance.evaluator.matching import Asked
from support.evaluator.worlds import (
    CATALOGS,
    COLUMNS,
    MOMENTS,
    NAMESPACES,
    TABLES,
    USERS,
    bundles,
)

NAMES = tuple(product(CATALOGS, NAMESPACES[:3], TABLES))
REAL = tuple(sorted((*COLUMNS, "contact.email", "contact.phone")))


class Tables:
    def list_tables(self) -> Iterator[tuple[str, ...]]:
        for catalog, namespace, table in NAMES:
            yield (catalog, *namespace.split("."), table)

    def columns_of(self, _table: Sequence[str]) -> list[str]:
        return list(REAL)

    def fields_of(self, _table: Sequence[str]) -> list[str]:
        return []


def judged_one_by_one(before: Evaluator, after: Evaluator) -> dict[str, set[tuple[str, ...]]]:
    """Return gains and losses of actions, and of whole tables read, each by user and table."""
    found: dict[str, set[tuple[str, ...]]] = {"gain": set(), "loss": set()}
    for user, table in product(USERS, NAMES):
        columns = (*REAL, OTHER_COLUMNS)
        was = sight_of(before, before.subject(user), table, columns)
        now = sight_of(after, after.subject(user), table, columns)
        for kind, one, other in (("gain", now, was), ("loss", was, now)):
            for action in one.actions - other.actions:
                found[kind].add((user, ".".join(table), action))
            if one.columns and not other.columns:
                found[kind].add((user, ".".join(table), "select"))
    return found


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(one=bundles(), other=bundles())
def test_simulation_says_what_judging_one_by_one_does(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    before = PolicyBook(Contents.of_bundle(one)).at(MOMENTS[2])
    after = PolicyBook(Contents.of_bundle(other)).at(MOMENTS[2])
    expected = judged_one_by_one(before, after)
    result = simulate(before, after, Tables())
    for kind, effects in (("gain", result.gains), ("loss", result.losses)):
        on_tables = {
            (user, effect.resource, effect.action)
            for effect in effects.examples
            for user in effect.principals
            if effect.action != "select" and effect.resource.count(".") > 1
        }
        wanted = {entry for entry in expected[kind] if entry[2] != "select"}
        if len(effects.examples) < 100:
            assert {e for e in on_tables if _is_table(e[1])} == wanted
        users = {entry[0] for entry in expected[kind]}
        assert effects.principals >= len(users)


def _is_table(name: str) -> bool:
    return name in {".".join(table) for table in NAMES}


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(bundle=bundles())
def test_tables_that_are_told_apart_by_nothing_are_decided_alike(bundle: dict[str, Any]) -> None:
    evaluator = PolicyBook(Contents.of_bundle(bundle)).at(MOMENTS[2])
    columns = (*REAL, OTHER_COLUMNS)
    seen: dict[tuple[object, ...], Any] = {}
    for table, user in product(NAMES, USERS):
        about = evaluator.about(table)
        if any(policy.fills_names for policy in about.policies.values()):
            continue
        sight = sight_of(evaluator, evaluator.subject(user), table, columns)
        key = (about.signature, evaluator.owner_of(table), user)
        assert seen.setdefault(key, sight) == sight


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(bundle=bundles())
def test_policies_on_namespaces_are_those_that_match_them(bundle: dict[str, Any]) -> None:
    evaluator = PolicyBook(Contents.of_bundle(bundle)).at(MOMENTS[2])
    containers = [*product(CATALOGS), *product(CATALOGS, NAMESPACES)]
    for parts, user in product(containers, USERS):
        subject = evaluator.subject(user)
        if subject is None:
            continue
        asked = Asked(user=user)
        found = evaluator.on_resource(PolicyType.ACCESS, subject, parts, None, below=False)
        assert {policy.id for policy, _ in found} == {
            policy.id
            for policy in evaluator.policies
            if policy.kind is PolicyType.ACCESS and policy.match(parts, asked).covers
        }
