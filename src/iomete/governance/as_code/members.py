"""Members of a policy file, each as far as it is right: what is wrong with one hides no other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from iomete.governance.as_code.messages import SECTIONS, missing_values, problems_of, shown
from iomete.governance.as_code.model import FilePolicy, FileTest, PolicyFile, problems_of_test
from iomete.governance.as_code.yaml_source import Located, Path, Place

if TYPE_CHECKING:
    from iomete.governance.as_code.folder import FileProblems

_LEAVE_OUT = "leave the key out"


@dataclass(frozen=True, slots=True)
class Member:
    """A policy or a test of a file, as far as it is right: `keys` are.

    `said` is None for a policy that isn't right as a whole.
    """

    section: str
    position: int
    said: FilePolicy | FileTest | None
    keys: frozenset[str]

    @property
    def path(self) -> Path:
        """Where it is in the file."""
        return (self.section, self.position)


def read_members(name: str, located: Located, problems: FileProblems) -> tuple[Member, ...]:
    """Return the members of a file that are right in part at least; note what is wrong.

    Args:
        name: The file's, as messages have it.
        located: What it says.
        problems: Is told what is wrong.
    """
    if located.value is None:
        message = "it is empty; write `policies: []` if no policies are meant"
        problems.add(name, Place(), message)
        return ()
    for path in missing_values(located.value, ()):
        step = "write `policies: []` if none are meant" if path == ("policies",) else _LEAVE_OUT
        what = shown(path, located.value)
        problems.add(name, located.place_of(path), f"{what}: nothing is given; {step}")
    return _validated(name, located, problems)


def _validated(name: str, located: Located, problems: FileProblems) -> tuple[Member, ...]:
    """Return the members that are right, although others of the file may not be."""
    data = located.value
    try:
        PolicyFile.model_validate(data)
    except ValidationError as error:
        for path, message in problems_of(error, data):
            what = shown(path, data)
            problems.add(name, located.place_of(path), f"{what}: {message}" if what else message)
    if not isinstance(data, dict):
        return ()
    members = []
    for section, model in SECTIONS.items():
        listed = data.get(section)
        for position, given in enumerate(listed if isinstance(listed, list) else ()):
            if model is FileTest and isinstance(given, dict):
                _note_problems_of_test(name, located, position, problems)
            found = _right_part(model, given)
            if found is not None:
                members.append(Member(section, position, *found))
    return tuple(members)


def _note_problems_of_test(
    name: str, located: Located, position: int, problems: FileProblems
) -> None:
    """Note how keys of a test don't go together: pydantic looks only if each by itself is right."""
    path: Path = ("tests", position)
    for message in problems_of_test(located.value["tests"][position]):
        what = shown(path, located.value)
        problems.add(name, located.place_of(path), f"{what}: {message}")


def _right_part(
    model: type[FilePolicy] | type[FileTest], given: Any
) -> tuple[FilePolicy | FileTest | None, frozenset[str]] | None:
    """Return what of a member is right, if that says something, and which of its keys these are.

    What is wrong was noted with the file's others; what is wrong with the rest is told with it.
    """
    if not isinstance(given, dict):
        return None
    wrong = {path[0] for path in missing_values(given, ())}
    try:
        said = model.model_validate(given)
    except ValidationError as error:
        wrong |= {found["loc"][0] for found in error.errors(include_url=False) if found["loc"]}
    else:
        if not wrong:
            return said, frozenset(given)
    right = {key: value for key, value in given.items() if key not in wrong}
    if model is FilePolicy:
        return None, frozenset(right)
    try:
        return model.model_validate(right), frozenset(right)
    except ValidationError:
        return None
