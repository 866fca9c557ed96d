"""Ranger Admin's REST API, through the client of the `apache-ranger` package.

That client has no timeouts, and takes an answer that something is missing, or that the server is
down, for an answer without content. Its session is prepared so that neither happens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from iomete.errors import ConfigurationError, MissingExtraError, RangerError
from iomete.settings import RangerSettings

if TYPE_CHECKING:
    from requests import PreparedRequest, Response, Session

Json = dict[str, Any]
_PAGE = 200
_MAKE_PRINCIPALS = {"createPrincipalsIfAbsent": "true", "createNonExistUserGroup": "true"}
"""Ranger refuses policies and roles that name somebody it doesn't know; it heeds one parameter for
each, with requests that change something."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RangerConnection:
    """Which service of which Ranger Admin, and who asks."""

    url: str
    service: str
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)
    timeout_seconds: float = 10


def connection_of(settings: RangerSettings, **given: str | None) -> RangerConnection:
    """Return the connection that arguments ask for, filled in from the settings.

    Credentials of the settings are sent to the settings' own server only.

    Raises:
        ConfigurationError: If neither says where Ranger Admin is, or they contradict each other.
    """
    said = {key: value for key, value in given.items() if value is not None}
    elsewhere = "url" in said and said["url"].rstrip("/") != settings.url
    kept = {"service": settings.service} if elsewhere else settings.model_dump(exclude_none=True)
    if {"user", "token"} & said.keys():
        kept = {k: v for k, v in kept.items() if k not in {"user", "password", "token"}}
    try:
        merged = RangerSettings.model_validate({**kept, **said})
    except ValueError as error:
        raise ConfigurationError(
            "The connection to Ranger Admin is not right: " + _problems(error) + ".",
            hint="see `governance.ranger` in the settings",
        ) from None
    if merged.url is None or merged.service is None:
        raise ConfigurationError(
            "It isn't said which Ranger Admin, or which service of it.",
            hint="pass url= and service=, or set `governance.ranger.url` and `.service`",
        )
    return RangerConnection(
        url=merged.url,
        service=merged.service,
        user=merged.user,
        password=None if merged.password is None else merged.password.get_secret_value(),
        token=None if merged.token is None else merged.token.get_secret_value(),
        timeout_seconds=merged.timeout_seconds,
    )


class RangerClient:
    """What is asked of Ranger Admin, with its answers as plain JSON values.

    Raises:
        MissingExtraError: If the package isn't installed.
    """

    def __init__(self, connection: RangerConnection) -> None:
        try:
            from apache_ranger.client.ranger_client import RangerClient as ApacheClient
        except ImportError as error:
            raise MissingExtraError("Talking to Ranger Admin", extra="ranger") from error
        self._url = connection.url
        self._client = ApacheClient(connection.url, _authentication(connection), _MAKE_PRINCIPALS)
        _prepare(self._client.session, connection.timeout_seconds)

    def service_definition(self, name: str) -> Json | None:
        """Return a service definition, or None."""
        return cast("Json | None", self._ask("get_service_def", name))

    def create_service_definition(self, definition: Json) -> None:
        """Make a service definition; Ranger adds its access types to that of tags."""
        self._ask("create_service_def", definition)

    def service(self, name: str) -> Json | None:
        """Return a service, or None."""
        return cast("Json | None", self._ask("get_service", name))

    def create_service(self, service: Json) -> None:
        """Make a service; Ranger gives it policies of its own."""
        self._ask("create_service", service)

    def update_service(self, service: Json) -> None:
        """Change a service, which is known by its id."""
        self._ask("update_service_by_id", service["id"], service)

    def policies(self, service: str) -> list[Json]:
        """Return all policies of a service."""
        return self._pages("get_policies_in_service", service)

    def create_policy(self, policy: Json) -> None:
        """Make a policy, and whoever it names that Ranger doesn't know."""
        self._ask("create_policy", policy)

    def update_policy(self, policy_id: int, policy: Json) -> None:
        """Put another policy in a policy's place; make principals as for `create_policy`."""
        self._ask("update_policy_by_id", policy_id, policy | {"id": policy_id})

    def delete_policy(self, policy_id: int) -> None:
        """Delete a policy."""
        self._ask("delete_policy_by_id", policy_id)

    def roles(self) -> list[Json]:
        """Return all roles; they belong to no service."""
        return self._pages("find_roles")

    def create_role(self, service: str, role: Json) -> None:
        """Make a role, and whoever is in it that Ranger doesn't know."""
        self._ask("create_role", service, role)

    def update_role(self, role: Json) -> None:
        """Change a role, which is known by its id."""
        self._ask("update_role", role["id"], role)

    def replace_tags(self, service: str, tags: Json) -> None:
        """Put other tags in the place of all of a service."""
        self._ask("import_service_tags", service, tags)

    def _pages(self, call: str, *arguments: object) -> list[Json]:
        found: list[Json] = []
        while True:
            page = {"startIndex": str(len(found)), "pageSize": str(_PAGE)}
            listed = cast("list[Json]", self._ask(call, *arguments, page) or [])
            found += listed
            if len(listed) < _PAGE:
                return found

    def _ask(self, call: str, *arguments: object) -> Any:
        with _translated(self._url):
            try:
                return getattr(self._client, call)(*arguments)
            except _MissingError:
                return None


def _authentication(connection: RangerConnection) -> Callable[[PreparedRequest], PreparedRequest]:
    """Return what adds the credentials; always something, or a .netrc would add others."""
    from requests.auth import HTTPBasicAuth

    if connection.user is not None and connection.password is not None:
        return HTTPBasicAuth(connection.user.encode(), connection.password.encode())

    def add_token(request: PreparedRequest) -> PreparedRequest:
        if connection.token is not None:
            request.headers["Authorization"] = f"Bearer {connection.token}"
        return request

    return add_token


def _prepare(session: Session, timeout_seconds: float) -> None:
    session.request = partial(session.request, timeout=timeout_seconds)  # type: ignore[method-assign]  # the client passes none
    session.max_redirects = 0
    session.hooks["response"].append(_refuse_failures)


class _MissingError(Exception):
    """What is asked for isn't there."""


def _refuse_failures(response: Response, **_: object) -> None:
    """Raise what the client would print, log, or take for an empty answer."""
    if response.status_code == 404 and response.request.method == "GET":
        raise _MissingError
    if response.status_code >= 300:
        raise RangerError(
            f"Ranger Admin answers {response.request.method} {response.request.path_url} with "
            f"HTTP status {response.status_code}{_reason(response)}.",
            hint=_hint(response.status_code),
        )


def _reason(response: Response) -> str:
    try:
        content = response.json()
    except ValueError:
        return ""
    told = content.get("msgDesc") if isinstance(content, Mapping) else None
    return f": {str(told)[:500].rstrip('.')}" if told else ""


def _hint(status: int) -> str:
    if status in {401, 403} or 300 <= status < 400:
        return "check `governance.ranger.user` and `.password`; the user must be an admin there"
    return "see the log of Ranger Admin"


@contextmanager
def _translated(url: str) -> Iterator[None]:
    from requests import RequestException

    try:
        yield
    except RequestException as error:
        raise RangerError(
            f"Ranger Admin `{url}` can't be reached: {type(error).__name__}.",
            hint="check `governance.ranger.url`, and that it can be reached from here",
        ) from error


def _problems(error: ValueError) -> str:
    from pydantic import ValidationError

    if not isinstance(error, ValidationError):
        return str(error)
    listed = error.errors(include_url=False, include_input=False)
    return "; ".join(".".join(map(str, (*d["loc"], d["msg"]))) for d in listed)
