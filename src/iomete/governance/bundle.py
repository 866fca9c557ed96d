"""The bundle: everything the policy engine in Spark goes by, as one JSON text of one version.

Stored documents are joined as they are, so its cost is that of reading them.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from iomete.catalog.tables import owners, tag_attachments, tags
from iomete.governance import counters
from iomete.governance.builtin import builtin_policies
from iomete.governance.documents.document import SERVICE, TAG_SERVICE, to_json
from iomete.governance.principals.names import PrincipalKind
from iomete.governance.tables import attributes, memberships, policies, principals

if TYPE_CHECKING:
    from collections.abc import Mapping

FORMAT = 1
_HEAD = re.compile(rb'\{"format":1,"version":(\d+),"lakehouse":"([^"]*)"')
_DIGEST = re.compile(rb',"sha256":"([0-9a-f]{64})"\}')
_DIGEST_BYTES = len(',"sha256":""}') + 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """A bundle's content, and what its head says; `is_whole` tells whether its digest is right."""

    version: int
    lakehouse: str
    content: bytes
    is_whole: bool = True

    @classmethod
    def read(cls, content: bytes) -> Bundle | None:
        """Return what a file holds, or None where it isn't a bundle of this format."""
        head = _HEAD.match(content)
        if head is None:
            return None
        body, tail = content[:-_DIGEST_BYTES], content[-_DIGEST_BYTES:]
        digest = _DIGEST.fullmatch(tail)
        return cls(
            version=int(head[1]),
            lakehouse=head[2].decode(errors="replace"),
            content=content,
            is_whole=digest is not None
            and hashlib.sha256(body).hexdigest() == digest[1].decode("ascii"),
        )


def build_bundle(connection: sa.Connection, lakehouse: str) -> Bundle:
    """Return the bundle of what a connection's snapshot holds.

    Cost: one read of every policy, principal and tag; nothing of tables.
    """
    version = counters.read_version(connection) or 0
    body = ",".join(
        (
            f'{{"format":{FORMAT}',
            f'"version":{version}',
            f'"lakehouse":{to_json(lakehouse)}',
            f'"services":{_services(connection, version)}',
            f'"tags":{to_json(ranger_tags(connection, version))}',
            f'"roles":{to_json(ranger_roles(connection, version))}',
            f'"users":{to_json(_users(connection))}',
            f'"owners":{to_json(_owners(connection))}',
        )
    ).encode()
    digest = hashlib.sha256(body).hexdigest()
    content = b"".join((body, b',"sha256":"', digest.encode("ascii"), b'"}'))
    return Bundle(version=version, lakehouse=lakehouse, content=content)


@cache
def _definition(name: str) -> str:
    text = (files("iomete.governance") / "definitions" / f"{name}.json").read_text("utf-8")
    return to_json(json.loads(text))


def _services(connection: sa.Connection, version: int) -> str:
    """Return Ranger's `ServicePolicies`, with those of tags inside."""
    tagged = _service_members(connection, TAG_SERVICE, 2, version, "tag")
    return (
        f"{{{_service_members(connection, SERVICE, 1, version, 'iomete')},"
        f'"tagPolicies":{{{tagged}}}}}'
    )


def _service_members(
    connection: sa.Connection, service: str, service_id: int, version: int, definition: str
) -> str:
    stored = connection.execute(
        sa.select(policies.c.document)
        .where(policies.c.service == service, policies.c.enabled)
        .order_by(policies.c.policy_id)
    )
    documents = [*map(to_json, builtin_policies(service)), *stored.scalars()]
    return ",".join(
        (
            f'"serviceName":{to_json(service)}',
            f'"serviceId":{service_id}',
            f'"policyVersion":{version}',
            f'"policies":[{",".join(documents)}]',
            f'"serviceDef":{_definition(definition)}',
            '"auditMode":"audit-all"',
            '"serviceConfig":{}',
        )
    )


def ranger_tags(connection: sa.Connection, version: int) -> dict[str, Any]:
    """Return Ranger's `ServiceTags`; a tag is the same instance wherever it is attached."""
    defined = connection.execute(
        sa.select(tags.c.tag, tags.c.tag_id, tags.c.attributes).order_by(tags.c.tag_id)
    ).all()
    ids = {tag: tag_id for tag, tag_id, _ in defined}
    attached: dict[str, list[int]] = defaultdict(list)
    parts: dict[str, str] = {}
    rows = connection.execute(
        sa.select(
            tag_attachments.c.tag, tag_attachments.c.resource, tag_attachments.c.parts
        ).order_by(tag_attachments.c.resource, tag_attachments.c.tag)
    )
    for tag, resource, resource_parts in rows:
        attached[resource].append(ids[tag])
        parts[resource] = resource_parts
    numbered = list(enumerate(attached, start=1))
    return {
        "op": "add_or_update",
        "serviceName": SERVICE,
        "tagVersion": version,
        "tagDefinitions": {
            str(tag_id): {"id": tag_id, "isEnabled": True, "version": 1, "name": tag}
            for tag, tag_id, _ in defined
        },
        "tags": {
            str(tag_id): {
                "id": tag_id,
                "isEnabled": True,
                "version": 1,
                "type": tag,
                "attributes": json.loads(values),
            }
            for tag, tag_id, values in defined
        },
        "serviceResources": [
            {
                "id": number,
                "isEnabled": True,
                "version": 1,
                "serviceName": SERVICE,
                "resourceElements": {
                    level: {"values": [value]}
                    for level, value in json.loads(parts[resource]).items()
                },
            }
            for number, resource in numbered
        ],
        "resourceToTagIds": {str(number): attached[resource] for number, resource in numbered},
        "isDelta": False,
    }


def ranger_roles(connection: sa.Connection, version: int) -> dict[str, Any]:
    """Return Ranger's `RangerRoles`, with direct members; Ranger follows nested roles itself."""
    members: dict[str, dict[str, list[str]]] = {
        role: {"users": [], "groups": [], "roles": []}
        for role in connection.execute(
            sa.select(principals.c.principal)
            .filter_by(kind=str(PrincipalKind.ROLE))
            .order_by(principals.c.principal)
        ).scalars()
    }
    rows = connection.execute(
        sa.select(memberships.c.container, memberships.c.member).order_by(memberships.c.member)
    )
    for container, member in rows:
        if container in members:
            kind, _, name = member.partition(":")
            members[container][f"{kind}s"].append(name)
    return {
        "serviceName": SERVICE,
        "roleVersion": version,
        "rangerRoles": [
            {
                "id": number,
                "name": role.partition(":")[2],
                "isEnabled": True,
                **{
                    kind: [{"name": name, "isAdmin": False} for name in names]
                    for kind, names in members[role].items()
                },
                "version": 1,
            }
            for number, role in enumerate(members, start=1)
        ],
    }


def _users(connection: sa.Connection) -> dict[str, Any]:
    """Return users with all their groups, nested ones included, and their attributes."""
    containers: dict[str, list[str]] = defaultdict(list)
    for container, member in connection.execute(
        sa.select(memberships.c.container, memberships.c.member)
    ):
        if container.startswith("group:"):
            containers[member].append(container)
    above = _Closure(containers)
    values: dict[str, dict[str, Any]] = defaultdict(dict)
    for principal, name, value in connection.execute(
        sa.select(attributes).order_by(attributes.c.principal, attributes.c.name)
    ):
        values[principal][name] = json.loads(value)
    users = connection.execute(
        sa.select(principals.c.principal, principals.c.name, principals.c.enabled)
        .filter_by(kind=str(PrincipalKind.USER))
        .order_by(principals.c.name)
    )
    return {
        name: {
            "groups": sorted(group.partition(":")[2] for group in above.of(principal)),
            "attributes": values.get(principal, {}),
            "enabled": enabled,
        }
        for principal, name, enabled in users
    }


class _Closure:
    """What each principal is in; walked once per group, however many members it has."""

    def __init__(self, containers: Mapping[str, list[str]]) -> None:
        self._containers = containers
        self._known: dict[str, frozenset[str]] = {}

    def of(self, member: str) -> frozenset[str]:
        """Return every group that a user is in."""
        direct = self._containers.get(member, ())
        return frozenset().union(*map(self._with_containers, direct))

    def _with_containers(self, group: str) -> frozenset[str]:
        """Return a group with all that it is in, however deep they are nested."""
        if group not in self._known:
            reached, rest = {group}, [group]
            while rest:
                new = set(self._containers.get(rest.pop(), ())) - reached
                reached |= new
                rest += new
            self._known[group] = frozenset(reached)
        return self._known[group]


def _owners(connection: sa.Connection) -> dict[str, str]:
    rows = connection.execute(sa.select(owners).order_by(owners.c.resource))
    return {row.resource: row.owner for row in rows}
