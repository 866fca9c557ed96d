from __future__ import annotations

import builtins
import inspect
import re

import pytest

from iomete import errors
from iomete.errors import (
    OUTCOMES,
    InvalidPolicyError,
    IometeError,
    MissingExtraError,
    QueryError,
    SessionNotPreparedError,
    SettingsError,
    outcome_of,
)

CLASSES = {
    name: found
    for name, found in vars(errors).items()
    if inspect.isclass(found) and issubclass(found, IometeError)
}
EXIT_CODES = {
    "ConfigurationError": 2,
    "SettingsError": 2,
    "MissingExtraError": 2,
    "InvalidNameError": 2,
    "TableNotFoundError": 3,
    "AlreadyExistsError": 4,
    "QueryError": 5,
    "LakehouseFolderError": 6,
    "JavaNotFoundError": 7,
    "PortInUseError": 7,
    "StoreBusyError": 8,
    "AccessDeniedError": 9,
    "QueryDeniedError": 9,
    "StillNeededError": 10,
    "PolicyPublishError": 11,
    "PoliciesElsewhereError": 10,
    "RangerError": 12,
}


def made(kind: type[IometeError]) -> IometeError:
    """An error of any class, whatever its constructor asks for."""
    if issubclass(kind, (SettingsError, InvalidPolicyError)):
        return kind(["problem"], hint="do this")
    if issubclass(kind, SessionNotPreparedError):
        return kind(["missing"], hint="do this")
    if issubclass(kind, MissingExtraError):
        return kind("Feature", extra="extra")
    return kind("It failed.", hint="do this")


def drawn_tree() -> dict[str, tuple[str | None, set[str]]]:
    """Read the tree at the top of `errors.py`: parent and other bases by class."""
    line = re.compile(r"^(?P<indent>[ │├└─]*)(?P<name>[A-Z]\w+Error)(?: \((?P<others>[\w, ]+)\))?")
    tree: dict[str, tuple[str | None, set[str]]] = {}
    open_at: dict[int, str] = {}
    for text in inspect.getdoc(errors).splitlines():  # type: ignore[union-attr]
        found = line.match(text.removeprefix("    "))
        if found is None or (tree and not found["indent"]):
            continue
        depth = len(found["indent"]) // 4
        open_at[depth] = found["name"]
        others = set((found["others"] or "").replace(",", " ").split())
        tree[found["name"]] = (open_at[depth - 1] if depth else None, others)
    return tree


def test_the_drawn_tree_names_every_class_and_no_other() -> None:
    assert set(drawn_tree()) == set(CLASSES)


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_the_drawn_tree_shows_where_a_class_stands(name: str) -> None:
    parent, others = drawn_tree()[name]
    bases = {base.__name__ for base in CLASSES[name].__bases__}
    assert bases == ({parent, *others} if parent else {"Exception"})
    assert all(hasattr(builtins, other) or other in CLASSES for other in others)


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_every_class_says_what_it_is(name: str) -> None:
    assert name.endswith("Error")
    assert CLASSES[name].__doc__


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_every_error_ends_with_its_hint(name: str) -> None:
    error = made(CLASSES[name])
    assert str(error) == f"{error.message} Hint: {error.hint}"
    assert error.args == (error.message,)


def test_without_a_hint_there_is_the_message_only() -> None:
    error = IometeError("It failed.")
    assert error.hint is None
    assert str(error) == "It failed."


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_every_error_has_an_outcome_of_its_own_kind(name: str) -> None:
    outcome = outcome_of(made(CLASSES[name]))
    nearest = next(base for base in CLASSES[name].__mro__ if base in OUTCOMES)
    assert outcome == OUTCOMES[nearest]
    assert (nearest is IometeError) == (name == "IometeError")
    assert 0 < outcome.exit_code < 126  # what a shell leaves to programs
    assert 400 <= outcome.http_status < 600


@pytest.mark.parametrize(("name", "code"), EXIT_CODES.items())
def test_exit_codes_are_a_promise(name: str, code: int) -> None:
    assert outcome_of(made(CLASSES[name])).exit_code == code


def test_an_error_that_is_not_ours_counts_as_a_failure() -> None:
    assert outcome_of(KeyError("x")) == OUTCOMES[IometeError]


def test_all_problems_of_settings_are_in_one_message() -> None:
    error = SettingsError(iter(["first", "second"]), hint="do this")
    assert error.problems == ("first", "second")
    assert str(error) == "Settings are not valid: first; second. Hint: do this"
    assert isinstance(error, ValueError)


def test_a_missing_extra_says_how_to_install_it() -> None:
    error = MissingExtraError("PostgreSQL", extra="postgres")
    assert isinstance(error, ImportError)
    assert str(error).endswith("Hint: pip install 'iomete[postgres]'")


def test_a_query_error_carries_sparks_condition() -> None:
    error = QueryError("No.", condition="TABLE_OR_VIEW_NOT_FOUND", sql_state="42P01")
    assert (error.condition, error.sql_state) == ("TABLE_OR_VIEW_NOT_FOUND", "42P01")
    assert (QueryError("No.").condition, QueryError("No.").sql_state) == (None, None)
