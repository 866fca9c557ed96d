"""What a change of policies is judged on besides tables: catalogs, namespaces and paths.

Of paths those that policies name; others nobody lists.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from iomete.governance.evaluator.matching import has_token, is_wild
from iomete.governance.evaluator.paths import policy_value
from iomete.governance.evaluator.resource_names import table_parts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from iomete.governance.evaluator import CompiledPolicy
    from iomete.governance.evaluator.matching import Values
    from iomete.governance.evaluator.resource_names import Parts

_FIRST_OPEN = re.compile(r"[*?{]")


def containers_in_question(
    tables: Iterable[Sequence[str]], policies: Iterable[CompiledPolicy]
) -> list[Parts]:
    """Return the catalogs and namespaces that hold tables, or that policies name."""
    found: dict[Parts, None] = {}
    for name in tables:
        catalog, namespace, _ = table_parts(name)
        found[catalog,] = None
        levels = namespace.split(".")
        for depth in range(1, len(levels) + 1):
            found[catalog, ".".join(levels[:depth])] = None
    for policy in policies:
        for resources in policy.resources:
            named = [_literal(values) for values in resources.levels[:2]]
            for catalog in named[0] if named else ():
                found[catalog,] = None
                found.update(((catalog, one), None) for one in (named[1] if named[1:] else ()))
    return sorted(found)


def is_on_paths(policy: CompiledPolicy) -> bool:
    """Tell whether a policy is on paths."""
    return any(resources.path is not None for resources in policy.resources)


def paths_in_question(
    policies: Iterable[CompiledPolicy], changed: Iterable[CompiledPolicy], *, all_paths: bool
) -> list[str]:
    """Return paths, as they are written, that can be decided otherwise than before.

    Args:
        policies: Those of before and after, which name the paths.
        changed: Those that differ, or are for users who have moved; what they are on, is in or
            holds is in question.
        all_paths: Whether all paths are.
    """
    named = {policy_value(text): text for policy in policies for text in _written(policy)}
    if all_paths:
        return [text for path, text in named.items() if path is not None]
    texts = [text for policy in changed for one in policy.resources if one.path
             for text in one.path.texts]  # fmt: skip
    return [
        text
        for path, text in named.items()
        if path is not None and any(_is_related(path, other) for other in texts)
    ]


def open_paths(policies: Iterable[CompiledPolicy]) -> list[str]:
    """Return the paths of policies that stand for any number of paths, as they are written."""
    return sorted({
        text for policy in policies for text in _values(policy) if _is_open(text)
    })  # fmt: skip


def _is_related(path: str, text: str) -> bool:
    """Tell whether a path is what a policy's path is on, or may be in it or hold it."""
    literal = _FIRST_OPEN.split(text, maxsplit=1)[0]
    if literal == text:
        return path == text or path.startswith(f"{text}/") or text.startswith(f"{path}/")
    return path.startswith(literal) or literal.startswith(f"{path}/")


def _is_open(text: str) -> bool:
    return is_wild(text) or has_token(text) or is_wild(policy_value(text) or "")


def _written(policy: CompiledPolicy) -> Iterator[str]:
    return (text for text in _values(policy) if not _is_open(text))


def _values(policy: CompiledPolicy) -> Iterator[str]:
    if is_on_paths(policy):
        for resources in policy.document_resources:
            yield from resources.get("path", {}).get("values", ())


def _literal(values: Values) -> list[str]:
    """Return the names among values that stand for nothing but themselves."""
    if values.excludes:
        return []
    return [text for text in values.texts if not is_wild(text) and not has_token(text)]
