"""What is exported says the same when it is read: whatever a call of `lake.policies` can make."""

from __future__ import annotations

import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iomete.errors import AlreadyExistsError, ConfigurationError
from iomete.governance.as_code import exporting
from iomete.governance.as_code.declared import fields_of
from iomete.governance.as_code.files import read_folder
from iomete.governance.documents.checks import Problems
from iomete.governance.documents.document import Document
from iomete.governance.documents.requests import make_specification
from iomete.governance.documents.specifications import PolicyKind, to_document
from iomete.store import Store
from support.governed_world import World

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)
NAMES = TEXTS.filter(lambda t: bool(t.strip()) and t.isprintable() and not t.isdigit())
TABLES = st.sampled_from(
    ["lake.crm.customers", "lake.crm.*", "lake.a.b.c", "lake.`odd name`.`t-1`", "lake.crm.t_{USER}",
     "lake.c?m.customers", "spark_catalog.default.events", "lake.crm.`no`", "lake.`ü`.`日本`"]
)  # fmt: skip
PLACES = st.one_of(
    TABLES.map(lambda name: {"on": name}),
    st.sampled_from(["lake", "lake.*", "lake.crm", "lake.a.b", "lake.*x"]).map(
        lambda name: {"on": name}
    ),
    st.sampled_from(["PII.EMAIL", "PII.*"]).map(lambda tag: {"on_tag": tag}),
    st.sampled_from(["s3://inbox/a b", "/data/in", "*", "/"]).map(lambda p: {"on_path": p}),
)
GRANTEES = st.lists(
    st.sampled_from(["alice", "user:bob", "group:analysts", "role:loader", "everyone", "{OWNER}"]),
    min_size=1,
    max_size=4,
    unique=True,
)
COLUMNS = st.lists(
    st.sampled_from(["id", "email", "contact.email", "e*", "no", "`a b`", "`ü`"]),
    min_size=1,
    max_size=3,
    unique=True,
)
WHOLE_COLUMNS = COLUMNS.map(lambda names: [n for n in names if "." not in n] or ["id"])
MASKS: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.sampled_from(["redact", "hash", "nullify", "year", "none", "partial"]).map(
        lambda kind: {"mask": kind}
    ),
    st.integers(1, 100).map(lambda n: {"mask": "partial", "show_last": n}),
    st.integers(1, 100).map(lambda n: {"mask": "partial", "show_first": n}),
    st.integers(-38, 38).map(lambda n: {"mask": "round", "digits": n}),
    st.one_of(
        TEXTS.filter(lambda t: "{" not in t and "$" not in t),
        st.just(""), st.integers(), st.booleans(),
        st.floats(allow_nan=False, allow_infinity=False),
    ).map(lambda v: {"mask": "constant", "value": v}),
    TEXTS.filter(lambda t: bool(t.strip()) and "{" not in t and "$" not in t).map(
        lambda t: {"mask": "custom", "expression": f"concat({{col}}, '{t}')"}
    ),
)  # fmt: skip
PREDICATES = st.one_of(
    st.sampled_from(
        ["region = ${{USER.region}}", "region = 'EU'\n  AND id > 1\n", "a\tb", " x", "# no", "x:"]
    ),
    TEXTS.filter(lambda t: bool(t.strip()) and "{" not in t and "$" not in t),
)
MOMENTS = st.none() | st.sampled_from(["2026-01-01", "2026-06-30T12:00:00+02:00"])


@st.composite
def policies(draw: st.DrawFn) -> tuple[PolicyKind, dict[str, Any]]:
    kind = draw(
        st.sampled_from([PolicyKind.GRANT, PolicyKind.DENY, PolicyKind.MASK, PolicyKind.FILTER])
    )
    arguments: dict[str, Any] = {"name": draw(NAMES), "to": draw(GRANTEES)}
    arguments["except_"] = [g for g in draw(st.just([]) | GRANTEES) if g not in _known(arguments)]
    arguments["description"] = draw(st.none() | TEXTS)
    arguments["priority"] = draw(st.sampled_from(["normal", "override"]))
    arguments["valid_from"] = draw(MOMENTS)
    if arguments["valid_from"] is None:
        arguments["valid_until"] = draw(st.none() | st.just("2030-01-01T00:00:00Z"))
    match kind:
        case PolicyKind.MASK:
            place = draw(st.just({"on_tag": "PII.EMAIL"}) | TABLES.map(lambda t: {"on": t}))
            arguments |= place | draw(MASKS)
            if "on" in place:
                arguments["columns"] = draw(COLUMNS | st.just(["*"]))
        case PolicyKind.FILTER:
            arguments |= {"on": draw(TABLES), "predicate": draw(PREDICATES)}
        case _:
            place = draw(PLACES)
            arguments |= place
            known = ["read", "write"] if "on_path" in place else ["select", "insert", "all", "use"]
            arguments["actions"] = draw(st.lists(st.sampled_from(known), min_size=1, unique=True))
            on = place.get("on", "lake.a.b")
            if on.count(".") > 1 and on != "lake.a.b" and draw(st.booleans()):
                arguments["actions"] = ["select"]
                arguments[draw(st.sampled_from(["columns", "except_columns"]))] = draw(
                    WHOLE_COLUMNS
                )
    return kind, arguments


def _known(arguments: dict[str, Any]) -> set[str]:
    named = set(arguments["to"])
    return named | {f"user:{name}" for name in named} | {n.removeprefix("user:") for n in named}


def document(kind: PolicyKind, arguments: dict[str, Any]) -> Document:
    """The document of a call, where `lake.a.b` is a namespace and `lake.a.b.c` a table."""
    problems = Problems()
    nested = ("lake", "a", "b")
    spec = make_specification(
        kind, lambda parts: "namespace" if tuple(parts) == nested else "table", arguments, problems
    )
    assert list(problems) == []
    return to_document(spec)


@settings(max_examples=300, deadline=None)
@given(policies(), st.sampled_from([{}, {"isEnabled": False}]))
def test_keys_say_what_a_document_says(
    policy: tuple[PolicyKind, dict[str, Any]], state: dict[str, bool]
) -> None:
    made = document(*policy) | state
    with tempfile.TemporaryDirectory() as folder:
        from iomete.governance.as_code.exporting import policies_text

        text = policies_text([fields_of(made)], "default")
        (Path(folder) / "a.yaml").write_text(text, "utf-8", newline="")
        (declared,) = read_folder(folder).policies
    assert declared.document == made
    assert "ranger" not in fields_of(made)


@contextmanager
def world_in(empty_store: Path) -> Iterator[World]:
    with tempfile.TemporaryDirectory() as root:
        shutil.copy2(empty_store, Path(root) / "store.db")
        with Store.open(Path(root) / "store.db") as store:
            yield peopled(World(Path(root), store))


def peopled(world: World) -> World:
    world.principals.add_group("analysts")
    world.principals.add_user("alice")
    world.principals.add_user("bob")
    world.principals.add_role("loader")
    world.tags.define("PII.EMAIL")
    return world


def call(world: World, kind: PolicyKind, arguments: dict[str, Any]) -> None:
    given_ = dict(arguments)
    match kind:
        case PolicyKind.MASK if "on_tag" in given_:
            world.policies.mask_tag(given_.pop("on_tag"), given_.pop("mask"), **given_)
        case PolicyKind.MASK:
            table, column = given_.pop("on"), given_.pop("columns")
            world.policies.mask(table, column, given_.pop("mask"), future=True, **given_)
        case PolicyKind.FILTER:
            table, predicate = given_.pop("on"), given_.pop("predicate")
            world.policies.filter_rows(table, predicate, future=True, **given_)
        case _:
            verb = world.policies.grant if kind is PolicyKind.GRANT else world.policies.deny
            verb(given_.pop("actions"), future=True, **given_)


@settings(max_examples=10, deadline=None)
@given(st.lists(policies(), max_size=5, unique_by=lambda policy: policy[1]["name"]))
def test_after_an_export_there_is_nothing_to_do(
    empty_store: Path, made: list[tuple[PolicyKind, dict[str, Any]]]
) -> None:
    with world_in(empty_store) as world, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for policy in made:
            call(world, *policy)
        folder = world.spool.parent / "files"
        exported = world.policies.export_files(folder)
        plan = world.policies.plan(folder, future=True)
        assert (exported.policies, exported.left) == (len(made), 0)
        assert not plan.has_changes
        assert len(plan.adopted) == len(made)
        world.policies.apply(plan, future=True)
        assert world.policies.plan(folder, future=True).is_empty


RANGER = {
    "service": "iomete", "name": "both", "policyType": 0, "policyPriority": 0,
    "resources": {"catalog": {"values": ["lake"]}, "namespace": {"values": ["crm"]},
                  "table": {"values": ["*"]}, "column": {"values": ["*"]}},
    "policyItems": [{"accesses": [{"type": "select"}], "users": ["alice"]}],
    "denyPolicyItems": [{"accesses": [{"type": "insert"}], "groups": ["analysts"]}],
    "validitySchedules": [{"timeZone": "Europe/Berlin", "recurrences": [
        {"schedule": {"minute": "0", "hour": "9", "dayOfWeek": "2-6", "month": "*", "year": "*"},
         "interval": {"days": 0, "hours": 8, "minutes": 0}}]}],
}  # fmt: skip


def test_what_no_key_says_is_exported_as_ranger_has_it(world: World, folder: Path) -> None:
    peopled(world)
    world.policies.import_({"policies": [RANGER]})
    world.policies.export_files(folder)
    assert "ranger:" in (folder / "lake.crm.yaml").read_text()
    plan = world.policies.plan(folder)
    assert not plan.has_changes
    world.policies.apply(plan)
    assert world.policies.plan(folder).unchanged == 1


def test_a_nested_namespace_is_not_taken_for_a_table(world: World, folder: Path) -> None:
    peopled(world)
    world.policies.grant("select", on="lake.a.b", to="alice")
    world.policies.export_files(folder)
    assert "on_namespace: lake.a.b\n" in (folder / "lake.a.b.yaml").read_text()
    assert not world.policies.plan(folder).has_changes


def test_files_are_by_namespace_and_named_safely(world: World, folder: Path) -> None:
    peopled(world)
    world.policies.grant("select", on="lake.crm.customers", to="alice")
    world.policies.grant("select", on="lake", to="alice")
    world.policies.grant("select", on="lake.`up/up`.t", to="alice", future=True)
    world.policies.grant("read", on_path="s3://inbox", to="alice")
    world.policies.mask_tag("PII.EMAIL", "hash", to="alice")
    exported = world.policies.export_files(folder)
    assert [file.name for file in exported.files] == [
        "lake.yaml", "lake.crm.yaml", "others.yaml", "paths.yaml", "tags.yaml",
    ]  # fmt: skip
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        ["policies.schema.json", *(file.name for file in exported.files)]
    )
    assert not world.policies.plan(folder).has_changes


def test_a_store_without_policies_gives_a_file_that_says_so(world: World, folder: Path) -> None:
    exported = world.policies.export_files(folder, project="crm")
    assert exported.policies == 0
    assert (folder / "others.yaml").read_text().endswith("project: crm\n\npolicies: []\n")
    assert world.policies.plan(folder).is_empty


def test_an_export_overwrites_nothing(world: World, folder: Path) -> None:
    world.policies.export_files(folder)
    with pytest.raises(AlreadyExistsError, match=r"holds policy files: `others\.yaml`"):
        world.policies.export_files(folder)
    with pytest.raises(ConfigurationError, match="can't be written"):
        world.policies.export_files(folder / "others.yaml" / "x")
    with pytest.raises(ConfigurationError, match="no name of a project"):
        world.policies.export_files(folder / "new", project="A B")


def test_policies_of_other_projects_are_left_to_them(
    world: World, folder: Path, tmp_path: Path
) -> None:
    peopled(world)
    (tmp_path / "hr").mkdir()
    (tmp_path / "hr" / "a.yaml").write_text(
        "project: hr\npolicies: [{name: a, grant: select, on: lake.crm, to: alice}]\n"
    )
    world.policies.apply(tmp_path / "hr")
    world.policies.grant("select", on="lake.sales", to="alice")
    exported = world.policies.export_files(folder)
    assert (exported.policies, exported.left) == (1, 1)
    assert not world.policies.plan(folder).has_changes


def test_what_is_exported_can_be_read_however_much_it_is(
    world: World, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    peopled(world)
    monkeypatch.setattr(exporting, "MAX_PART_BYTES", 400)
    for number in range(12):
        world.policies.grant(
            "select", on=f"lake.crm.t{number}", to="alice", name=f"n{number}", future=True
        )
    world.policies.grant("select", on="lake.`crm-2`.t", to="alice", name="beside", future=True)
    exported = world.policies.export_files(folder)
    names = [path.name for path in exported.files]
    assert len(names) == len(set(names)) > 3
    assert {"lake.crm.yaml", "lake.crm-2.yaml", "lake.crm-3.yaml"} <= set(names)
    assert all(path.stat().st_size < 600 for path in exported.files)
    plan = world.policies.plan(folder, future=True)
    assert (plan.has_changes, len(plan.adopted)) == (False, 13)


def test_a_catalog_of_many_namespaces_has_few_files(
    world: World, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    peopled(world)
    monkeypatch.setattr(exporting, "MAX_EXPORTED_FILES", 5)
    for number in range(6):
        world.policies.grant("select", on=f"lake.n{number}.t", to="alice", future=True)
    exported = world.policies.export_files(folder)
    assert [path.name for path in exported.files] == ["lake.yaml"]
    assert not world.policies.plan(folder, future=True).has_changes


def test_a_policy_that_no_file_holds_is_told(
    world: World, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    peopled(world)
    monkeypatch.setattr(exporting, "MAX_PART_BYTES", 100)
    world.policies.grant("select", on="lake.crm.t", to="alice", name="x" * 90, future=True)
    with pytest.raises(ConfigurationError, match="too much to be read again"):
        world.policies.export_files(folder)
    assert not folder.exists()
