"""Reads a folder of policy files: all that they say, or all that is wrong with them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from iomete.governance.as_code.declared import document_of
from iomete.governance.as_code.folder import FileProblems, find_files, read_text, shown_path
from iomete.governance.as_code.messages import SECTIONS, missing_values, problems_of, shown
from iomete.governance.as_code.model import (
    DEFAULT_PROJECT,
    FilePolicy,
    FileTest,
    PolicyFile,
)
from iomete.governance.as_code.yaml_source import Located, Place, read_yaml

if TYPE_CHECKING:
    from iomete.governance.documents import Document


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredPolicy:
    """A policy that a file says.

    `document` is its Ranger policy without id, version and labels; `place` is where it begins in
    `file`, and `places` where its keys are; `future` whether what it names may come later.
    """

    name: str
    document: Document
    file: str
    place: Place
    places: dict[str, Place] = field(default_factory=dict, repr=False)
    future: bool = False

    def place_of(self, key: str) -> Place:
        """Return where a key is, or the policy."""
        return self.places.get(key, self.place)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredTest:
    """A test that a file says, and where it begins."""

    test: FileTest
    file: str
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Declarations:
    """What all files of a folder say together, in the order of their names.

    `owns_policies` tells whether any file has `policies`, be it none; where only tests are, nothing
    is said of what policies there are to be.
    """

    folder: Path
    owns_policies: bool
    project: str
    policies: tuple[DeclaredPolicy, ...]
    tests: tuple[DeclaredTest, ...]


def read_folder(folder: str | os.PathLike[str]) -> Declarations:
    """Return what the YAML files in a folder, and in folders in it, say.

    Files and folders whose names begin with a dot are passed over.

    Raises:
        PolicyFilesError: With everything that is wrong, and where: file, line and column.
    """
    root = Path(folder)
    problems = FileProblems()
    read = [
        one for file in find_files(root, problems) if (one := _ReadFile.read(file, root, problems))
    ]
    policies = [policy for file in read for policy in file.policies(problems)]
    _note_same_names(read, problems)
    project = _project(read, problems)
    problems.raise_any()
    tests = [test for file in read for test in file.tests()]
    owns = any("policies" in file.located.value for file in read)
    return Declarations(
        folder=root,
        owns_policies=owns,
        project=project,
        policies=tuple(policies),
        tests=tuple(tests),
    )


@dataclass(frozen=True, slots=True)
class _ReadFile:
    """A file whose shape was judged: members that are right are there, others were noted."""

    name: str
    located: Located
    members: tuple[tuple[str, int, FilePolicy | FileTest], ...]

    @classmethod
    def read(cls, path: Path, root: Path, problems: FileProblems) -> _ReadFile | None:
        name = shown_path(path, root)
        text = read_text(path, name, problems)
        if text is None:
            return None
        located = read_yaml(text)
        for place, message in located.problems:
            problems.add(name, place, message)
        if not located.is_whole:
            return None
        return cls(name, located, _members(name, located, problems))

    @property
    def project(self) -> str:
        return str(self.located.value.get("project", DEFAULT_PROJECT))

    def policies(self, problems: FileProblems) -> Iterator[DeclaredPolicy]:
        for section, position, member in self.members:
            if isinstance(member, FilePolicy):
                path = (section, position)
                keys = self.located.value[section][position].keys()
                said = member.model_dump(by_alias=True)
                declared = _Declaring(
                    file=self.name,
                    name=member.name,
                    place=self.located.place_of(path),
                    places={key: self.located.place_of((*path, key)) for key in keys},
                    problems=problems,
                )
                yield from declared.policy({key: said[key] for key in keys})

    def tests(self) -> Iterator[DeclaredTest]:
        for section, position, member in self.members:
            if isinstance(member, FileTest):
                place = self.located.place_of((section, position))
                yield DeclaredTest(test=member, file=self.name, place=place)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Declaring:
    """One policy of a file, while it is judged."""

    file: str
    name: str
    place: Place
    places: dict[str, Place]
    problems: FileProblems

    def policy(self, fields: dict[str, Any]) -> Iterator[DeclaredPolicy]:
        document = document_of(fields, self._note)
        if document is not None:
            yield DeclaredPolicy(
                name=self.name,
                document=document,
                file=self.file,
                place=self.place,
                places=self.places,
                future=bool(fields.get("future")),
            )

    def _note(self, key: str, message: str) -> None:
        place = self.places.get(key, self.place)
        self.problems.add(self.file, place, f"policy `{self.name[:80]}`, `{key}`: {message}")


def _members(
    name: str, located: Located, problems: FileProblems
) -> tuple[tuple[str, int, FilePolicy | FileTest], ...]:
    if located.value is None:
        message = "it is empty; write `policies: []` if no policies are meant"
        problems.add(name, Place(), message)
        return ()
    for path in missing_values(located.value, ()):
        what = shown(path, located.value)
        problems.add(name, located.place_of(path), f"{what}: nothing is given; leave the key out")
    return _validated(name, located, problems)


def _validated(
    name: str, located: Located, problems: FileProblems
) -> tuple[tuple[str, int, FilePolicy | FileTest], ...]:
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
            if next(missing_values(given, ()), None) is not None:
                continue
            try:
                members.append((section, position, model.model_validate(given)))
            except ValidationError:
                continue  # which was noted with the file's others
    return tuple(members)


def _note_same_names(files: Sequence[_ReadFile], problems: FileProblems) -> None:
    first: dict[str, str] = {}
    for file in files:
        for section, position, member in file.members:
            if isinstance(member, FilePolicy):
                place = file.located.place_of((section, position, "name"))
                before = first.setdefault(member.name, f"{file.name}:{place.line}")
                if before != f"{file.name}:{place.line}":
                    message = f"there is one of this name in {before}"
                    problems.add(file.name, place, f"policy `{member.name[:80]}`: {message}")


def _project(files: Sequence[_ReadFile], problems: FileProblems) -> str:
    named = [file for file in files if isinstance(file.located.value, dict)]
    if not named:
        return DEFAULT_PROJECT
    owners = [file for file in named if "policies" in file.located.value] or named
    first = owners[0]
    for file in named:
        if file.project != first.project and ("project" in file.located.value or file in owners):
            place = file.located.place_of(("project",))
            message = (
                f"`project` is `{file.project}`, and `{first.project}` in {first.name}; files of "
                "one folder are of one project"
            )
            problems.add(file.name, place, message)
    return first.project
