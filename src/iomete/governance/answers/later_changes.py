"""What a change of policies, tags or memberships does at other times than the one it is judged for.

Policies that differ are told, and those that hold at times and are for groups and roles that users
join or leave, or on tags that are attached or detached.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from iomete.governance.evaluator.schedules import holds_at

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from iomete.governance.evaluator import CompiledPolicy, Contents, PolicyBook


def later_changes(before: PolicyBook, after: PolicyBook, moment: datetime) -> Iterator[str]:
    """Give in words when policies that differ begin or end after a moment, which is in UTC.

    What a policy was is told where its schedule is another now, or where it is gone.
    """
    was = {policy.id: policy for policy in before.policies}
    now = {policy.id: policy for policy in after.policies}
    moved = _keys_of_moved(before.contents, after.contents)
    tags = _moved_tags(before.contents, after.contents)
    for policy_id in sorted(was.keys() | now.keys()):
        old, new = was.get(policy_id), now.get(policy_id)
        if old is not None and new is not None and old.document == new.document:
            if new.keys & moved:
                yield from (f"policy `{new.name}`, for who moves: {w}" for w in _when(new, moment))
            elif any(map(new.is_on_tag, tags)):
                yield from (f"policy `{new.name}`, by its tags: {w}" for w in _when(new, moment))
            continue
        if old is not None and (new is None or old.schedules != new.schedules):
            yield from (f"policy `{old.name}` as it was: {when}" for when in _when(old, moment))
        if new is not None:
            yield from (f"policy `{new.name}`: {when}" for when in _when(new, moment))


def _keys_of_moved(before: Contents, after: Contents) -> set[str]:
    """Return the groups and roles that users are in who weren't, or are no longer."""
    if before.memberships is after.memberships:
        return set()
    was, now = before.memberships, after.memberships
    return {key for name in before.users for key in was.keys_of(name) ^ now.keys_of(name)}


def _moved_tags(before: Contents, after: Contents) -> set[str]:
    """Return the tags that are attached to something they weren't on, or are no longer."""
    was, now = ({str(one): one.tag for one in side.attachments} for side in (before, after))
    return {(was | now)[key] for key in was.keys() ^ now.keys()}


def _when(policy: CompiledPolicy, moment: datetime) -> Iterator[str]:
    """Give in words when a policy is in force, if that is ever otherwise from a moment on."""
    to_come = [one for one in policy.schedules if one.ends is None or one.ends > moment]
    is_in_force_from_now_on = any(
        one.ends is None and not one.recurrences and holds_at([one], moment) for one in to_come
    )
    if not to_come or is_in_force_from_now_on:
        return
    if len(to_come) > 1 or to_come[0].recurrences:
        last = max((one.ends for one in to_come if one.ends), default=None)
        is_endless = any(one.ends is None for one in to_come)
        until = "" if is_endless or last is None else f", until {_written(last)}"
        yield f"it is in force only at the times of its schedules{until}"
        return
    begins, ends = to_come[0].begins, to_come[0].ends
    since = f" from {_written(begins)}" if begins is not None and begins > moment else ""
    until = f" until {_written(ends)}" if ends is not None else ""
    yield f"it is in force{since}{until}"


def _written(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
