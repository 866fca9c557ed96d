"""Policies in words, by their ids: those that are only drafted have none of the store's."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

FIRST_DRAFTED_ID = 1 << 60
"""Ids of drafted policies are from here on: the store gives out none of them."""


def id_text(policy_id: int) -> str:
    """Return an id in words: of drafted policies `draft 1`, in their order."""
    if policy_id < FIRST_DRAFTED_ID:
        return str(policy_id)
    return f"draft {policy_id - FIRST_DRAFTED_ID + 1}"


def policies_text(ids: Iterable[int]) -> str:
    """Return `policy 7`, `policies 7, 9` or `no policy`."""
    listed = [id_text(one) for one in sorted(ids)]
    if not listed:
        return "no policy"
    return f"policy {listed[0]}" if len(listed) == 1 else f"policies {', '.join(listed)}"
