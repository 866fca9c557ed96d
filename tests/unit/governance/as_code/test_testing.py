"""Tests of policies: questions, and what counts as the expected answer."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from iomete.cli.plans import report_lines
from iomete.errors import ConfigurationError, PrincipalNotFoundError
from iomete.governance import Policies
from iomete.governance.as_code.files import read_folder
from iomete.governance.as_code.junit import junit_xml, write_junit
from iomete.governance.as_code.testing import PolicyTestReport, PolicyTestVerdict, run_tests
from support.governed_world import World

Write = Callable[..., Path]


@dataclass(frozen=True)
class Answered:
    allowed: bool
    mask: str | None = None
    row_filter: str | None = None
    reason: str = "policy `p`"
    note: str = ""
    is_doubtful: bool = False


@dataclass
class Table:
    """Answers by a table of what is allowed; whatever isn't in it isn't."""

    answers: dict[tuple[str, str, str], Answered] = field(default_factory=dict)

    def explain(
        self, principal: str, action: str, resource: str, column: str | None = None, /
    ) -> Answered:
        resource = resource if column is None else f"{resource}.{column}"
        if principal == "nobody":
            raise PrincipalNotFoundError("User `nobody` does not exist.")
        return self.answers.get(
            (principal, action, resource), Answered(allowed=False, reason="no policy")
        )


ANSWERS = Table(
    {
        ("alice", "select", "lake.hr.salaries.name"): Answered(allowed=True),
        ("bob", "select", "lake.hr.salaries.amount"): Answered(allowed=True, mask="hash"),
        ("carol", "select", "lake.sales.orders"): Answered(
            allowed=True, row_filter="region = ${{USER.region}}"
        ),
        ("loader", "read", "s3://inbox"): Answered(allowed=True),
    }
)


def run(write: Write, test: str) -> PolicyTestReport:
    lines = "\n".join(f"    {line}" for line in test.splitlines())
    folder = write(f"tests:\n  -\n{lines}\n")
    return run_tests(read_folder(folder).tests, ANSWERS)


@pytest.mark.parametrize(
    "test",
    [
        "principal: alice\ncannot: select\non: lake.hr.salaries.amount",
        "principal: alice\ncan: select\non: lake.hr.salaries.name",
        "principal: alice\ncan: select\non: lake.hr.salaries.name\nmask: false",
        "principal: bob\ncan: select\non: lake.hr.salaries.amount\nmask: hash",
        "principal: bob\ncan: select\non: lake.hr.salaries.amount\nmask: true",
        "principal: bob\ncan: select\non: lake.hr.salaries\ncolumns: [amount]\nmask: hash",
        "principal: alice\ncannot: select\non: lake.hr.salaries\ncolumns: amount",
        "principal: bob\ncan: select\non: lake.hr.salaries.amount",
        "principal: carol\ncan: select\non: lake.sales.orders\nfilter_rows: true",
        (
            "principal: carol\ncan: select\non: lake.sales.orders\n"
            "filter_rows: |\n  region =\n    ${{USER.region}}\n"
        ),
        "principal: loader\ncan: read\non_path: s3://inbox",
        "principal: [alice, eve]\ncannot: [insert, update]\non: [lake.hr.salaries, lake.crm]",
    ],
)
def test_what_is_as_expected_passes(write: Write, test: str) -> None:
    report = run(write, test)
    assert report.has_passed
    assert report.results


@pytest.mark.parametrize(
    ("test", "expected", "found"),
    [
        (
            "principal: alice\ncan: select\non: lake.hr.salaries.amount",
            "allowed",
            "not allowed",
        ),
        ("principal: bob\ncannot: select\non: lake.hr.salaries.amount", "not allowed",
         "allowed, mask `hash`"),
        ("principal: bob\ncan: select\non: lake.hr.salaries.amount\nmask: partial",
         "allowed, mask `partial`", "allowed, mask `hash`"),
        ("principal: bob\ncan: select\non: lake.hr.salaries.amount\nmask: false",
         "allowed, without a mask", "allowed, mask `hash`"),
        ("principal: alice\ncan: select\non: lake.hr.salaries.name\nmask: true",
         "allowed, with a mask", "allowed, without a mask"),
        ("principal: carol\ncan: select\non: lake.sales.orders\nfilter_rows: region = 'EU'",
         "allowed, filter `region = 'EU'`", "allowed, filter `region = ${{USER.region}}`"),
        ("principal: carol\ncan: select\non: lake.sales.orders\nfilter_rows: false",
         "allowed, without a filter", "allowed, filter `region = ${{USER.region}}`"),
    ],
)  # fmt: skip
def test_what_is_not_says_what_was_found_and_why(
    write: Write, test: str, expected: str, found: str
) -> None:
    (result,) = run(write, test).results
    assert result.verdict is PolicyTestVerdict.FAILED
    assert (result.expected, result.found) == (expected, found)
    assert result.reason in {"no policy", "policy `p`"}
    assert result.place.endswith("policies.yaml:3")


@pytest.mark.parametrize(
    ("expected", "found", "is_same"),
    [
        ("region  =\n'EU'", "region = 'EU'", True),
        ("region = 'north  west'", "region = 'north west'", False),
        ("region = 'north west '", "region = 'north west'", False),
        ("region = 'it\\'s  so'", "region = 'it\\'s so'", False),
        ("region = 'a''b  c'", "region = 'a''b c'", False),
        ("region = r'\\' or  name = 'a b'", "region = r'\\' or name = 'a b'", True),
        ("region = r'\\' or name = 'a  b'", "region = r'\\' or name = 'a b'", False),
        ("`my  id` = 1", "`my id` = 1", False),
        ("id = 1 -- it's\nor id  = 2", "id = 1 -- it's\nor id = 2", True),
        ("id = 1 -- so\nor id = 2", "id = 1 -- so or id = 2", False),
        ("id = 1 /* it's */ or  x = 'a'", "id = 1 /* it's */ or x = 'a'", True),
        ("region='EU'", "region = 'EU'", True),
        ("( region='EU'or id<= 1 )", "(region = 'EU' or id <= 1)", True),
        ("f(a,b)[0]>=1.5", "f( a , b ) [0] >= 1.5", True),
        ("a.b=-1", "a . b = - 1", True),
        ("region=${{USER.region}}", "region = ${{USER.region}}", True),
        ("region = 'a b'", "region = 'ab'", False),
        ("region = 'a''b'", "region = 'a' 'b'", False),
        ("a b", "ab", False),
        ("not a", "nota", False),
        ("a < = 1", "a <= 1", False),
        ("a ! = 1", "a != 1", False),
        ("a = 1 5", "a = 15", False),
        ("a = 1 .5", "a = 1.5", False),
        ("a - -b", "a --b", False),
        ("a / *b", "a /*b*/", False),
        ("r '\\'", "r'\\'", False),
    ],
)
def test_spaces_of_a_predicate_count_where_they_mean_something(
    write: Write, expected: str, found: str, *, is_same: bool
) -> None:
    asked = f"principal: a\ncan: select\non: lake.a.t\nfilter_rows: {json.dumps(expected)}"
    lines = "\n".join(f"    {line}" for line in asked.splitlines())
    answered = Table({("a", "select", "lake.a.t"): Answered(allowed=True, row_filter=found)})
    report = run_tests(read_folder(write(f"tests:\n  -\n{lines}\n")).tests, answered)
    assert report.has_passed is is_same


def test_a_question_without_an_answer_is_unknown_and_the_others_are_asked(write: Write) -> None:
    report = run(write, "name: t\nprincipal: [nobody, alice]\ncannot: select\non: lake.hr.x")
    assert [str(result.verdict) for result in report.results] == ["unknown", "passed"]
    assert [result.name for result in report.results] == [
        "t: nobody can't select lake.hr.x", "t: alice can't select lake.hr.x",
    ]  # fmt: skip
    assert "does not exist" in report.results[0].reason
    assert not report.has_passed


def test_junit_has_a_suite_a_file_and_a_case_a_question(write: Write, tmp_path: Path) -> None:
    folder = write("tests: [{principal: bob, cannot: select, on: lake.a.t}]\n", "a.yaml")
    write(
        "tests:\n"
        "  - {name: 'a <&> \"b\"', principal: alice, can: select, on: lake.a.t}\n"
        "  - {principal: nobody, can: select, on: lake.a.t}\n",
        "b.yaml",
    )
    report = run_tests(read_folder(folder).tests, ANSWERS)
    path = tmp_path / "report.xml"
    write_junit(report, path)
    root = ET.fromstring(path.read_text("utf-8"))  # noqa: S314  # our own
    assert root.attrib | {"time": ""} == {
        "name": "iomete policies", "tests": "3", "failures": "1", "errors": "1", "time": "",
    }  # fmt: skip
    suites = root.findall("testsuite")
    assert [suite.attrib["tests"] for suite in suites] == ["1", "2"]
    failed, unknown = suites[1].findall("testcase")
    assert (failed.attrib["name"], failed.attrib["line"]) == ('a <&> "b"', "2")
    assert "expected allowed, found not allowed" in failed.find("failure").attrib["message"]  # type: ignore[union-attr]
    assert "does not exist" in str(unknown.find("error").text)  # type: ignore[union-attr]
    with pytest.raises(ConfigurationError, match="can't be written"):
        write_junit(report, path / "x")


def test_a_refusal_of_what_may_not_exist_is_no_answer_and_a_grant_has_a_note(
    write: Write,
) -> None:
    """Nobody may do anything with a misspelt table."""
    folder = write(
        "tests:\n"
        "  - {principal: a, cannot: select, on: lake.a.tt}\n"
        "  - {principal: b, can: select, on: lake.a.tt}\n"
    )
    refused = Answered(allowed=False, note="is there `tt`?", is_doubtful=True)
    granted = Answered(allowed=True, note="is there `tt`?", is_doubtful=True)
    named = {("a", "select", "lake.a.tt"): refused, ("b", "select", "lake.a.tt"): granted}
    report = run_tests(read_folder(folder).tests, Table(named))
    assert [(str(one.verdict), one.reason, one.note) for one in report.results] == [
        ("unknown", "is there `tt`?", ""),
        ("passed", "policy `p`", "is there `tt`?"),
    ]
    printed = ["".join(text for text, _ in line) for line in report_lines(report)]
    assert "    because:  is there `tt`?" in printed
    assert "    Note: is there `tt`?" in printed
    cases = ET.fromstring(junit_xml(report)).iter("testcase")  # noqa: S314  # our own
    assert [[one.tag for one in case] for case in cases] == [["error"], ["system-out"]]


def test_junit_holds_nothing_that_xml_can_not(write: Write) -> None:
    folder = write('tests: [{principal: "\\x1b[2J\\x00", can: select, on: lake.a.t}]\n')
    text = junit_xml(run_tests(read_folder(folder).tests, ANSWERS))
    ET.fromstring(text.encode())  # noqa: S314  # our own
    assert not re.search("[\x00-\x08\x1b]", text)


def test_tests_are_asked_of_policies_in_force_or_of_planned_ones(
    world: World, write: Write
) -> None:
    """What decides gets the changes that are planned, or none."""
    world.principals.add_user("alice")
    folder = write(
        "policies: [{name: a, grant: select, on: lake.crm.customers, to: alice}]\n"
        "tests: [{principal: alice, can: select, on: lake.crm.customers}]\n"
    )

    def answers(changes: Any) -> Table:
        granted = {
            (str(user), "select", "lake.crm.customers"): Answered(allowed=True)
            for change in changes
            for user in change.after["policyItems"][0]["users"]
        }
        return Table(granted)

    policies = Policies(world.administration, world.tables, answers=answers)
    assert not policies.test_files(folder).has_passed
    assert policies.test_files(folder, planned=True).has_passed
    assert world.policies.list() == []


def test_files_without_tests_are_told(world: World, write: Write) -> None:
    policies = Policies(world.administration, world.tables, answers=lambda _: ANSWERS)
    with pytest.raises(ConfigurationError, match="hold no tests"):
        policies.test_files(write("policies: []\n"))
