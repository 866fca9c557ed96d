"""Reads a folder of policy files: all that they say, or all that is wrong with them."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iomete.governance.as_code.declared import document_of
from iomete.governance.as_code.faulty import (
    FaultyPolicy,
    note_faults,
    principals_named,
    tags_named,
)
from iomete.governance.as_code.folder import FileProblems, find_files, read_text, shown_path
from iomete.governance.as_code.members import Member, read_members
from iomete.governance.as_code.messages import shown
from iomete.governance.as_code.model import (
    DEFAULT_PROJECT,
    POLICY_KEYS,
    FilePolicy,
    FileTest,
    problem_of_kinds,
)
from iomete.governance.as_code.yaml_source import Located, Place, read_yaml

if TYPE_CHECKING:
    from iomete.governance.documents.document import Document


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

    @property
    def label(self) -> str:
        """What messages call it."""
        return f"policy `{self.name[:80]}`"

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
    is said of what policies there are to be. `faulty` are policies that aren't right, and so not
    among the others.
    """

    folder: Path
    owns_policies: bool
    project: str
    policies: tuple[DeclaredPolicy, ...]
    tests: tuple[DeclaredTest, ...]
    faulty: tuple[FaultyPolicy, ...] = ()


def read_folder(folder: str | os.PathLike[str]) -> Declarations:
    """Return what the YAML files in a folder, and in folders in it, say.

    Files and folders whose names begin with a dot are passed over.

    Raises:
        PolicyFilesError: With everything that is wrong, and where: file, line and column.
    """
    declared, problems = read_as_far_as_right(folder)
    problems.raise_any()
    return declared


def read_as_far_as_right(
    folder: str | os.PathLike[str],
) -> tuple[Declarations, FileProblems]:
    """Return what files say, as far as it is right, and what is wrong with the rest.

    Raises:
        PolicyFilesError: There are no files.
    """
    root = Path(folder)
    problems = FileProblems()
    read = [
        one for file in find_files(root, problems) if (one := _ReadFile.read(file, root, problems))
    ]
    policies = [policy for file in read for policy in file.policies(problems)]
    _note_same_names(read, problems)
    project = _project(read, problems)
    tests = [test for file in read for test in file.tests()]
    said = [file.located.value for file in read if isinstance(file.located.value, dict)]
    owns = any("policies" in value for value in said)
    declared = Declarations(
        folder=root,
        owns_policies=owns,
        project=project,
        policies=tuple(one for one in policies if isinstance(one, DeclaredPolicy)),
        faulty=tuple(one for one in policies if isinstance(one, FaultyPolicy)),
        tests=tuple(tests),
    )
    return declared, problems


@dataclass(frozen=True, slots=True)
class _ReadFile:
    """A file whose shape was judged: members that are right are there, others were noted."""

    name: str
    located: Located
    members: tuple[Member, ...]

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
        return cls(name, located, read_members(name, located, problems))

    @property
    def project(self) -> str:
        return str(self.located.value.get("project", DEFAULT_PROJECT))

    def policies(self, problems: FileProblems) -> Iterator[DeclaredPolicy | FaultyPolicy]:
        data = self.located.value
        for member in self.members:
            if member.section == "policies":
                given = data[member.section][member.position]
                declaring = _Declaring(
                    file=self.name,
                    label=shown(member.path, data),
                    place=self.located.place_of(member.path),
                    places={key: self.located.place_of((*member.path, key)) for key in given},
                    problems=problems,
                )
                if isinstance(member.said, FilePolicy):
                    yield declaring.policy(member.said, given)
                else:
                    yield declaring.faulty(given, member.keys)

    def names(self) -> Iterator[tuple[str, Place]]:
        """Give the name of each policy, where it has one, and its place."""
        for member in self.members:
            if member.section == "policies" and "name" in member.keys:
                place = self.located.place_of((*member.path, "name"))
                yield self.located.value[member.section][member.position]["name"], place

    def tests(self) -> Iterator[DeclaredTest]:
        for member in self.members:
            if isinstance(member.said, FileTest):
                place = self.located.place_of(member.path)
                yield DeclaredTest(test=member.said, file=self.name, place=place)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Declaring:
    """One policy of a file, while it is judged."""

    file: str
    label: str
    place: Place
    places: dict[str, Place]
    problems: FileProblems

    def policy(self, said: FilePolicy, given: Mapping[str, Any]) -> DeclaredPolicy | FaultyPolicy:
        """Return a policy whose keys are right by themselves."""
        values = said.model_dump(by_alias=True)
        fields = {key: values[key] for key in given}
        document = document_of(fields, self._note)
        if document is None:
            return self._named_by(given)
        return DeclaredPolicy(
            name=said.name,
            document=document,
            file=self.file,
            place=self.place,
            places=self.places,
            future=said.future,
        )

    def faulty(self, given: Mapping[str, Any], right: Collection[str]) -> FaultyPolicy:
        """Return a policy of whose keys some are wrong, or don't go together."""
        has_unknown = bool(given.keys() - POLICY_KEYS)  # which may mean what is missing
        if not has_unknown and (problem := problem_of_kinds(given.keys())):
            self.problems.add(self.file, self.place, f"{self.label}: {problem}")
        note_faults({key: given[key] for key in given if key in right}, given.keys(), self._note)
        return self._named_by(given)

    def _named_by(self, given: Mapping[str, Any]) -> FaultyPolicy:
        return FaultyPolicy(
            label=self.label,
            principals=principals_named(given),
            tags=tags_named(given),
            file=self.file,
            place=self.place,
            places=self.places,
        )

    def _note(self, key: str, message: str) -> None:
        place = self.places.get(key, self.place)
        self.problems.add(self.file, place, f"{self.label}, `{key}`: {message}")


def _note_same_names(files: Sequence[_ReadFile], problems: FileProblems) -> None:
    first: dict[str, str] = {}
    for file in files:
        for name, place in file.names():
            here = f"{file.name}:{place.line}:{place.column}"  # a line may hold several
            before = first.setdefault(name, here)
            if before != here:
                message = f"there is one of this name in {before}"
                problems.add(file.name, place, f"policy `{name[:80]}`: {message}")


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
