"""Plans as files: to be looked at by one person, or program, and applied by another.

A file is signed with a key of the lakehouse that it was made for (HMAC-SHA-256), so that what is
applied is what was planned.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, ValidationError

from iomete.errors import ConfigurationError, InvalidPlanError
from iomete.governance.as_code.plan import (
    Effect,
    PlannedAction,
    PlannedChange,
    PolicyPlan,
    differences,
)

if TYPE_CHECKING:
    from iomete.store import Store

FORMAT = 1

_PURPOSE = b"iomete: plans of policies"
_HINT = "make another: iomete policies plan --out FILE"


class _Change(BaseModel):
    model_config = ConfigDict(extra="forbid", defer_build=True)

    action: PlannedAction
    name: str
    kind: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    policy_id: int | None
    version: int | None
    place: str | None
    future: bool
    note: str | None


class _Effect(BaseModel):
    model_config = ConfigDict(extra="forbid", defer_build=True)

    principal: str
    change: str
    what: str


class _PlanFile(BaseModel):
    model_config = ConfigDict(extra="forbid", defer_build=True)

    format: int
    lakehouse: str
    version: int
    project: str
    author: str
    created_at: datetime
    unchanged: int
    changes: list[_Change]
    adopted: list[_Change]
    effects: list[_Effect] | None
    signature: str


def save_plan(plan: PolicyPlan, path: str | os.PathLike[str], store: Store) -> None:
    """Write a plan to a file, for its owner only.

    Raises:
        ConfigurationError: The file can't be written.
    """
    body = _body(plan)
    text = json.dumps(body | {"signature": _signature(body, store)}, ensure_ascii=False, indent=1)
    target = Path(path)
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        descriptor = os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text + "\n")
        partial.replace(target)
    except OSError as error:
        with suppress(OSError):
            partial.unlink()
        raise ConfigurationError(
            f"`{target}` can't be written: {error.strerror}.", hint="name another file"
        ) from error


def load_plan(path: str | os.PathLike[str], store: Store) -> PolicyPlan:
    """Read a plan that `save_plan` has written for this lakehouse.

    Raises:
        InvalidPlanError: It isn't one, was changed, or was made for another lakehouse.
    """
    written = _read(Path(path))
    content = _validated(written, path)
    found = content.lakehouse
    ours = store.identity().id
    if found != ours:
        raise InvalidPlanError(
            f"The plan `{path}` was made for lakehouse `{found[:80]}`, and this is `{ours}`.",
            hint="name the lakehouse that it was made for, or plan for this one",
        )
    body = {member: value for member, value in written.items() if member != "signature"}
    if not hmac.compare_digest(_signature(body, store).encode(), content.signature.encode()):
        raise InvalidPlanError(f"The plan `{path}` isn't as it was when it was made.", hint=_HINT)
    return _plan(content)  # documents are looked into only now: they are ours


def plan_json(plan: PolicyPlan) -> dict[str, Any]:
    """Return a plan as programs read it: as in its file, with what changes by key."""
    body = _body(plan)
    for member, changes in (("changes", plan.changes), ("adopted", plan.adopted)):
        for written, change in zip(body[member], changes, strict=True):
            written["fields"] = [
                {"key": field.key, "before": field.before, "after": field.after}
                for field in change.fields
            ]
    return body


def _body(plan: PolicyPlan) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "lakehouse": plan.lakehouse,
        "version": plan.version,
        "project": plan.project,
        "author": plan.author,
        "created_at": plan.created_at.isoformat(),
        "unchanged": plan.unchanged,
        "changes": [_written(change) for change in plan.changes],
        "adopted": [_written(change) for change in plan.adopted],
        "effects": None
        if plan.effects is None
        else [{"principal": e.principal, "change": e.change, "what": e.what} for e in plan.effects],
    }


def _written(change: PlannedChange) -> dict[str, Any]:
    return {name: getattr(change, name) for name in _Change.model_fields} | {
        "action": change.action.value
    }


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise InvalidPlanError(
            f"The plan `{path}` can't be read: {error.strerror}.", hint=_HINT
        ) from error
    except (ValueError, RecursionError) as error:
        raise InvalidPlanError(
            f"`{path}` is no plan of policies: it is no JSON.", hint=_HINT
        ) from error
    if not isinstance(content, dict):
        raise InvalidPlanError(f"`{path}` is no plan of policies.", hint=_HINT)
    return content


def _validated(content: dict[str, Any], path: str | os.PathLike[str]) -> _PlanFile:
    version = content.get("format")
    if isinstance(version, int) and version > FORMAT:
        raise InvalidPlanError(
            f"The plan `{path}` is of a newer version of iomete.",
            hint="pip install --upgrade iomete",
        )
    try:
        return _PlanFile.model_validate(content)
    except ValidationError as error:
        raise InvalidPlanError(f"`{path}` is no plan of policies.", hint=_HINT) from error


def _plan(content: _PlanFile) -> PolicyPlan:
    effects = content.effects
    return PolicyPlan(
        lakehouse=content.lakehouse,
        version=content.version,
        project=content.project,
        author=content.author,
        created_at=content.created_at,
        changes=tuple(map(_change, content.changes)),
        adopted=tuple(map(_change, content.adopted)),
        unchanged=content.unchanged,
        effects=None if effects is None else tuple(Effect(**one.model_dump()) for one in effects),
    )


def _change(found: _Change) -> PlannedChange:
    fields = () if found.action is PlannedAction.ADOPT else differences(found.before, found.after)
    return PlannedChange(**found.model_dump(), fields=fields)


def _signature(body: dict[str, Any], store: Store) -> str:
    """Return what only who can read this lakehouse's secrets can write under a plan."""
    from iomete.governance.founding import hash_key

    key = hmac.new(hash_key(store), _PURPOSE, hashlib.sha256).digest()
    text = json.dumps(body, ensure_ascii=True, sort_keys=True, separators=(",", ":"))
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
