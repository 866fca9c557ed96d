"""What is found by indexes and kept gives the answers that looking at everything would give."""

from __future__ import annotations

from datetime import timedelta
from itertools import product
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from iomete.governance.answers.audience import Audience
from iomete.governance.answers.considered_policies import ConsideredPolicies
from iomete.governance.answers.explanation import ConsideredPolicy, Outcome, by_outcome
from iomete.governance.answers.reach import AttachedByHand, Reach
from iomete.governance.documents.document import PolicyType
from iomete.governance.evaluator import (
    CompiledPolicy,
    Contents,
    Evaluator,
    PolicyBook,
    Said,
    Subject,
)
from iomete.governance.evaluator.decisions import Access, first_said
from iomete.governance.evaluator.matching import Asked, Values
from iomete.governance.evaluator.resource_names import Parts
from iomete.governance.evaluator.schedules import Schedule, holds_at
from iomete.governance.evaluator.timetable import Timetable
from support.evaluator.worlds import (
    CATALOGS,
    COLUMNS,
    FIELDS,
    MOMENTS,
    NAMESPACES,
    RECURRENCE,
    SCHEDULE,
    TABLES,
    USERS,
    bundle_of,
    bundles,
)

TABLE_NAMES = tuple(product(CATALOGS[:2], NAMESPACES, TABLES))
RESOURCES: tuple[Parts, ...] = (
    *TABLE_NAMES,
    *product(CATALOGS[:1], NAMESPACES, TABLES, (*COLUMNS, *FIELDS)),
)
CONTAINERS: tuple[Parts, ...] = (*product(CATALOGS), *product(CATALOGS, NAMESPACES))
SEEDS = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))


def book_of(bundle: dict[str, Any]) -> PolicyBook:
    return PolicyBook(Contents.of_bundle(bundle))


def subjects(evaluator: Evaluator) -> list[Subject]:
    keys = frozenset(("group:public", "group:g1"))
    odd = [Subject(name=name, keys=keys) for name in ("*", "b?b", "{OWNER}", "group:g1")]
    return [*filter(None, map(evaluator.subject, USERS)), *odd]


def looked_for(
    evaluator: Evaluator, kind: PolicyType, subject: Subject, parts: Parts
) -> tuple[list[Any], list[Any]]:
    """Return the policies on tags, and on a resource, by looking at those that can be on it."""
    owner = evaluator.owner_of(parts)
    return (
        evaluator.on_tags(kind, evaluator.tags.of(parts)),
        list(evaluator.on_resource(kind, subject, parts, owner, below=False)),
    )


@SEEDS
@given(bundle=bundles())
def test_policies_kept_for_a_table_are_those_on_it_for_each_user(bundle: dict[str, Any]) -> None:
    evaluator = book_of(bundle).at(MOMENTS[2])
    for kind, subject, parts in product(PolicyType, subjects(evaluator), RESOURCES):
        kept = evaluator.in_table(kind, subject, parts)
        found = looked_for(evaluator, kind, subject, parts)
        assert tuple(tuple(policy for policy, _ in one) for one in found) == kept


@SEEDS
@given(bundle=bundles())
def test_decisions_are_those_of_asking_each_policy(bundle: dict[str, Any]) -> None:
    evaluator = book_of(bundle).at(MOMENTS[2])
    for subject, action, parts in product(subjects(evaluator), ("select", "insert"), RESOURCES):
        owner = evaluator.owner_of(parts)
        on_tags, on_resource = (
            first_said(one, action, subject, owner)
            for one in looked_for(evaluator, PolicyType.ACCESS, subject, parts)
        )
        for _ in range(2):  # lists are asked the first time, and ranked for the next
            found = evaluator.access(subject, action, parts)
            assert found in (on_tags, on_resource)
            assert found.said == said_by_both(on_tags, on_resource)


def said_by_both(on_tags: Access, on_resource: Access) -> Said:
    saying = [one for one in (on_tags, on_resource) if one.policy is not None]
    if not saying:
        return Said.NOTHING
    first = max(one.policy.priority for one in saying if one.policy is not None)
    said = [one.said for one in saying if one.policy is not None and one.policy.priority == first]
    return Said.DENIES if Said.DENIES in said else Said.GRANTS


# --- schedules ------------------------------------------------------------------------------------


@SEEDS
@given(
    things=st.lists(st.lists(SCHEDULE, min_size=1, max_size=2), max_size=6),
    moments=st.lists(
        st.tuples(
            st.sampled_from(MOMENTS),
            st.integers(-200, 200),
            st.sampled_from((0, 1, 999_999, 60_000_000)),
        ),
        min_size=1,
        max_size=30,
    ),
)
@example(
    things=[[{"startTime": "2026/03/29 12:00:00", "endTime": "2026/03/29 12:00:00"}]],
    moments=[(MOMENTS[2], 0, 0), (MOMENTS[2], 0, 1), (MOMENTS[2], 0, 0)],
)
def test_what_sleeps_is_what_no_schedule_of_holds(things: Any, moments: Any) -> None:
    schedules = [tuple(map(Schedule.of, one)) for one in things]
    timetable = Timetable(schedules)
    for moment, minutes, microseconds in moments:
        now = moment + timedelta(minutes=15 * minutes, microseconds=microseconds)
        expected = {place for place, one in enumerate(schedules) if not holds_at(one, now)}
        assert timetable.asleep(now) == expected


@SEEDS
@given(recurrence=RECURRENCE, minutes=st.lists(st.integers(0, 20_000), min_size=1, max_size=20))
def test_what_recurs_begins_and_ends_on_its_minutes(recurrence: Any, minutes: list[int]) -> None:
    schedules = [[Schedule.of({"timeZone": "Europe/Berlin", "recurrences": [recurrence]})]]
    timetable = Timetable(schedules)
    for minute, microseconds in product(minutes, (0, 1, 400_000, 1_000_000, 59_999_999)):
        now = MOMENTS[0] + timedelta(minutes=minute, microseconds=microseconds)
        assert bool(timetable.asleep(now)) != holds_at(schedules[0], now)


@SEEDS
@given(bundle=bundles())
def test_sleeping_policies_are_found_on_what_they_match(bundle: dict[str, Any]) -> None:
    book = book_of(bundle)
    for moment in MOMENTS:
        evaluator = book.at(moment)
        expected = {p.id for p in book.policies if not holds_at(p.schedules, moment)}
        assert {policy.id for policy in evaluator.asleep} == expected
        assert book.at(moment) is evaluator
        for kind, user, parts in product(PolicyType, USERS[:2], (*RESOURCES, *CONTAINERS)):
            asked = Asked(user=user, owner=evaluator.owner_of(parts))
            tags = {tag.tag for tag in evaluator.tags.of(parts)}
            assert evaluator.sleeping.on(kind, parts, asked, tags) == [
                policy
                for policy in evaluator.asleep
                if policy.kind is kind
                and (policy.match(parts, asked).covers or any(map(policy.is_on_tag, tags)))
            ]


# --- explanations ---------------------------------------------------------------------------------


@SEEDS
@given(bundle=bundles())
def test_policies_on_a_table_are_told_as_those_on_each_column(bundle: dict[str, Any]) -> None:
    evaluator = book_of(bundle).at(MOMENTS[2])
    considered = ConsideredPolicies(evaluator, Reach(evaluator, AttachedByHand()))
    for subject, table in product(subjects(evaluator), TABLE_NAMES):
        told: dict[int, ConsideredPolicy] = {}
        for column in COLUMNS:
            parts = (*table, column)
            found = evaluator.decide(subject, "select", parts)
            for one in considered.on(subject, "select", parts, found):
                if one.id not in told or one.outcome is Outcome.DECIDES:
                    told[one.id] = one
        expected = tuple(sorted(told.values(), key=by_outcome))
        assert considered.on_table(subject, table, COLUMNS) == expected


def test_users_who_fill_in_columns_are_found_in_any_case() -> None:
    bundle = bundle_of([])
    bundle["users"] = dict.fromkeys(("Bob", "bob", "ann", "id", "*"), bundle["users"]["alice"])
    audience = Audience(Contents.of_bundle(bundle))
    names = {"catalog": "lake", "namespace": "crm", "table": "t"}
    where = {level: {"values": [name]} for level, name in names.items()}
    where |= {"column": {"values": ["ID", "{OWNER}", "{USER}"]}}
    policy = CompiledPolicy(
        {"id": 100, "service": "iomete", "name": "p", "resources": where, "policyItems": []}
    )

    def users_of(column: str, owner: str | None) -> set[str]:
        (users,) = audience.matching_columns(policy, ("lake", "crm", "t"), [column], owner)
        return set(audience.members(users))

    assert users_of("BOB", None) == {"Bob", "bob", "*"}
    assert users_of("ann", "ANN") == {"Bob", "bob", "ann", "id", "*"}
    assert users_of("id", None) == {"Bob", "bob", "ann", "id", "*"}
    assert users_of("other", "ann") == {"*"}


@settings(max_examples=300, deadline=None)
@given(
    texts=st.lists(st.text("ab?*|", max_size=4), min_size=1, max_size=2),
    name=st.text("abA", min_size=1, max_size=5),
    owner=st.one_of(st.none(), st.text("aB", max_size=2)),
    folds=st.booleans(),
    is_owner=st.booleans(),
)
def test_users_who_fill_in_a_name_are_those_for_whom_it_matches(
    texts: list[str], name: str, owner: str | None, **flags: bool
) -> None:
    """Names are of two letters, and a bar is where a token is filled in."""
    tokens = ["{OWNER}" if flags["is_owner"] else "{USER}", "{USER}"]
    filled = [text.replace("|", token) for text, token in zip(texts, tokens, strict=False)]
    values = Values(filled, folds=flags["folds"])
    found = values.users_in(name, owner)
    for letters in range(4):
        for user in map("".join, product("abA", repeat=letters)):
            if values.match(name, Asked(user=user, owner=owner)):
                assert found is None or values.key(user) in found
