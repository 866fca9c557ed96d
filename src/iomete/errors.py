"""Every error that iomete raises, and what each means outside of Python.

    IometeError
    ├── ConfigurationError (ValueError)       a setting or an argument is wrong
    │   ├── SettingsError                     one or more settings don't validate
    │   ├── SessionConflictError              this process already runs another lakehouse
    │   ├── InvalidPolicyError                a policy doesn't validate; `problems` says where
    │   │   └── PolicyFilesError              … in policy files: with file, line and column
    │   ├── InvalidPlanError                  a plan of policies isn't one, or is another's
    │   └── MissingExtraError (ImportError)   an optional dependency isn't installed
    ├── InvalidNameError (ValueError)         a name can't be parsed or isn't safe to create
    ├── NotFoundError (LookupError)           the object doesn't exist, or may not be seen
    │   ├── CatalogNotFoundError
    │   ├── NamespaceNotFoundError
    │   ├── TableNotFoundError
    │   ├── ColumnNotFoundError
    │   ├── PrincipalNotFoundError
    │   ├── PolicyNotFoundError
    │   └── TagNotFoundError
    ├── AlreadyExistsError
    ├── StillNeededError                      it can't go or change: something rests on it
    ├── AccessDeniedError (PermissionError)   the principal may not do this
    ├── PolicyPublishError (RuntimeError)     a change is saved, but not in force
    ├── PlanOutdatedError                     policies have changed since they were planned
    ├── PolicyDriftError                      policies in force aren't those of the files
    ├── PolicyTestError                       tests of policies have failed
    ├── PoliciesElsewhereError                policies come from elsewhere, and change there only
    ├── RangerError (ConnectionError)         Ranger Admin can't be reached, or refuses
    ├── AuditUnavailableError (OSError)       it can't be recorded, so it isn't done
    ├── LakehouseFolderError (OSError)        the lakehouse folder can't be used
    ├── EngineError (RuntimeError)            Spark can't be started or used
    │   ├── JavaNotFoundError
    │   ├── UnsupportedVersionError           Java or Spark of a version that doesn't fit
    │   ├── JarUnavailableError (ConnectionError)
    │   ├── JarCorruptError
    │   ├── PortInUseError (OSError)
    │   ├── CatalogUnavailableError (ConnectionError)
    │   ├── EngineStartError
    │   └── SessionNotPreparedError           a running Spark session lacks our configuration
    ├── QueryError                            Spark refused or failed a statement
    │   └── QueryDeniedError (AccessDeniedError)  … since the principal may not
    └── StoreError (RuntimeError)             the metadata database can't be used
        ├── StoreCorruptError
        ├── StoreSchemaError                  the schema is newer than this version of iomete
        ├── StoreBusyError (TimeoutError)
        └── StoreUnavailableError (ConnectionError)

A message says what failed, with the value in backticks; `hint` is a step that can be run.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


class IometeError(Exception):
    """Base of every error that iomete raises on purpose."""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} Hint: {self.hint}" if self.hint else self.message


class ConfigurationError(IometeError, ValueError):
    """A setting or an argument is wrong."""


class SettingsError(ConfigurationError):
    """One or more settings don't validate; `problems` lists all of them."""

    def __init__(self, problems: Iterable[str], *, hint: str | None = None) -> None:
        self.problems = tuple(problems)
        super().__init__("Settings are not valid: " + "; ".join(self.problems) + ".", hint=hint)


class SessionConflictError(ConfigurationError):
    """This process already runs a lakehouse with other settings."""


class InvalidPolicyError(ConfigurationError):
    """One or more parts of a policy don't validate; `problems` lists all of them, with places."""

    def __init__(self, problems: Iterable[str], *, hint: str | None = None) -> None:
        self.problems = tuple(problems)
        super().__init__("The policy is not valid: " + "; ".join(self.problems) + ".", hint=hint)


class PolicyFilesError(InvalidPolicyError):
    """Policy files don't validate; `problems` lists all, as `file:line:column: message`."""

    def __init__(self, problems: Iterable[str], *, hint: str | None = None) -> None:
        super().__init__(problems, hint=hint)
        listed = "".join(f"\n  {problem}" for problem in self.problems)
        self.message = f"The policy files are not valid:{listed}"
        self.args = (self.message,)


class InvalidPlanError(ConfigurationError):
    """A plan of policies can't be read, was changed, or was made for another lakehouse."""


class MissingExtraError(ConfigurationError, ImportError):
    """An optional dependency isn't installed."""

    def __init__(self, feature: str, *, extra: str) -> None:
        self.extra = extra
        super().__init__(
            f"{feature} needs a package that is not installed.",
            hint=f"pip install 'iomete[{extra}]'",
        )


class InvalidNameError(IometeError, ValueError):
    """A name can't be parsed, or isn't safe to create."""


class NotFoundError(IometeError, LookupError):
    """The object doesn't exist, or the principal may not know of it: the two look the same."""


class CatalogNotFoundError(NotFoundError):
    """No catalog has this name."""


class NamespaceNotFoundError(NotFoundError):
    """No namespace has this name."""


class TableNotFoundError(NotFoundError):
    """No table or view has this name."""


class ColumnNotFoundError(NotFoundError):
    """The table has no column of this name."""


class PrincipalNotFoundError(NotFoundError):
    """No user, group or role has this name."""


class PolicyNotFoundError(NotFoundError):
    """No policy has this id or name."""


class TagNotFoundError(NotFoundError):
    """No tag has this name."""


class AlreadyExistsError(IometeError):
    """An object of this name exists."""


class StillNeededError(IometeError):
    """It can't be removed or changed, because something rests on it as it is."""


class AccessDeniedError(IometeError, PermissionError):
    """The principal may not do this."""


class PolicyPublishError(IometeError, RuntimeError):
    """A change of governance is saved, but Spark doesn't go by it yet."""


class PlanOutdatedError(IometeError):
    """Policies, principals or tags have changed since policies were planned; nothing was done."""


class PolicyDriftError(IometeError):
    """Policies in force aren't those of the policy files."""


class PolicyTestError(IometeError):
    """Tests of policies have failed."""


class PoliciesElsewhereError(IometeError):
    """Policies come from a Ranger Admin, and can be changed there only."""


class RangerError(IometeError, ConnectionError):
    """Ranger Admin can't be reached, or refuses what it is asked for."""


class AuditUnavailableError(IometeError, OSError):
    """Its audit event can't be written, and `audit.required` is set: it wasn't done."""


class LakehouseFolderError(IometeError, OSError):
    """The lakehouse folder can't be made, read or written."""


class EngineError(IometeError, RuntimeError):
    """Spark can't be started or used."""


class JavaNotFoundError(EngineError):
    """No Java runtime was found."""


class UnsupportedVersionError(EngineError):
    """Java or Spark is there, but in a version that doesn't fit."""


class JarUnavailableError(EngineError, ConnectionError):
    """A jar is neither in the cache nor to be had from the repository."""


class JarCorruptError(EngineError):
    """A jar's content isn't what its checksum says."""


class PortInUseError(EngineError, OSError):
    """A port that was asked for is taken."""


class CatalogUnavailableError(EngineError, ConnectionError):
    """The database or service of a catalog can't be reached, or refuses us."""


class EngineStartError(EngineError):
    """The Java process ended, or Spark failed, before a session was there."""


class SessionNotPreparedError(EngineError):
    """A running Spark session lacks part of our configuration; `missing` names what."""

    def __init__(self, missing: Iterable[str], *, hint: str) -> None:
        self.missing = tuple(missing)
        super().__init__(
            "The running Spark session is not prepared for iomete: "
            + "; ".join(self.missing)
            + ".",
            hint=hint,
        )


class QueryError(IometeError):
    """Spark refused or failed a statement.

    `condition` is Spark's error condition (`TABLE_OR_VIEW_NOT_FOUND`), `sql_state` its SQLSTATE.
    """

    def __init__(
        self,
        message: str,
        *,
        condition: str | None = None,
        sql_state: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.condition = condition
        self.sql_state = sql_state


class QueryDeniedError(QueryError, AccessDeniedError):
    """A statement was refused: the principal may not do what it asks for."""


class StoreError(IometeError, RuntimeError):
    """The metadata database can't be used."""


class StoreCorruptError(StoreError):
    """The metadata database is damaged, or isn't one of ours."""


class StoreSchemaError(StoreError):
    """The metadata database was written by a newer version of iomete."""


class StoreBusyError(StoreError, TimeoutError):
    """Another process held the metadata database for longer than the timeout."""


class StoreUnavailableError(StoreError, ConnectionError):
    """The metadata database can't be reached."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an error means to a shell and to an HTTP client."""

    exit_code: int
    http_status: int


OUTCOMES: dict[type[BaseException], Outcome] = {
    IometeError: Outcome(exit_code=1, http_status=500),
    ConfigurationError: Outcome(exit_code=2, http_status=400),
    InvalidNameError: Outcome(exit_code=2, http_status=400),
    NotFoundError: Outcome(exit_code=3, http_status=404),
    AlreadyExistsError: Outcome(exit_code=4, http_status=409),
    QueryError: Outcome(exit_code=5, http_status=422),
    LakehouseFolderError: Outcome(exit_code=6, http_status=500),
    EngineError: Outcome(exit_code=7, http_status=503),
    StoreError: Outcome(exit_code=8, http_status=503),
    AccessDeniedError: Outcome(exit_code=9, http_status=403),
    QueryDeniedError: Outcome(exit_code=9, http_status=403),
    StillNeededError: Outcome(exit_code=10, http_status=409),
    PolicyPublishError: Outcome(exit_code=11, http_status=503),
    PlanOutdatedError: Outcome(exit_code=14, http_status=409),
    PolicyDriftError: Outcome(exit_code=15, http_status=409),
    PolicyTestError: Outcome(exit_code=16, http_status=422),
    PoliciesElsewhereError: Outcome(exit_code=10, http_status=409),
    RangerError: Outcome(exit_code=12, http_status=502),
    AuditUnavailableError: Outcome(exit_code=13, http_status=503),
}
"""Exit code of the CLI and HTTP status, by error class; a subclass takes its nearest base's."""


def outcome_of(error: BaseException) -> Outcome:
    """Return the exit code and HTTP status of an error, by its nearest listed base class."""
    for base in type(error).__mro__:
        if base in OUTCOMES:
            return OUTCOMES[base]
    return OUTCOMES[IometeError]
