"""The files of a folder of policies: which there are, and their text.

What could make the folder say something else than its reviewers have read isn't followed: symbolic
links, devices. What is too large to be policies isn't read.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from iomete.errors import PolicyFilesError
from iomete.governance.as_code.yaml_source import Place

SUFFIXES = (".yaml", ".yml")
MAX_FILE_BYTES = 1024 * 1024
MAX_FILES = 1000

_LINK = "it is a symbolic link; policies are what is in the folder itself"
_HINT = "correct what is named; nothing was changed"


class FileProblems:
    """What is wrong with files, each with its place; raised all at once."""

    def __init__(self) -> None:
        self._found: list[tuple[str, Place, str]] = []

    def __bool__(self) -> bool:
        return bool(self._found)

    def add(self, file: str, place: Place, message: str) -> None:
        """Note a problem."""
        self._found.append((file, place, one_line(message)))

    def raise_any(self) -> None:
        """Raise what was found, if anything, in the order of the files.

        Raises:
            PolicyFilesError: With all problems.
        """
        if self._found:
            ordered = dict.fromkeys(
                f"{file}:{place.line}:{place.column}: {message}"
                for file, place, message in sorted(self._found)
            )
            raise PolicyFilesError(ordered, hint=_HINT)


def find_files(root: Path, problems: FileProblems) -> list[Path]:
    """Return the policy files in a folder and in folders in it, sorted; note what is none.

    Raises:
        PolicyFilesError: There is no such folder, or it holds none, or too many.
    """
    if not root.is_dir():
        what = "is a file, not a folder" if root.exists() else "does not exist"
        raise PolicyFilesError(
            [f"`{root}` {what}"],
            hint="name the folder of the policy files; `iomete policies export` makes one",
        )
    found: list[Path] = []
    for path in _walk(root, root, problems):
        if path.is_symlink():
            problems.add(shown_path(path, root), Place(), _LINK)
        else:
            found.append(path)
    if not found and not problems:
        raise PolicyFilesError(
            [f"`{root}` holds no files that end in .yaml or .yml"],
            hint="to own no policies at all, write a file that says `policies: []`",
        )
    if len(found) > MAX_FILES:
        raise PolicyFilesError(
            [f"`{root}` holds {len(found)} files, and {MAX_FILES} are read"],
            hint="name the folder of the policy files alone",
        )
    return found


def _walk(folder: Path, root: Path, problems: FileProblems) -> Iterator[Path]:
    try:
        entries = sorted(folder.iterdir(), key=lambda entry: entry.name)
    except OSError as error:
        problems.add(shown_path(folder, root), Place(), f"it can't be read: {error.strerror}")
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.suffix.lower() in SUFFIXES and not (entry.is_dir() and not entry.is_symlink()):
            yield entry
        elif entry.is_dir():
            if entry.is_symlink():
                problems.add(shown_path(entry, root), Place(), _LINK)
            else:
                yield from _walk(entry, root, problems)


def one_line(text: str) -> str:
    """Return a text of somebody's making as a terminal may show it: one line, nothing that acts."""
    return "".join(c if c.isprintable() else "?" for c in " ".join(text.split()))


def shown_path(path: Path, root: Path) -> str:
    """Return a path as messages name it: as the folder was given, without control characters."""
    return one_line(str(root / path.relative_to(root)))


def read_text(path: Path, name: str, problems: FileProblems) -> str | None:
    """Return the text of a file, or note why there is none."""
    try:
        if not path.is_file():
            problems.add(name, Place(), "it is no ordinary file")
            return None
        if (size := path.stat().st_size) > MAX_FILE_BYTES:
            message = f"it has {size} bytes, and {MAX_FILE_BYTES} are read; divide it"
            problems.add(name, Place(), message)
            return None
        raw = path.read_bytes()
    except OSError as error:
        problems.add(name, Place(), f"it can't be read: {error.strerror}")
        return None
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = raw[: error.start]
        column = error.start - (before.rfind(b"\n") + 1) + 1
        place = Place(before.count(b"\n") + 1, column)
        problems.add(name, place, "it is not UTF-8 text; convert it, as `iconv` does")
        return None
