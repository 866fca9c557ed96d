"""Trying a change judges few, and says what judging everybody on everything would say."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from iomete.governance.answers import simulate
from iomete.governance.answers.audience import Audience
from iomete.governance.answers.differences import changes
from iomete.governance.answers.effects import EffectKind
from iomete.governance.answers.sight import ACTIONS_BUT_SELECT, OTHER_COLUMNS, Sight, sight_of
from iomete.governance.answers.sights import Sights, SightsOfAll
from iomete.governance.documents.document import PolicyType
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
CONTAINERS = (*product(CATALOGS), *product(CATALOGS, NAMESPACES))
REAL = tuple(sorted((*COLUMNS, "contact.email", "contact.phone", "contact.email.host")))


class Tables:
    def list_tables(self) -> Iterator[tuple[str, ...]]:
        for catalog, namespace, table in NAMES:
            yield (catalog, *namespace.split("."), table)

    def columns_of(self, _table: Sequence[str]) -> list[str]:
        return list(REAL)

    def fields_of(self, _table: Sequence[str]) -> list[str]:
        return []


Judged = dict[EffectKind, set[tuple[str, ...]]]


def judged_one_by_one(before: Evaluator, after: Evaluator) -> Judged:
    """Return what differs, by kind: each with its user, table, action and column."""
    found: Judged = {kind: set() for kind in EffectKind}
    for user, table in product(USERS, NAMES):
        was = sight_of(before, before.subject(user), table, REAL)
        now = sight_of(after, after.subject(user), table, REAL)
        for kind, *what in differing(was, now):
            found[kind].add((user, ".".join(table), *what))
    return found


def differing(was: Sight, now: Sight) -> Iterator[tuple[Any, ...]]:
    """Give each thing that is otherwise for one user."""
    for kind, one, other in ((EffectKind.GAIN, now, was), (EffectKind.LOSS, was, now)):
        for action in one.actions - other.actions:
            yield kind, action, ""
        for column in one.columns.keys() - other.columns.keys():
            yield kind, "select", column
    for column in was.columns.keys() & now.columns.keys():
        if was.columns[column] != now.columns[column]:
            yield EffectKind.MASK, "select", column
    if was.columns and now.columns and was.filter != now.filter:
        yield EffectKind.FILTER, "select", ""


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(one=bundles(), other=bundles(), data=st.data())
def test_simulation_says_what_judging_one_by_one_does(
    one: dict[str, Any], other: dict[str, Any], data: st.DataObject
) -> None:
    if data.draw(st.booleans()):  # one policy comes or goes, and nobody moves
        other = copy.deepcopy(one)
        side = other["services"] if data.draw(st.booleans()) else one["services"]
        policies = side["policies"]
        del policies[data.draw(st.integers(0, len(policies) - 1))]
    before = PolicyBook(Contents.of_bundle(one)).at(MOMENTS[2])
    after = PolicyBook(Contents.of_bundle(other)).at(MOMENTS[2])
    expected = judged_one_by_one(before, after)
    result = simulate(before, after, Tables())
    for kind, effects in (
        (EffectKind.GAIN, result.gains),
        (EffectKind.LOSS, result.losses),
        (EffectKind.MASK, result.masks),
        (EffectKind.FILTER, result.filters),
    ):
        on_tables = {
            (user, effect.resource, effect.action, "")
            for effect in effects.examples
            for user in effect.principals
            if effect.action != "select" and effect.resource.count(".") > 1
        }
        wanted = {entry for entry in expected[kind] if entry[2] != "select"}
        if len(effects.examples) < 100:
            assert {e for e in on_tables if _is_table(e[1])} == wanted
        assert effects.principals >= len({entry[0] for entry in expected[kind]})
        assert not expected[kind] or effects.count


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(bundle=bundles())
def test_all_users_at_once_are_judged_as_each_is(bundle: dict[str, Any]) -> None:
    evaluator = PolicyBook(Contents.of_bundle(bundle)).at(MOMENTS[2])
    audience = Audience(evaluator.contents)
    together = SightsOfAll(evaluator, audience)
    columns = (*REAL, OTHER_COLUMNS)
    for table in NAMES:
        sights = together.of(table, columns, ACTIONS_BUT_SELECT)
        for user in USERS:
            assert sight_in(sights, audience.bit_of(user)) == sight_of(
                evaluator, evaluator.subject(user), table, columns
            )
    for parts, action, user in product(CONTAINERS, ACTIONS_BUT_SELECT, USERS):
        subject = evaluator.subject(user)
        granted = together.of(parts, (), [action]).actions[action] & audience.bit_of(user)
        assert bool(granted) == evaluator.is_allowed(user, action, parts), (subject, parts)


def sight_in(sights: Sights, bit: int) -> Sight:
    """Return what one user may do, of what all may."""
    columns = {
        column: mask
        for column, shown in sights.columns.items()
        for mask, users in shown.items()
        if users & bit
    }
    rows = [predicate for predicate, users in sights.filters.items() if users & bit]
    assert len(rows) == bool(columns)
    return Sight(
        actions=frozenset(action for action, users in sights.actions.items() if users & bit),
        columns=columns,
        filter=rows[0] if rows else None,
    )


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(one=bundles(), other=bundles())
def test_what_changes_for_all_is_what_changes_for_each(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    sides = [PolicyBook(Contents.of_bundle(side)).at(MOMENTS[2]) for side in (one, other)]
    audiences = [Audience(side.contents, USERS) for side in sides]
    for table in NAMES[:6]:
        was, now = (
            SightsOfAll(side, audience).of(table, REAL, ACTIONS_BUT_SELECT)
            for side, audience in zip(sides, audiences, strict=True)
        )
        found = list(changes(was, now))
        for user in USERS:
            bit = audiences[0].bit_of(user)
            told = [
                (change.difference.kind, change.difference.action, change.difference.column or "")
                for change in found
                if change.users & bit
            ]
            seen = [sight_of(side, side.subject(user), table, REAL) for side in sides]
            assert sorted(told) == sorted(differing(*seen))


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
