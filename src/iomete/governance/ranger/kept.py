"""The policies of a Ranger Admin that are in force, as Spark's policy engine keeps them on disk."""

from __future__ import annotations

import hashlib
import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from iomete.errors import PolicyNotFoundError
from iomete.governance.documents.document import (
    ALL_ITEMS,
    SERVICE,
    TAG_SERVICE,
    Document,
    PolicyType,
    Priority,
    principals_of,
)
from iomete.governance.documents.specifications import kind_of, target_text
from iomete.governance.policy_records import Policy
from iomete.names import nearest

if TYPE_CHECKING:
    from pathlib import Path

KEPT_FILE = "ranger.json"
_DIGEST = re.compile(rb',"sha256":"([0-9a-f]{64})"\}')
_DIGEST_BYTES = len(',"sha256":""}') + 64


class KeptPolicies:
    """Reads what a session has downloaded last; another one's file is another lakehouse's.

    Args:
        file: In the lakehouse's `policies` folder.
    """

    def __init__(self, file: Path) -> None:
        self._file = file

    def list(self) -> list[Policy]:
        """Return the policies by id, disabled and malformed ones included.

        Cost: one read of the file.
        """
        parts = self._parts()
        services = parts.get("policies", {}).get("content", {})
        tagged = (services.get("tagPolicies") or {}).get("policies") or ()
        documents = [
            *((document, SERVICE) for document in services.get("policies") or ()),
            *((document, TAG_SERVICE) for document in tagged),
        ]
        return sorted((_policy(d, service) for d, service in documents), key=lambda p: p.id)

    def get(self, policy: int | str) -> Policy:
        """Return a policy by id or name.

        Raises:
            PolicyNotFoundError: There is none.
        """
        found = self.list()
        for one in found:
            if str(policy) in {str(one.id), one.name}:
                return one
        alike = nearest(str(policy), [one.name for one in found])
        raise PolicyNotFoundError(
            f"Policy `{str(policy)[:200]}` does not exist.",
            hint=f"did you mean `{alike}`?" if alike else "see lake.policies.list()",
        )

    def versions(self) -> dict[str, int]:
        """Return Ranger's version of `policies`, `tags`, `roles` and `users`; empty: none is."""
        return {name: int(part["version"]) for name, part in self._parts().items()}

    def _parts(self) -> dict[str, Any]:
        try:
            content = self._file.read_bytes()
        except FileNotFoundError:
            return {}
        body, tail = content[:-_DIGEST_BYTES], content[-_DIGEST_BYTES:]
        digest = _DIGEST.fullmatch(tail)
        if digest is None or hashlib.sha256(body).hexdigest() != digest[1].decode("ascii"):
            return {}  # Spark doesn't go by it either, and downloads another
        parts: dict[str, Any] = json.loads(content)["parts"]
        return parts


def _policy(document: Document, service: str) -> Policy:
    """Return a policy of Ranger's, which may say what isn't understood here."""
    document = document | {"service": service}
    items = (item for member in ALL_ITEMS for item in document.get(member) or ())
    named = dict.fromkeys(str(name) for item in items for name in principals_of(item))
    known = {**document, "policyType": document.get("policyType") or int(PolicyType.ACCESS)}
    return Policy(
        id=document["id"],
        name=document.get("name") or "",
        kind=kind_of(known),
        on=target_text({"resources": {}, **_without_nulls(document)}),
        to=tuple(named),
        priority=Priority(document.get("policyPriority") or 0).name.lower(),
        enabled=document.get("isEnabled") is not False,
        version=document.get("version") or 1,
        description=document.get("description"),
        author=document.get("updatedBy") or document.get("createdBy") or "",
        created_at=_time(document.get("createTime")),
        updated_at=_time(document.get("updateTime")),
        document=document,
    )


def _without_nulls(document: Document) -> Document:
    return {member: value for member, value in document.items() if value is not None}


def _time(milliseconds: object) -> datetime:
    """Ranger leaves times out of a download, as a rule: the beginning of time stands for that."""
    since = milliseconds if isinstance(milliseconds, int) else 0
    return datetime.fromtimestamp(since / 1000, UTC)
