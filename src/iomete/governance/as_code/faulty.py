"""Policies of files that aren't right: all that is wrong with each is told, not only the first."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from iomete.errors import IometeError
from iomete.governance.as_code.declared import KIND_KEYS, RANGER, judged, ranger_document
from iomete.governance.documents.document import ALL_ITEMS
from iomete.governance.documents.specifications import PolicyKind
from iomete.governance.principals.names import USER_TOKENS, PrincipalKind, PrincipalName

if TYPE_CHECKING:
    from iomete.governance.as_code.declared import Note
    from iomete.governance.as_code.yaml_source import Place

_TARGETS = frozenset({"on", "on_namespace", "on_path", "on_tag", RANGER})
_MASK_ARGUMENTS = frozenset({"show_last", "show_first", "value", "digits", "expression"})


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultyPolicy:
    """A policy that isn't right, by what it names, which may not exist besides.

    `label` is what messages call it; `principals` have the key that names each.
    """

    label: str
    principals: Mapping[PrincipalName, str]
    tags: frozenset[str]
    file: str
    place: Place
    places: Mapping[str, Place] = field(default_factory=dict, repr=False)

    def place_of(self, key: str) -> Place:
        """Return where a key is, or the policy."""
        return self.places.get(key, self.place)


def principals_named(given: Mapping[str, Any]) -> dict[PrincipalName, str]:
    """Return the principals that a policy names, each with its key; what isn't one is passed over.

    Args:
        given: Keys of a file with their values, right or wrong.
    """
    named: dict[PrincipalName, str] = {}
    for key, text in (*_texts_of_keys(given), *_texts_of_ranger(given)):
        if text not in USER_TOKENS:
            try:
                named.setdefault(PrincipalName.parse(text), key)
            except IometeError:  # which is told where it is judged
                continue
    return named


def _texts_of_keys(given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for key in ("to", "except"):
        value = given.get(key)
        yield from ((key, text) for text in _texts([value] if isinstance(value, str) else value))


def _texts_of_ranger(given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Give the principals that the items of a Ranger policy list by kind, as `group:analysts`."""
    document = _mapping(given.get(RANGER))
    for item in (item for member in ALL_ITEMS for item in _listed(document.get(member))):
        for kind in PrincipalKind:
            for name in _texts(_mapping(item).get(f"{kind}s")):
                yield RANGER, name if name in USER_TOKENS else f"{kind}:{name}"


def tags_named(given: Mapping[str, Any]) -> frozenset[str]:
    """Return the tags that a policy is on, as far as it names some."""
    document = _mapping(given.get(RANGER))
    resources = [document.get("resources"), *_listed(document.get("additionalResources"))]
    tags = (_mapping(_mapping(one).get("tag")).get("values") for one in resources)
    return frozenset(
        text for value in ([given.get("on_tag")], *tags) for text in _texts(value) if text
    )


def _texts(value: object) -> Iterator[str]:
    return (text for text in _listed(value) if isinstance(text, str))


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def note_faults(fields: Mapping[str, Any], given: Collection[str], note: Note) -> None:
    """Note what is wrong with keys of a policy of which others are wrong.

    What is wrong counts only if the right keys themselves say so: what seems to be missing may be
    what a wrong key meant. Where not one key says what the policy does, the others are wrong only
    if they are whatever it does.

    Args:
        fields: Values of the keys that are right by themselves.
        given: All keys.
        note: Is told what is wrong.
    """
    told = _told(fields, given)
    said = [kind for kind, key in KIND_KEYS.items() if key in given]
    if RANGER in given:
        if RANGER in fields and not said:
            ranger_document(fields, lambda key, text: note(key, text) if key in told else None)
        return
    kinds = said or list(KIND_KEYS)
    found = {kind: _problems(kind, fields, is_alone=len(said) == 1) for kind in kinds}
    common = set.intersection(*map(set, found.values()))
    for kind, problems in found.items():
        for key, message in problems:
            if key in told and (key == KIND_KEYS[kind] or (key, message) in common):
                note(key, message)


def _problems(
    kind: PolicyKind, fields: Mapping[str, Any], *, is_alone: bool
) -> list[tuple[str, str]]:
    """Return what is wrong with a policy if it is of a kind, by key."""
    others = set(KIND_KEYS.values()) - {KIND_KEYS[kind]}
    if kind is not PolicyKind.MASK and not is_alone:
        others |= _MASK_ARGUMENTS
    problems: list[tuple[str, str]] = []
    own = {key: value for key, value in fields.items() if key not in others}
    judged(kind, own, lambda key, message: problems.append((key, message)))
    return problems


def _told(fields: Mapping[str, Any], given: Iterable[str]) -> set[str]:
    """Return the keys whose problems count, although other keys of a policy are wrong."""
    told = set(fields)
    if not told & _TARGETS:
        told -= {"columns", "except_columns"}
    if "mask" in told and _MASK_ARGUMENTS & (set(given) - told):
        told.remove("mask")
    return told
