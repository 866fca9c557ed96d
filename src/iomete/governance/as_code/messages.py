"""What pydantic finds wrong with a file, in words and with the path of each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from iomete.governance.as_code.model import FilePolicy, FileTest, PolicyFile
from iomete.names import nearest

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError

    from iomete.governance.as_code.yaml_source import Path

SECTIONS: dict[str, type[FilePolicy] | type[FileTest]] = {
    "policies": FilePolicy,
    "tests": FileTest,
}
"""The lists of a file, and what each holds."""

_WORDS = {
    "string_type": "it is no text; put it in quotes",
    "int_type": "it is no whole number",
    "bool_type": "it is neither true nor false",
    "tuple_type": "it is neither text nor a list of texts; put text in quotes",
    "dict_type": "it is no mapping of keys to values",
    "model_type": "it is no mapping of keys to values",
    "missing": "it has to be given",
    "string_pattern_mismatch": "it is no name of small letters, digits, `_`, `-` and `.`",
}


def missing_values(value: Any, path: Path) -> Iterator[Path]:
    """Give the paths of keys without a value; in a `ranger` policy, null is Ranger's affair."""
    items: Iterable[tuple[str | int, Any]] = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    for key, inner in items:
        if inner is None:
            yield (*path, key)
        elif key != "ranger":
            yield from missing_values(inner, (*path, key))


def problems_of(error: ValidationError, data: Any) -> Iterator[tuple[Path, str]]:
    """Give each place that is wrong once, though several types might have stood there."""
    by_path: dict[Path, list[Any]] = {}
    for found in error.errors(include_url=False):
        by_path.setdefault(_path_in(data, found["loc"], found["type"]), []).append(found)
    for path, several in by_path.items():
        if not path and isinstance(data, dict) and SECTIONS.keys() & data.keys():
            continue  # of a section without a value, which is told as that
        if path and _at(data, path) is None and several[0]["type"] != "missing":
            continue  # a key without a value, which is told as that
        yield path, _message(several)


def shown(path: Path, data: Any) -> str:
    """Return a path as people find it: policies by name, lists by position from 1."""
    words: list[str] = []
    rest = path
    if len(path) > 1 and isinstance(path[1], int) and path[0] in SECTIONS:
        name = _at(data, (*path[:2], "name"))
        word = "policy" if path[0] == "policies" else "test"
        words.append(f"{word} `{name[:80]}`" if isinstance(name, str) else f"{word} {path[1] + 1}")
        rest = path[2:]
    if rest:
        words.append("`" + ".".join(str(s + 1) if isinstance(s, int) else s for s in rest) + "`")
    return ", ".join(words)


def _path_in(data: Any, loc: Sequence[str | int], kind: str) -> Path:
    """Return what of a location is in the data; pydantic adds which type it tried."""
    path: Path = ()
    for step in loc:
        if not _has(data, step):
            return (*path, step) if kind == "missing" else path
        data = data[step]
        path = (*path, step)
    return path


def _has(data: Any, step: str | int) -> bool:
    if isinstance(data, list):
        return isinstance(step, int) and step < len(data)
    return isinstance(data, dict) and step in data


def _at(data: Any, path: Path) -> Any:
    for step in path:
        if not _has(data, step):
            return None
        data = data[step]
    return data


def _message(found: list[Any]) -> str:
    first = found[0]
    if first["type"] == "tuple_type" and len(first["loc"]) == 1:
        return "it is no list"
    if first["type"] == "extra_forbidden":
        return _unknown_key(first["loc"])
    if len({one["type"] for one in found}) > 1:
        return "it is none of: text, number, true, false"
    if first["type"] == "literal_error":
        return f"it is none of {first['ctx']['expected']}".replace("'", "`")
    return _WORDS.get(first["type"], str(first["msg"]).removeprefix("Value error, "))


def _unknown_key(loc: Sequence[str | int]) -> str:
    key = str(loc[-1])
    section = str(loc[0]) if len(loc) > 1 else ""
    model: type[BaseModel] = SECTIONS.get(section, PolicyFile)
    known = [field.alias or name for name, field in model.model_fields.items()]
    alike = nearest(key, known)
    step = f"did you mean `{alike}`?" if alike else f"there are {', '.join(known)}"
    return f"there is no such key; {step}"
