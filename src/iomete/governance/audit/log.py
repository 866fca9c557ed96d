"""What a principal does through Python, told to the audit trail as one event a decision."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from iomete.access import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable

    from iomete.access import Principal
    from iomete.governance.audit.writer import SpoolWriter


class AuditLog:
    """The events of one principal in one session.

    Args:
        writer: Where they go.
        principal: Who acts.
        application: What Spark calls this application; shared with its queries' events.
    """

    def __init__(self, writer: SpoolWriter, principal: Principal, *, application: str = "") -> None:
        self._writer = writer
        self._principal = principal
        self._application = application
        self._session = str(uuid.uuid4())

    def allowed(
        self,
        action: str,
        resource: str,
        *,
        policies: Iterable[int] = (),
        detail: str | None = None,
    ) -> None:
        """Record that something is done, before it is.

        Args:
            action: Such as `policy.create`; those with a dot are Python's own.
            resource: What it is done to: a full name, a principal, a tag.
            policies: Ids of the policies that it changes.
            detail: What else there is to say, such as the tag that is attached.

        Raises:
            AuditUnavailableError: It can't be recorded, and it must be.
        """
        self._write(action, resource, Verdict.ALLOWED, detail, policies)

    def denied(self, action: str, resource: str, reason: str) -> None:
        """Record that something was refused.

        Raises:
            AuditUnavailableError: It can't be recorded, and it must be.
        """
        self._write(action, resource, Verdict.DENIED, reason, ())

    def _write(
        self,
        action: str,
        resource: str,
        verdict: Verdict,
        reason: str | None,
        policies: Iterable[int],
    ) -> None:
        self._writer.write(
            {
                "principal": self._principal.name,
                "action": action,
                "resource": resource,
                "columns": None,
                "verdict": verdict.value,
                "policies": list(policies),
                "masks": {},
                "filters": [],
                "snapshot": None,
                "query": str(uuid.uuid4()),
                "session": self._session,
                "application": self._application,
                "via": [],
                "reason": reason,
            }
        )
