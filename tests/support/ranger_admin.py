"""A server that speaks Ranger Admin's protocols: downloads by plugins, and the public REST API.

It keeps services, policies, roles, tags and users as Ranger Admin does as far as these tests look:
ids of its own, versions that grow with each change, names that must exist, one policy for one
resource. It is no Ranger Admin: what that does beyond its protocol isn't tested by it.
"""

from __future__ import annotations

import base64
import itertools
import json
import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

Json = dict[str, Any]
DOWNLOADS = {
    "/service/plugins/secure/policies/download/": "policies",
    "/service/tags/secure/download/": "tags",
    "/service/roles/secure/download/": "roles",
    "/service/xusers/secure/download/": "users",
}
VERSION_PARAMETERS = {
    "policies": "lastKnownVersion",
    "tags": "lastKnownVersion",
    "roles": "lastKnownRoleVersion",
    "users": "lastKnownUserStoreVersion",
}
API = "/service/public/v2/api"


@dataclass
class Fault:
    """How a download fails; each applies to all parts, or to one."""

    status: int | None = None
    body: bytes | None = None
    delay_seconds: float = 0
    cut_at: int | None = None
    only: str | None = None


@dataclass
class RangerServer:
    """A server on loopback with one user; a context manager."""

    user: str = "iomete"
    password: str = "s3cret: of Ranger"
    port: int = 0
    definitions: dict[str, Json] = field(default_factory=dict)
    services: dict[str, Json] = field(default_factory=dict)
    policies: dict[int, Json] = field(default_factory=dict)
    roles: dict[int, Json] = field(default_factory=dict)
    tags: dict[str, Json] = field(default_factory=dict)
    groups_of: dict[str, list[str]] = field(default_factory=dict)
    attributes_of: dict[str, dict[str, str]] = field(default_factory=dict)
    fault: Fault | None = None
    requests: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    statuses: list[tuple[str, int]] = field(default_factory=list)
    versions: dict[str, int] = field(default_factory=lambda: dict.fromkeys(VERSION_PARAMETERS, 1))

    def __post_init__(self) -> None:
        self._ids = itertools.count(1)
        self._server: ThreadingHTTPServer | None = None
        self.connections: set[socket.socket] = set()
        self.definitions["tag"] = {"name": "tag", "accessTypes": []}

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def settings(self, service: str = "lakehouse", **more: Any) -> Json:
        """Return the section `governance` of a lakehouse that goes by this server."""
        ranger = {"url": self.url, "service": service, "user": self.user}
        ranger |= {"password": self.password, "poll_seconds": 0.2, "timeout_seconds": 2}
        return {"source": "ranger", "ranger": ranger | more}

    def start(self) -> None:
        """Serve, at the same port as before."""
        handler = type("Handler", (_Handler,), {"admin": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        """Be away; what is kept stays."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
        for connection in list(self.connections):  # kept alive by who asked before
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def add_user(self, name: str, *groups: str, **attributes: str) -> None:
        """Make a user known, as Ranger's user sync does."""
        self.groups_of[name] = list(groups)
        self.attributes_of[name] = attributes
        self.versions["users"] += 1

    def put_policy(self, policy: Json) -> Json:
        """Add a policy, or change it by its id."""
        kept = {"isEnabled": True, "version": 1, "id": next(self._ids)} | policy
        self.policies[kept["id"]] = kept
        self.versions["policies"] += 1
        return kept

    def remove_policy(self, policy_id: int) -> None:
        """Delete a policy."""
        del self.policies[policy_id]
        self.versions["policies"] += 1

    # --- what plugins download

    def download(self, part: str, service: str) -> Json | None:
        """Return what a plugin gets, or None where there is no such service."""
        if service not in self.services:
            return None
        if part == "policies":
            return self._service_policies(service)
        if part == "tags":
            return self._service_tags(service)
        if part == "roles":
            return {
                "serviceName": service,
                "roleVersion": self.versions["roles"],
                "roleUpdateTime": 1700000000000,
                "rangerRoles": list(self.roles.values()),
            }
        return {
            "userStoreVersion": self.versions["users"],
            "userStoreUpdateTime": 1700000000000,
            "userAttrMapping": self.attributes_of,
            "groupAttrMapping": {},
            "userGroupMapping": self.groups_of,
            "userCloudIdMapping": {},
            "groupCloudIdMapping": {},
        }

    def _service_policies(self, service: str) -> Json:
        tag_service = self.services[service].get("tagService")
        content = {
            "serviceName": service,
            "serviceId": self.services[service]["id"],
            "policyVersion": self.versions["policies"],
            "policyUpdateTime": 1700000000000,
            "policies": self._enabled(service),
            "serviceDef": self.definitions[self.services[service]["type"]],
            "auditMode": "audit-all",
            "serviceConfig": {},
        }
        if tag_service:
            content["tagPolicies"] = {
                "serviceName": tag_service,
                "serviceId": self.services[tag_service]["id"],
                "policyVersion": self.versions["policies"],
                "policyUpdateTime": 1700000000000,
                "policies": self._enabled(tag_service),
                "serviceDef": {"name": "tag"},
                "auditMode": "audit-all",
                "serviceConfig": {},
            }
        return content

    def _enabled(self, service: str) -> list[Json]:
        mine = (p for p in self.policies.values() if p["service"] == service)
        return [policy | {"createTime": 1700000000000} for policy in mine if policy["isEnabled"]]

    def _service_tags(self, service: str) -> Json:
        empty = {"tagDefinitions": {}, "tags": {}, "serviceResources": [], "resourceToTagIds": {}}
        kept = self.tags.get(service, empty)
        return kept | {
            "op": "add_or_update",
            "serviceName": service,
            "tagVersion": self.versions["tags"],
            "tagUpdateTime": 1700000000000,
            "isDelta": False,
        }

    # --- what administrators change

    def call(  # noqa: C901, PLR0911  # a table of what is answered
        self, method: str, path: str, query: dict[str, str], body: Json
    ) -> tuple[int, Any]:
        """Answer a request of the public API with a status and content."""
        what, _, rest = path.removeprefix(f"{API}/").partition("/")
        match method, what, rest.split("/"):
            case "GET", "servicedef", ["name", name]:
                return self._found(self.definitions.get(name))
            case "POST", "servicedef", _:
                self.definitions[body["name"]] = body | {"id": next(self._ids)}
                return 200, self.definitions[body["name"]]
            case "GET", "service", ["name", name]:
                return self._found(self.services.get(name))
            case "POST", "service", _:
                if body["type"] not in self.definitions:
                    return 400, {"msgDesc": f"service def {body['type']} not found"}
                self.services[body["name"]] = body | {"id": next(self._ids)}
                return 200, self.services[body["name"]]
            case "PUT", "service", [_]:
                self.services[body["name"]] = body
                return 200, body
            case "GET", "service", [name, "policy"]:
                mine = [p for p in self.policies.values() if p["service"] == name]
                return 200, self._page(mine, query)
            case "PUT", "service", [name, "tags"]:
                self.tags[name] = {k: v for k, v in body.items() if k != "op"}
                self.versions["tags"] += 1
                return 204, None
            case "POST" | "PUT", "policy", _:
                return self._take_policy(body)
            case "DELETE", "policy", [policy_id]:
                self.remove_policy(int(policy_id))
                return 204, None
            case "GET", "roles", _:
                return 200, self._page(list(self.roles.values()), query)
            case "POST" | "PUT", "roles", _:
                role = {"id": next(self._ids), "isEnabled": True} | body
                self.roles[role["id"]] = role
                self.versions["roles"] += 1
                return 200, role
        return 405, {"msgDesc": f"{method} {path}"}

    def _take_policy(self, policy: Json) -> tuple[int, Any]:
        if policy["service"] not in self.services:
            return 400, {"msgDesc": f"service {policy['service']} does not exist"}
        key = ("service", "policyType", "policyPriority", "resources", "validitySchedules")
        for other in self.policies.values():
            same = all((other.get(k) or 0) == (policy.get(k) or 0) for k in key)
            if same and other["id"] != policy.get("id"):
                told = f"Another policy already exists for matching resource: {other['name']}"
                return 400, {"msgDesc": told}
        return 200, self.put_policy(policy)

    @staticmethod
    def _found(value: Json | None) -> tuple[int, Any]:
        return (404, None) if value is None else (200, value)

    @staticmethod
    def _page(values: list[Json], query: dict[str, str]) -> list[Json]:
        start, size = int(query.get("startIndex", 0)), int(query.get("pageSize", 200))
        return values[start : start + size]


class _Handler(BaseHTTPRequestHandler):
    admin: RangerServer
    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        super().setup()
        self.admin.connections.add(self.connection)

    def finish(self) -> None:
        self.admin.connections.discard(self.connection)
        with suppress(OSError):  # it was cut meanwhile
            super().finish()

    def do_GET(self) -> None:
        self._answer()

    do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Tell nobody."""

    def _answer(self) -> None:
        admin = self.admin
        address = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(address.query).items()}
        path = unquote(address.path)
        length = int(self.headers.get("Content-Length", 0))
        body = json.loads(self.rfile.read(length)) if length else {}
        admin.requests.append((self.command, path, query))
        expected = base64.b64encode(f"{admin.user}:{admin.password}".encode()).decode()
        if self.headers.get("Authorization") not in {f"Basic {expected}", "Bearer t0ken"}:
            self._send(401, b'{"msgDesc":"Authentication failed"}')
            return
        for prefix, part in DOWNLOADS.items():
            if path.startswith(prefix):
                self._download(part, path.removeprefix(prefix), query)
                return
        status, content = admin.call(self.command, path, query, body)
        self._send(status, b"" if content is None else json.dumps(content).encode())

    def _download(self, part: str, service: str, query: dict[str, str]) -> None:
        admin = self.admin
        fault = admin.fault if admin.fault and admin.fault.only in {None, part} else None
        if fault is not None and fault.delay_seconds:
            time.sleep(fault.delay_seconds)
        content = admin.download(part, service)
        if fault is not None and fault.status is not None:
            self._send(fault.status, fault.body or b"")
        elif content is None:
            told = f'"RANGER_ERROR_SERVICE_NOT_FOUND: ServiceName={service}"'
            self._send(404, told.encode(), part)
        elif query[VERSION_PARAMETERS[part]] == str(admin.versions[part]) and fault is None:
            self._send(304, b"", part)
        else:
            whole = json.dumps(content).encode() if fault is None or not fault.body else fault.body
            self._send(200, whole, part, cut_at=None if fault is None else fault.cut_at)

    def _send(self, status: int, body: bytes, part: str = "", *, cut_at: int | None = None) -> None:
        self.admin.statuses.append((part, status))
        try:
            self.send_response(status)
            if status not in {204, 304}:
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if status not in {204, 304}:
                self.wfile.write(body[:cut_at])
        except OSError:  # who asked has waited long enough
            cut_at = 0
        if cut_at is not None:
            self.close_connection = True
