"""Tests of policies: what principals are to see, asked of whatever answers such questions."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import product
from typing import TYPE_CHECKING, Protocol

from iomete.errors import IometeError
from iomete.governance.as_code.sql_tokens import sql_tokens

if TYPE_CHECKING:
    from iomete.governance.as_code.files import DeclaredTest
    from iomete.governance.as_code.model import FileTest
    from iomete.governance.as_code.plan import PlannedChange


class Answer(Protocol):
    """What a principal may do with one thing, and how they see it."""

    @property
    def allowed(self) -> bool:
        """Whether the action is allowed."""

    @property
    def mask(self) -> str | None:
        """The kind of mask that a column is seen by, such as `hash`; None: as it is."""

    @property
    def row_filter(self) -> str | None:
        """The predicate of the rows that are seen, as its policy says it; None: all rows."""

    @property
    def reason(self) -> str:
        """Why, in words: the policy that decided, or that none did."""

    @property
    def note(self) -> str:
        """What isn't known of what was asked about, in words; empty: nothing."""

    @property
    def is_doubtful(self) -> bool:
        """Whether there may be no such thing, of which nobody would be allowed anything."""


class Answers(Protocol):
    """Tells what policies decide, without asking Spark."""

    def explain(
        self, principal: str, action: str, resource: str, column: str | None = None, /
    ) -> Answer:
        """Return what a principal may do.

        Args:
            principal: As `lake.policies` writes it.
            action: Such as `select`; on paths `read` and `write`.
            resource: A full name, or a path.
            column: A column of the table that `resource` is.

        Raises:
            IometeError: It can't be told, as of a principal that doesn't exist.
        """


AnswersAfter = Callable[[Sequence["PlannedChange"]], Answers]
"""Gives the answers that policies give once changes are made; of no changes, today's."""


class PolicyTestVerdict(StrEnum):
    """How a test ended."""

    PASSED = "passed"
    FAILED = "failed"
    UNKNOWN = "unknown"
    """The question couldn't be answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyTestResult:
    """One question and its answer, in words.

    `name` is the test's, with the question where one test asks several; `place` is `file:line`.
    `note` tells what isn't known of what was asked about.
    """

    name: str
    place: str
    verdict: PolicyTestVerdict
    expected: str
    found: str
    reason: str
    seconds: float
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyTestReport:
    """All results, in the order of the files."""

    results: tuple[PolicyTestResult, ...]

    @property
    def has_passed(self) -> bool:
        """Whether every test has passed."""
        return all(result.verdict is PolicyTestVerdict.PASSED for result in self.results)

    def count(self, verdict: PolicyTestVerdict) -> int:
        """Return how many tests ended so."""
        return sum(result.verdict is verdict for result in self.results)


def run_tests(tests: Sequence[DeclaredTest], answers: Answers) -> PolicyTestReport:
    """Ask every question of the tests, and compare the answers with what is expected."""
    return PolicyTestReport(
        results=tuple(_run(question, answers) for test in tests for question in _questions(test))
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Question:
    test: FileTest
    name: str
    place: str
    principal: str
    action: str
    resource: str
    column: str | None

    @property
    def expected(self) -> str:
        test = self.test
        if test.cannot is not None:
            return "not allowed"
        words = ["allowed"]
        if test.mask is not None:
            words.append(_words_of("mask", test.mask))
        if test.filter_rows is not None:
            words.append(_words_of("filter", test.filter_rows))
        return ", ".join(words)

    def is_met(self, answer: Answer) -> bool:
        test = self.test
        if test.cannot is not None:
            return not answer.allowed
        return (
            answer.allowed
            and _is_as(test.mask, answer.mask)
            and _is_as(test.filter_rows, answer.row_filter)
        )


def _questions(declared: DeclaredTest) -> Iterator[_Question]:
    test = declared.test
    actions = test.can or test.cannot or ()
    resources = (*(test.on or ()), *(test.on_path or ()))
    asked = list(product(test.principal, actions, resources, test.columns or (None,)))
    word = "can" if test.can else "can't"
    for principal, action, resource, column in asked:
        of = "" if column is None else f"{column} of "
        question = f"{principal} {word} {action} {of}{resource}"
        named = question if test.name is None else test.name
        yield _Question(
            test=test,
            name=f"{named}: {question}" if test.name and len(asked) > 1 else named,
            place=f"{declared.file}:{declared.place.line}",
            principal=principal,
            action=action,
            resource=resource,
            column=column,
        )


def _run(question: _Question, answers: Answers) -> PolicyTestResult:
    started = time.monotonic()
    note = ""
    try:
        answer = answers.explain(
            question.principal, question.action, question.resource, question.column
        )
    except IometeError as error:
        verdict, found, reason = PolicyTestVerdict.UNKNOWN, "no answer", str(error)
    else:
        verdict = PolicyTestVerdict.PASSED if question.is_met(answer) else PolicyTestVerdict.FAILED
        found, reason, note = _found(answer, question.test), answer.reason, answer.note
        if question.test.cannot is not None and answer.is_doubtful:
            verdict, found, reason, note = PolicyTestVerdict.UNKNOWN, "no answer", note, ""
    return PolicyTestResult(
        name=question.name,
        place=question.place,
        verdict=verdict,
        expected=question.expected,
        found=found,
        reason=reason,
        seconds=time.monotonic() - started,
        note=note,
    )


def _found(answer: Answer, test: FileTest) -> str:
    if not answer.allowed:
        return "not allowed"
    words = ["allowed"]
    if answer.mask is not None or test.mask is not None:
        words.append(_words_of("mask", answer.mask or False))
    if answer.row_filter is not None or test.filter_rows is not None:
        words.append(_words_of("filter", answer.row_filter or False))
    return ", ".join(words)


def _is_as(expected: str | bool | None, found: str | None) -> bool:  # noqa: FBT001  # a file's value
    """Tell whether a mask or filter is the expected one; SQL may be spaced otherwise."""
    if expected is None:
        return True
    if isinstance(expected, bool):
        return expected == (found is not None)
    return found is not None and sql_tokens(expected) == sql_tokens(found)


def _words_of(what: str, value: str | bool) -> str:  # noqa: FBT001  # a file's value
    if isinstance(value, bool):
        return f"with a {what}" if value else f"without a {what}"
    return f"{what} `{value}`"
