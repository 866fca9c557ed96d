"""What a policy is on, as Ranger matches it (`RangerDefaultPolicyResourceMatcher`).

Values are names, or patterns in which `*` stands for any characters and `?` for one; `{USER}` and
`{OWNER}` stand for names that only a question knows.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from iomete.governance.principals.names import USER_TOKENS
from iomete.names import fold, lower

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LEVELS = ("catalog", "namespace", "table", "column")
PATH = "path"
_WILD = "*?"
ANY_NAME = "\x01any"
"""A name that nobody's policy singles out."""
_USER, _OWNER = USER_TOKENS


class Match(IntEnum):
    """How what a policy is on relates to what is asked about; in Ranger's order of closeness."""

    NONE = 0
    SELF = 1
    SELF_AND_BELOW = 2
    ABOVE = 3
    BELOW = 4

    @property
    def covers(self) -> bool:
        """Whether it is on the very resource that is asked about."""
        return self in (Match.SELF, Match.SELF_AND_BELOW, Match.ABOVE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Who asks, and who owns what is asked for, where policies name them by tokens."""

    user: str
    owner: str | None = None

    def fill(self, value: str) -> str:
        """Return a value with its tokens replaced; a resource without an owner keeps `{OWNER}`."""
        value = value.replace(_USER, self.user)
        return value if self.owner is None else value.replace(_OWNER, self.owner)


_NOBODY = Asked(user="")


class Values:
    """The values of one level of a policy's resources."""

    __slots__ = (
        "_exact",
        "_filled",
        "_patterns",
        "excludes",
        "folds",
        "has_field_patterns",
        "has_patterns",
        "is_any",
        "plain",
        "texts",
    )

    def __init__(
        self, texts: Sequence[str], *, excludes: bool = False, folds: bool = False
    ) -> None:
        self.texts = tuple(texts)
        self.excludes = excludes
        self.folds = folds
        self.is_any = any(not text.strip("*") for text in texts)
        """Whether one of them is `*`: it matches what isn't named at all, too."""
        plain = [text for text in texts if not has_token(text)]
        self._exact = frozenset(self.key(text) for text in plain if not is_wild(text))
        self._patterns = tuple(glob(text, folds=folds) for text in plain if is_wild(text))
        self._filled = tuple(text for text in texts if has_token(text))
        self.plain = tuple(lower(text) for text in plain if not is_wild(text))
        """Those without wildcards and tokens, in lower case."""
        wild = any(is_wild(text) and text.strip("*") for text in texts)
        self.has_patterns = wild or bool(self._filled)
        """Whether they stand for names that only what exists, or a question, knows."""
        self.has_field_patterns = any("." in text and self._is_open(text) for text in texts)
        """The same of fields of structs, `contact.*`, by more than their columns' names."""

    def _is_open(self, text: str) -> bool:
        whole = text.removesuffix(".*")  # that an excluded column is excluded with its fields
        return (is_wild(text) or has_token(text)) and not (
            self.excludes and whole != text and whole in self.texts
        )

    @property
    def depends_on_asker(self) -> bool:
        """Whether who asks, or who owns it, decides what they match."""
        return bool(self._filled)

    @property
    def names(self) -> frozenset[str] | None:
        """The names that they are, where they are nothing but names."""
        only = not (self.is_any or self.excludes or self._patterns or self._filled)
        return self._exact if only else None

    def match(self, name: str | None, asked: Asked) -> bool:
        """Tell whether a name is among them; None is a level that wasn't asked about."""
        if self.is_any:
            return not self.excludes
        if name is None or name in ("", "*"):
            return False
        return self._finds(name, asked) != self.excludes

    def may_match(self, name: str) -> bool:
        """Tell whether a name is among them for somebody: tokens stand for anything."""
        if self.is_any:
            return not self.excludes
        if not self._filled:
            return self.match(name, _NOBODY)
        filled = any(glob(_any_for_tokens(text), folds=self.folds)(name) for text in self._filled)
        return True if self.excludes else filled or self.match(name, _NOBODY)

    def users_in(self, name: str, owner: str | None) -> set[str] | None:
        """Return the users whose names fill in theirs so that a name is among them; None: anybody.

        Those whose own names are read as patterns, see `is_odd_name`, may be others. Of columns the
        names are folded, as they are compared.
        """
        if self.excludes or self.is_any or (owner is not None and is_odd_name(owner)):
            return None
        users: set[str] = set()
        wanted = self.key(name)
        for text in self.texts:
            if not glob(_any_for_tokens(text), folds=self.folds)(name):
                continue
            before, token, after = self._filled_with(owner, text).partition(_USER)
            if not token and not is_wild(before) and self.key(before) != wanted:
                continue
            if not token or _USER in after:
                return None
            users |= _between(self.key(before), self.key(after), wanted)
        return users

    @staticmethod
    def _filled_with(owner: str | None, text: str) -> str:
        return text if owner is None else text.replace(_OWNER, owner)

    def _finds(self, name: str, asked: Asked) -> bool:
        if (fold(name) if self.folds else name) in self._exact:
            return True
        if self._patterns and any(pattern(name) for pattern in self._patterns):
            return True
        return bool(self._filled) and any(
            self._finds_filled(name, asked.fill(text)) for text in self._filled
        )

    def _finds_filled(self, name: str, text: str) -> bool:
        if is_wild(text):
            return bool(glob(text, folds=self.folds)(name))
        return self.key(text) == self.key(name)

    def key(self, text: str) -> str:
        """Return what names are compared by."""
        return fold(text) if self.folds else text


class PathValues:
    """Paths of a policy, in the form of `paths.canonical` (`RangerPathResourceMatcher`)."""

    __slots__ = ("_recursive", "texts")

    def __init__(self, texts: Sequence[str], *, recursive: bool) -> None:
        self.texts = tuple(texts)
        self._recursive = recursive

    def match(self, path: str, asked: Asked) -> bool:
        """Tell whether a path is among them, or below one where they are recursive."""
        return any(self._matches(asked.fill(text), path) for text in self.texts)

    def _matches(self, text: str, path: str) -> bool:
        if not self._recursive:
            return bool(glob(text)(path)) if is_wild(text) else text == path
        if not is_wild(text):
            return path == text or path.startswith(f"{text}/")
        pattern = glob(text)
        steps = [step for step in path.split("/") if step]
        return any(pattern("/" + "/".join(steps[:n])) for n in range(1, len(steps) + 1))


class ResourceSet:
    """One `resources` of a policy: values by level, from the catalog down."""

    __slots__ = ("_last_named", "fills_columns", "fills_names", "levels", "path")

    def __init__(self, levels: Sequence[Values], path: PathValues | None = None) -> None:
        self.levels = tuple(levels)
        self.path = path
        named = [depth for depth, values in enumerate(self.levels) if not values.is_any]
        self._last_named = named[-1] if named else -1
        self.fills_names = any(values.depends_on_asker for values in self.levels) or (
            path is not None and any(map(has_token, path.texts))
        )
        """Whether who asks, or who owns it, decides what it is on."""
        self.fills_columns = any(values.depends_on_asker for values in self.levels[3:])
        """The same of columns of a table."""

    @classmethod
    def of(cls, resources: Mapping[str, Mapping[str, Any]]) -> ResourceSet:
        """Read the `resources` of a policy, with its names as `normalised` writes them."""
        if PATH in resources:
            found = resources[PATH]
            recursive = bool(found.get("isRecursive"))
            return cls((), PathValues(found["values"], recursive=recursive))
        return cls(
            [
                _values(
                    tuple(resources[level]["values"]),
                    excludes=bool(resources[level].get("isExcludes")),
                    folds=level == "column",
                )
                for level in LEVELS
                if level in resources
            ]
        )

    def may_be_on(self, table: Sequence[str]) -> bool:
        """Tell whether it is on a table, or on something in it, for whoever asks."""
        if len(self.levels) < 3:
            return False
        for values, name in zip(self.levels, table, strict=False):  # noqa: SIM110  # asked often
            if not values.may_match(name):
                return False
        return True

    def users_on(self, table: Sequence[str], owner: str | None) -> set[str] | None:
        """Return the users for whom it can be on a table, as `Values.users_in` does."""
        for values, name in zip(self.levels, table, strict=False):
            users = values.users_in(name, owner) if values.depends_on_asker else None
            if users is not None:
                return users
        return None

    def is_in_table(self, parts: Sequence[str], asked: Asked) -> bool:
        """Tell whether it is on a table, or something in it; of columns filled in, on this one."""
        named = self.levels if self.fills_columns else self.levels[:3]
        for values, name in zip(named, parts, strict=False):  # noqa: SIM110  # asked often
            if not values.match(name, asked):
                return False
        return True

    def covers_in_table(self, column: str | None) -> bool:
        """Tell whether what is on a table is on a column of it, or on the table itself (None)."""
        if len(self.levels) > 3:
            columns = self.levels[3]
            return (
                columns.is_any and not columns.excludes
                if column is None
                else (columns.match(column, _NOBODY))
            )
        return column is None

    def is_on_depth(self, depth: int) -> bool:
        """Tell whether it is on what has so many parts itself, if it names them."""
        if depth >= len(self.levels):
            return depth == len(self.levels)
        return depth > self._last_named and not any(one.excludes for one in self.levels[depth:])

    def covers_container(self, parts: Sequence[str]) -> bool:
        """Tell whether it is on a catalog or namespace itself, for whoever asks."""
        named = all(
            values.may_match(name) for values, name in zip(self.levels, parts, strict=False)
        )
        return named and self._last_named < len(parts) <= len(self.levels)

    def match(self, parts: Sequence[str], asked: Asked) -> Match:
        """Return how it relates to a resource: its catalog, namespace, table, column.

        The last ones may be left out. What a policy says of fewer levels isn't about those below.
        """
        depth = len(parts)
        if depth > len(self.levels):
            return Match.NONE
        for level, values in enumerate(self.levels):
            name = parts[level] if level < depth else None
            if (name is not None or values.is_any) and not values.match(name, asked):
                return Match.NONE
        if depth == len(self.levels):
            return Match.SELF
        return Match.SELF_AND_BELOW if depth > self._last_named else Match.BELOW


@lru_cache(maxsize=100_000)
def _values(texts: tuple[str, ...], *, excludes: bool, folds: bool) -> Values:
    return Values(texts, excludes=excludes, folds=folds)


def _any_for_tokens(text: str) -> str:
    return text.replace(_USER, "*").replace(_OWNER, "*")


def _between(before: str, after: str, name: str) -> set[str]:
    """Return what can be between two patterns, so that they are a name together."""
    places = range(len(name) + 1)
    if is_wild(before):
        begins = [place for place in places if glob(before)(name[:place])]
    else:
        begins = [len(before)] if name.startswith(before) else []
    if is_wild(after):
        ends = [place for place in places if glob(after)(name[place:])]
    else:
        ends = [len(name) - len(after)] if name.endswith(after) else []
    return {name[begin:end] for begin in begins for end in ends if begin <= end}


def is_wild(text: str) -> bool:
    """Tell whether a text has a wildcard."""
    return "*" in text or "?" in text


def has_token(text: str) -> bool:
    """Tell whether a text has `{USER}` or `{OWNER}` in it."""
    return "{" in text and (_USER in text or _OWNER in text)


def is_odd_name(user: str) -> bool:
    """Tell whether a user's name means more than itself where it fills in a policy's."""
    return "{" in user or is_wild(user)


@lru_cache(maxsize=100_000)
def glob(text: str, *, folds: bool = False) -> Any:
    """Return what tells whether a name matches a pattern."""
    if folds:
        text = fold(text)
    wanted = "".join({"*": ".*", "?": "."}.get(c) or re.escape(c) for c in text)
    matches = re.compile(wanted, re.DOTALL).fullmatch
    return (lambda name: matches(fold(name))) if folds else matches


def example(pattern: str) -> str:
    """Return a name that a pattern matches."""
    return pattern.replace("*", "x").replace("?", "x") if is_wild(pattern) else pattern
