"""Principals as they are written: `user:alice`, `group:analysts`, `role:auditor`, `everyone`.

Policies may also name `{OWNER}`, whoever owns the table that is asked for, and `{USER}`, whoever
asks. No principal can have such a name.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from iomete.access import Principal
from iomete.errors import ConfigurationError

MAX_NAME_CHARACTERS = 255


class PrincipalKind(StrEnum):
    """What can be given rights."""

    USER = "user"
    GROUP = "group"
    ROLE = "role"


_KINDS = frozenset(kind.value for kind in PrincipalKind)
_WILDCARDS = frozenset("*?")


@dataclass(frozen=True, slots=True, order=True)
class PrincipalName:
    """A user, group or role by its kind and name, whether it exists or not."""

    kind: PrincipalKind
    name: str

    def __str__(self) -> str:
        return self.name if self.is_token else f"{self.kind}:{self.name}"

    @property
    def is_token(self) -> bool:
        """Whether it stands for somebody who is known only when a question is asked."""
        return self.kind is PrincipalKind.USER and self.name in USER_TOKENS

    @property
    def words(self) -> str:
        """Kind and name for a message at the start of a sentence: "User `alice`"."""
        return f"{self.kind.capitalize()} `{self.name}`"

    @classmethod
    def parse(cls, text: str, *, bare: PrincipalKind = PrincipalKind.USER) -> PrincipalName:
        """Read a principal; a name without a kind is of the kind `bare`.

        Raises:
            ConfigurationError: It isn't text, or no principal can have this name.
        """
        if not isinstance(text, str):
            raise ConfigurationError(
                f"A principal is text, not {type(text).__name__}.",
                hint='write "user:alice", "group:analysts", "role:auditor" or "everyone"',
            )
        if text == EVERYONE_WORD:
            return EVERYONE
        kind, found, name = text.partition(":")
        if found and kind in _KINDS:
            return cls(PrincipalKind(kind), _checked(name))
        return cls(bare, _checked(text))


USER_TOKENS = ("{USER}", "{OWNER}")
"""Ranger's words for who asks and for who owns what is asked for (`RangerPolicyEngine`), among the
users of a policy and in what it is on."""

ASKER, OWNER = (PrincipalName(PrincipalKind.USER, token) for token in USER_TOKENS)

EVERYONE_WORD = "everyone"
EVERYONE = PrincipalName(PrincipalKind.GROUP, "public")
"""The group that everyone is in, by Ranger's name (`RangerPolicyEngine.GROUP_PUBLIC`)."""

ADMIN = PrincipalName(PrincipalKind.ROLE, "admin")
"""The role that may administer, and that reads raw data."""

AUDITOR = PrincipalName(PrincipalKind.ROLE, "auditor")
"""The role that may read the audit trail."""


def parse_principals(
    value: str | Iterable[str], *, bare: PrincipalKind = PrincipalKind.USER
) -> tuple[PrincipalName, ...]:
    """Read one principal or several, each once, in the order given.

    Raises:
        ConfigurationError: One of them isn't a principal.
    """
    if isinstance(value, str):
        return (PrincipalName.parse(value, bare=bare),)
    if not isinstance(value, Iterable):
        return (PrincipalName.parse(value, bare=bare),)
    return tuple(dict.fromkeys(PrincipalName.parse(text, bare=bare) for text in value))


def parse_of_kind(text: str, kind: PrincipalKind) -> PrincipalName:
    """Read a principal of the kind that is asked for, which a bare name is of.

    Raises:
        ConfigurationError: It is of another kind, or no principal.
    """
    name = PrincipalName.parse(text, bare=kind)
    if name.kind is not kind:
        raise ConfigurationError(
            f"`{text}` is a {name.kind}, and a {kind} is asked for.", hint=f"name a {kind}"
        )
    return name


def parse_grantees(value: str | Iterable[str]) -> tuple[PrincipalName, ...]:
    """Read whom a policy is for: principals, `{OWNER}` and `{USER}`; as `parse_principals`.

    Raises:
        ConfigurationError: One of them is none of these.
    """
    listed = [value] if isinstance(value, str) or not isinstance(value, Iterable) else value
    tokens = {OWNER.name: OWNER, ASKER.name: ASKER}
    return tuple(
        dict.fromkeys(
            tokens[text] if text in USER_TOKENS else PrincipalName.parse(text) for text in listed
        )
    )


def check_new(name: PrincipalName) -> PrincipalName:
    """Return the name of a principal to be made, if it can't be taken for another's.

    Raises:
        ConfigurationError: The name is reserved, or would be a pattern where a policy is on
            something named after its user.
    """
    if found := sorted(_WILDCARDS.intersection(name.name)):
        raise ConfigurationError(
            f"`{name.name}` holds `{found[0]}`, which is a wildcard in policies.",
            hint="use another name",
        )
    if name.name.casefold() in {EVERYONE_WORD, EVERYONE.name}:
        raise ConfigurationError(
            f"`{name.name}` is reserved: it means everyone.", hint="use another name"
        )
    return name


def names_of(principals: Iterable[PrincipalName], kind: PrincipalKind) -> list[str]:
    """Return the bare names of the principals of one kind."""
    return [principal.name for principal in principals if principal.kind is kind]


def from_names(
    *, users: Sequence[str], groups: Sequence[str], roles: Sequence[str]
) -> tuple[PrincipalName, ...]:
    """Return the principals that a Ranger document lists by kind."""
    return (
        *(PrincipalName(PrincipalKind.USER, name) for name in users),
        *(PrincipalName(PrincipalKind.GROUP, name) for name in groups),
        *(PrincipalName(PrincipalKind.ROLE, name) for name in roles),
    )


def _checked(name: str) -> str:
    """Return a name that Ranger reads as nothing but a name.

    `{USER}` and `{OWNER}` among a policy's users stand for whoever asks and for the owner
    (`RangerPolicyEngine.USER_CURRENT`, `RESOURCE_OWNER`).
    """
    Principal(name)
    problem = None
    if len(name) > MAX_NAME_CHARACTERS:
        problem = f"it has {len(name)} characters, and {MAX_NAME_CHARACTERS} are allowed"
    elif "{" in name or "}" in name:
        problem = "braces are only in `{OWNER}` and `{USER}`, of which policies know"
    elif ":" in name and name.partition(":")[0] in _KINDS:
        problem = "the kind is written twice"
    if problem:
        raise ConfigurationError(
            f"`{name[:80]}` is not a principal's name: {problem}.",
            hint='write "user:alice", "group:analysts" or "role:auditor"',
        )
    return name
