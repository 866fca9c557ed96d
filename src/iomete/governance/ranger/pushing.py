"""Make a Ranger Admin's service say what this lakehouse's own policies say.

Ranger takes one policy for the same resources, type, priority and validity; policies that share
them are sent as one with the items of each, in their order. That says the same as long as none of
them has exceptions or denies all else, which are about one policy's own items: such are refused.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from iomete.errors import InvalidPolicyError
from iomete.governance.bundle import ranger_roles, ranger_tags
from iomete.governance.documents.document import (
    ALL_ITEMS,
    ALLOW_EXCEPTIONS,
    DENY_EXCEPTIONS,
    SERVICE,
    TAG_SERVICE,
    Document,
    denies_all_else,
    to_json,
)
from iomete.governance.principals.names import ADMIN
from iomete.governance.tables import policies

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iomete.governance.ranger.client import Json, RangerClient, RangerConnection

_TAG_DEFINITION = "tag"
_ADMIN = ADMIN.name
_MEMBERS = ("users", "groups", "roles")
_SAME = ("service", "policyType", "policyPriority", "resources", "additionalResources")
_DOWNLOADERS = ("policy", "tag", "userstore")


@dataclass(frozen=True, slots=True, kw_only=True)
class PushReport:
    """What a push did in Ranger.

    `created`, `updated` and `deleted` are names of policies, `roles` those of roles that were
    written; `others` are policies of the service that are in Ranger only, and in force there;
    `kept_roles` have other members in Ranger, and were left.
    """

    service: str
    made: tuple[str, ...]
    created: tuple[str, ...]
    updated: tuple[str, ...]
    deleted: tuple[str, ...]
    others: tuple[str, ...]
    roles: tuple[str, ...]
    kept_roles: tuple[str, ...]
    tagged_resources: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What of the store is sent: enabled and disabled policies, roles with members, tags."""

    policies: Sequence[Document]
    roles: Sequence[Json]
    tags: Json

    @classmethod
    def read(cls, connection: sa.Connection) -> Contents:
        """Return what a connection's snapshot holds.

        Raises:
            InvalidPolicyError: If policies can't be told apart by Ranger.
        """
        rows = connection.execute(sa.select(policies.c.document).order_by(policies.c.policy_id))
        tags = ranger_tags(connection, 1)
        return cls(
            policies=_merged([json.loads(text) for text in rows.scalars()]),
            # who is admin here is told by the lakehouse, and nobody else's business
            roles=[r for r in ranger_roles(connection, 1)["rangerRoles"] if r["name"] != _ADMIN],
            tags={k: v for k, v in tags.items() if k not in {"isDelta", "tagVersion"}},
        )

    @property
    def has_tags(self) -> bool:
        """Whether anything of it needs a service of tags."""
        is_tagged = any(document["service"] == TAG_SERVICE for document in self.policies)
        return is_tagged or bool(self.tags["serviceResources"])


def push(
    contents: Contents,
    client: RangerClient,
    connection: RangerConnection,
    *,
    prune: bool,
    replace_roles: bool,
) -> PushReport:
    """Write what the lakehouse has to Ranger; see `Policies.push`."""
    made = _make_definition(client)
    tag_service = _make_services(client, connection, made, has_tags=contents.has_tags)
    roles, kept = _push_roles(client, connection.service, contents.roles, replace=replace_roles)
    if contents.has_tags:
        client.replace_tags(
            connection.service,
            contents.tags | {"op": "replace", "serviceName": connection.service},
        )
    services = {SERVICE: connection.service} | ({TAG_SERVICE: tag_service} if tag_service else {})
    done = _Done()
    for ours, theirs in services.items():
        wanted = [d | {"service": theirs} for d in contents.policies if d["service"] == ours]
        # a service of tags may be that of others, too
        _push_policies(client, theirs, wanted, done, prune=prune and ours == SERVICE)
    return PushReport(
        service=connection.service,
        made=tuple(made),
        created=tuple(done.created),
        updated=tuple(done.updated),
        deleted=tuple(done.deleted),
        others=tuple(done.others),
        roles=tuple(roles),
        kept_roles=tuple(kept),
        tagged_resources=len(contents.tags["serviceResources"]),
    )


@dataclass(slots=True)
class _Done:
    """Names of policies, by what was done with them."""

    created: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)


def _push_policies(
    client: RangerClient, service: str, wanted: Sequence[Document], done: _Done, *, prune: bool
) -> None:
    """Delete before writing: what goes may be on the resources of what comes."""
    there = {policy["name"]: policy["id"] for policy in client.policies(service)}
    for name in there.keys() - {document["name"] for document in wanted}:
        if prune:
            client.delete_policy(there[name])
        (done.deleted if prune else done.others).append(name)
    for document in wanted:
        name = document["name"]
        if name in there:
            client.update_policy(there[name], document)
        else:
            client.create_policy(document)
        (done.updated if name in there else done.created).append(name)


def _make_definition(client: RangerClient) -> list[str]:
    if client.service_definition(SERVICE) is not None:
        return []
    text = (files("iomete.governance") / "definitions" / f"{SERVICE}.json").read_text("utf-8")
    definition = {k: v for k, v in json.loads(text).items() if k not in {"id", "version"}}
    client.create_service_definition(definition)
    return [f"service definition `{SERVICE}`"]


def _make_services(
    client: RangerClient, connection: RangerConnection, made: list[str], *, has_tags: bool
) -> str | None:
    """Make the services that are missing, and return the name of that of tags."""
    there = client.service(connection.service)
    tag_service = (there or {}).get("tagService") or (
        f"{connection.service}_tag" if has_tags else None
    )
    if tag_service is not None and client.service(tag_service) is None:
        client.create_service(
            {"name": tag_service, "type": _TAG_DEFINITION, "isEnabled": True, "configs": {}}
        )
        made.append(f"service `{tag_service}`")
    if there is None:
        service: dict[str, Any] = {
            "name": connection.service,
            "type": SERVICE,
            "isEnabled": True,
            "configs": {f"{what}.download.auth.users": connection.user for what in _DOWNLOADERS}
            if connection.user
            else {},
        }
        client.create_service(service | ({"tagService": tag_service} if tag_service else {}))
        made.append(f"service `{connection.service}`")
    elif tag_service is not None and not there.get("tagService"):
        client.update_service(there | {"tagService": tag_service})
    return tag_service


def _push_roles(
    client: RangerClient, service: str, roles: Sequence[Json], *, replace: bool
) -> tuple[list[str], list[str]]:
    """Write roles, those first that others contain; return those written, and those left.

    Ranger's roles are for all of its services: what is there means something to others already.
    """
    there = {role["name"]: role for role in client.roles()}
    written: list[str] = []
    kept: list[str] = []
    for role in _contained_first(roles):
        name = role["name"]
        if name not in there:
            client.create_role(service, {key: role[key] for key in ("name", *_MEMBERS)})
            written.append(name)
        elif _members(role) == _members(there[name]):
            continue
        elif replace:
            client.update_role(there[name] | {key: role[key] for key in _MEMBERS})
            written.append(name)
        else:
            kept.append(name)
    return written, kept


def _contained_first(roles: Sequence[Json]) -> list[Json]:
    """Return roles in an order in which each comes after those in it; there are no circles."""
    by_name = {role["name"]: role for role in roles}
    ordered: dict[str, Json] = {}

    def add(role: Json) -> None:
        for member in role["roles"]:
            if member["name"] in by_name and member["name"] not in ordered:
                add(by_name[member["name"]])
        ordered.setdefault(role["name"], role)

    for role in roles:
        add(role)
    return list(ordered.values())


def _members(role: Json) -> set[tuple[str, str]]:
    return {(kind, member["name"]) for kind in _MEMBERS for member in role.get(kind) or ()}


def _merged(documents: Sequence[Document]) -> list[Document]:
    together: dict[str, list[Document]] = {}
    for document in documents:
        together.setdefault(_signature(document), []).append(document)
    problems = [
        f"`{'` and `'.join(d['name'] for d in group)}` are on the same resources, and Ranger takes "
        "one policy for these, while one of them has exceptions or denies all else"
        for group in together.values()
        if len(group) > 1 and any(map(_stands_alone, group))
    ]
    if problems:
        raise InvalidPolicyError(problems, hint="say it in one policy, or give one a priority")
    return [_joined(group) for group in together.values()]


def _signature(document: Document) -> str:
    """Return what no two enabled policies of a service may share, in Ranger."""
    same = {member: document.get(member) or None for member in _SAME}
    schedules = document.get("validitySchedules") or None
    return to_json([same, schedules, document.get("isEnabled", True)])


def _stands_alone(document: Document) -> bool:
    exceptions = document.get(ALLOW_EXCEPTIONS) or document.get(DENY_EXCEPTIONS)
    return bool(exceptions) or denies_all_else(document)


def _joined(group: Sequence[Document]) -> Document:
    first = {k: v for k, v in group[0].items() if k not in {"id", "version", *ALL_ITEMS}}
    items = {member: [i for d in group for i in d.get(member, ())] for member in ALL_ITEMS}
    return first | {member: some for member, some in items.items() if some}
