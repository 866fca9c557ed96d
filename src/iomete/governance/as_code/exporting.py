"""Writes the policies of a store as files, which say the same when they are read again."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iomete.errors import AlreadyExistsError, ConfigurationError
from iomete.governance.as_code.declared import fields_of
from iomete.governance.as_code.folder import MAX_FILE_BYTES, MAX_FILES, SUFFIXES
from iomete.governance.as_code.model import DEFAULT_PROJECT, PROJECT_PATTERN
from iomete.governance.as_code.ownership import project_of
from iomete.governance.as_code.schema import SCHEMA_FILE, schema_text
from iomete.governance.as_code.yaml_text import write_yaml

if TYPE_CHECKING:
    from iomete.governance.policy_records import Policy

_HEAD = f"# yaml-language-server: $schema={SCHEMA_FILE}\n"
_SAFE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}", re.ASCII)
_OTHERS = "others"
MAX_FILE_POLICIES = 1000
"""Most policies in a file; what is on one namespace and more is continued in another."""
MAX_PART_BYTES = MAX_FILE_BYTES // 2
MAX_EXPORTED_FILES = MAX_FILES // 4
"""Where there would be more, a catalog has a file, and not each of its namespaces."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedFiles:
    """What was written: paths, how many policies, and how many were left to other projects."""

    folder: Path
    files: tuple[Path, ...]
    policies: int
    left: int


def export_policy_files(
    policies: Sequence[Policy], folder: str | os.PathLike[str], *, project: str
) -> ExportedFiles:
    """Write policies into a folder, a file for each namespace, and the schema for editors.

    Those that files of other projects own are left out.

    Raises:
        AlreadyExistsError: The folder holds policy files.
        ConfigurationError: It can't be written.
    """
    if not re.fullmatch(PROJECT_PATTERN, project):
        raise ConfigurationError(
            f"`{project[:80]}` is no name of a project.",
            hint="use small letters, digits, `_`, `-` and `.`",
        )
    root = Path(folder)
    ours = [p for p in policies if project_of(p.document) in (None, project)]
    texts = dict(_texts(ours, project))
    try:
        root.mkdir(parents=True, exist_ok=True)
        found = sorted(entry.name for entry in root.rglob("*") if _is_read(entry, root))
        if found:
            raise AlreadyExistsError(
                f"The folder `{root}` holds policy files: `{found[0]}`.",
                hint="name an empty folder",
            )
        for name, text in texts.items():
            _write(root / name, text)
        _write(root / SCHEMA_FILE, schema_text())
    except OSError as error:
        raise ConfigurationError(
            f"`{error.filename or root}` can't be written: {error.strerror}.",
            hint="name a folder that you can write",
        ) from error
    return ExportedFiles(
        folder=root,
        files=tuple(root / name for name in texts),
        policies=len(ours),
        left=len(policies) - len(ours),
    )


def _is_read(path: Path, root: Path) -> bool:
    """Tell whether something in a folder would count as a policy file: what is hidden doesn't."""
    is_hidden = any(part.startswith(".") for part in path.relative_to(root).parts)
    return path.suffix.lower() in SUFFIXES and not is_hidden


def _texts(policies: Sequence[Policy], project: str) -> Iterable[tuple[str, str]]:
    """Give the name and the text of each file, all of which can be read again."""
    grouped = _grouped(policies, _file_of)
    if len(grouped) > MAX_EXPORTED_FILES:
        grouped = _grouped(policies, lambda document: _file_of(document).partition(".")[0])
    taken = set(grouped)
    for name in sorted(grouped) or [_OTHERS]:
        listed = sorted(grouped.get(name, ()), key=lambda policy: policy.name)
        for number, part in enumerate(_parts([fields_of(p.document) for p in listed]), start=1):
            own = name if number == 1 else _another(name, number, taken)
            yield f"{own}.yaml", policies_text(part, project)


def _grouped(
    policies: Iterable[Policy], file_of: Callable[[Mapping[str, Any]], str]
) -> dict[str, list[Policy]]:
    grouped: dict[str, list[Policy]] = {}
    for policy in policies:
        grouped.setdefault(file_of(policy.document), []).append(policy)
    return grouped


def _parts(policies: Sequence[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    """Give what each of the files of a group holds; there is one even where that is nothing."""
    part: list[Mapping[str, Any]] = []
    size = 0
    for policy in policies:
        added = len(_item(policy).encode())
        if added > MAX_PART_BYTES:
            raise ConfigurationError(
                f"Policy `{policy['name'][:80]}` takes {added} bytes in a file, which is too much "
                "to be read again.",
                hint="divide it into several, by columns or principals",
            )
        if part and (size + added > MAX_PART_BYTES or len(part) >= MAX_FILE_POLICIES):
            yield part
            part, size = [], 0
        part.append(policy)
        size += added
    yield part


def _another(name: str, number: int, taken: set[str]) -> str:
    """Return a name of a further file that no other has."""
    found = next(n for k in count(number) if (n := f"{name}-{k}") not in taken)
    taken.add(found)
    return found


def policies_text(policies: Sequence[Mapping[str, Any]], project: str) -> str:
    """Return the text of a file: policies by their keys, and whose they are."""
    head = "" if project == DEFAULT_PROJECT else write_yaml({"project": project}) + "\n"
    if not policies:
        return f"{_HEAD}{head}policies: []\n"
    return f"{_HEAD}{head}policies:\n" + "\n".join(map(_item, policies))


def _item(fields: Mapping[str, Any]) -> str:
    """Return a policy as an item of a list, with a line for each key."""
    first, *rest = write_yaml(fields).splitlines()
    return "".join(f"{line}\n" for line in (f"  - {first}", *(f"    {line}" for line in rest)))


def _file_of(document: Mapping[str, Any]) -> str:
    """Return the name of the file that a policy is in: of its namespace, or its kind of target."""
    resources = document["resources"]
    if "tag" in resources:
        return "tags"
    if "path" in resources:
        return "paths"
    parts = []
    for level in ("catalog", "namespace"):
        values = resources.get(level, {}).get("values", ())
        if not values or resources[level].get("isExcludes"):
            break
        parts.append(str(values[0]))
    name = ".".join(part for part in parts if part != "*")
    return name if _SAFE.fullmatch(name) and name not in ("tags", "paths") else _OTHERS


def _write(path: Path, text: str) -> None:
    """Write a new file; one that has appeared meanwhile is somebody's."""
    with path.open("w" if path.name == SCHEMA_FILE else "x", encoding="utf-8", newline="") as file:
        file.write(text)
