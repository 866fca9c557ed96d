"""Fetch a Ranger Admin's policies as the documents that are imported here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iomete.errors import RangerError
from iomete.governance.documents.document import ITEMS, SERVICE, TAG_PREFIX, TAG_SERVICE, Document

if TYPE_CHECKING:
    from collections.abc import Collection

    from iomete.governance.ranger.client import Json, RangerClient, RangerConnection

_ITEMS = (*ITEMS.values(), "denyPolicyItems", "allowExceptions", "denyExceptions")


def fetch(
    client: RangerClient, connection: RangerConnection, *, skip: Collection[str]
) -> dict[str, Any]:
    """Return the policies of a service and of its tags, as an export of ours.

    Raises:
        RangerError: There is no such service, or it can't be asked.
    """
    service = client.service(connection.service)
    if service is None:
        raise RangerError(
            f"Ranger Admin `{connection.url}` has no service `{connection.service}`.",
            hint="lake.policies.push() makes it",
        )
    documents = [p | {"service": SERVICE} for p in client.policies(connection.service)]
    if service.get("tagService"):
        tagged = map(_of_ours, client.policies(service["tagService"]))
        documents += [document for document in tagged if document is not None]
    return {"policies": [d for d in documents if d["name"] not in skip]}


def _of_ours(policy: Json) -> Document | None:
    """Return what a policy on tags says of this kind of service, if it says anything.

    A service of tags is for all kinds of services; accesses of others mean nothing here.
    """
    document = policy | {"service": TAG_SERVICE}
    for member in _ITEMS:
        kept = []
        for item in policy.get(member) or ():
            accesses = [a for a in item["accesses"] if a["type"].startswith(TAG_PREFIX)]
            if accesses:
                kept.append(item | {"accesses": accesses})
        document[member] = kept
    return document if any(document[member] for member in _ITEMS) else None
