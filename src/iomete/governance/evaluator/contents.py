"""What is decided by: policies, tags, owners and principals of one version, as values."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from iomete.governance.evaluator.subjects import Memberships, User

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from iomete.governance.documents.document import Document, Resources


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A tag on what some `resources` name; `schedules` are when the tag holds, if not always."""

    tag: str
    resources: Resources
    schedules: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """Everything that the decisions of one version rest on.

    Documents are Ranger's policies with their ids. `containers` are all groups and roles, written
    with their kind. Owners are by the full name of their table.
    """

    version: int = 0
    access: Sequence[Document] = ()
    tag: Sequence[Document] = ()
    attachments: Sequence[Attachment] = ()
    users: Mapping[str, User] = field(default_factory=dict)
    containers: Sequence[str] = ()
    memberships: Memberships = field(default_factory=lambda: Memberships({}))
    owners: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of_bundle(
        cls,
        bundle: Mapping[str, Any],
        *,
        direct: Mapping[str, Sequence[str]] | None = None,
        containers: Sequence[str] = (),
    ) -> Contents:
        """Read what a bundle holds, which is a JSON object.

        Args:
            bundle: As `iomete.governance.bundle` builds it.
            direct: Direct memberships by member; a bundle knows no ways through nested groups.
            containers: All groups and roles; a bundle doesn't know groups without users.
        """
        services = bundle["services"]
        users = {
            name: User(enabled=user["enabled"], attributes=user["attributes"])
            for name, user in bundle["users"].items()
        }
        known = _memberships(bundle) if direct is None else direct
        return cls(
            version=bundle["version"],
            access=services["policies"],
            tag=services["tagPolicies"]["policies"],
            attachments=tuple(_attachments(bundle["tags"])),
            users=users,
            containers=containers,
            memberships=Memberships({member: tuple(above) for member, above in known.items()}),
            owners=bundle["owners"],
        )


def _memberships(bundle: Mapping[str, Any]) -> Mapping[str, Sequence[str]]:
    direct: dict[str, list[str]] = defaultdict(list)
    for name, user in bundle["users"].items():
        direct[f"user:{name}"] += [f"group:{group}" for group in user["groups"]]
    for role in bundle["roles"]["rangerRoles"]:
        if not role.get("isEnabled", True):
            continue
        for kind in ("user", "group", "role"):
            for member in role.get(f"{kind}s", ()):
                direct[f"{kind}:{member['name']}"].append(f"role:{role['name']}")
    return direct


def _attachments(tags: Mapping[str, Any]) -> list[Attachment]:
    resources = {str(one["id"]): one["resourceElements"] for one in tags["serviceResources"]}
    return [
        Attachment(
            tag=tags["tags"][str(tag_id)]["type"],
            resources=resources[str(number)],
            schedules=tags["tags"][str(tag_id)].get("validityPeriods") or (),
        )
        for number, tag_ids in tags["resourceToTagIds"].items()
        for tag_id in tag_ids
    ]
