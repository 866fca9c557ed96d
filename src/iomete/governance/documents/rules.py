"""What a Ranger policy from elsewhere may say: all that is enforced here, and nothing else.

What Ranger would read and this engine wouldn't enforce is refused, never dropped: a policy that
silently says less than it did is a hole.
"""

from __future__ import annotations

from functools import reduce
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from iomete.errors import InvalidPolicyError, IometeError
from iomete.governance.documents.document import (
    ALL_ITEMS,
    ALLOW_EXCEPTIONS,
    DENIED,
    DENY_EXCEPTIONS,
    ITEMS,
    TAG_PREFIX,
    TAG_SERVICE,
    Document,
    PolicyType,
)
from iomete.governance.documents.macros import macro_problem
from iomete.governance.documents.masks import Mask, check_mask
from iomete.governance.documents.patterns import tag_pattern_problem
from iomete.governance.documents.requests import (
    MAX_POLICY_NAME_CHARACTERS,
    PATH_ACTIONS,
    TABLE_ACTIONS,
)
from iomete.governance.documents.schedule_rules import Schedule
from iomete.governance.documents.targets import path_target
from iomete.governance.principals.names import USER_TOKENS, PrincipalKind, PrincipalName

_LEVELS = {
    frozenset({"path"}),
    frozenset({"catalog", "namespace", "table", "column"}),
    frozenset({"catalog", "namespace", "table"}),
    frozenset({"catalog", "namespace"}),
    frozenset({"catalog"}),
}
_CONSTANT = "MASK_CONSTANT"
_READ_BY_RANGER = "{}\\"
Texts = list[Annotated[str, Field(min_length=1, max_length=2000)]]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, defer_build=True)


def _refused_unless_empty(why: str) -> AfterValidator:
    def check(value: object) -> object:
        if value:
            raise ValueError(why)
        return value

    return AfterValidator(check)


Unconditional = Annotated[
    list[Any],
    _refused_unless_empty(
        "is not enforced here, where nothing tells what a condition means; leave it out, or say it "
        "as a row filter, an attribute or a validity schedule"
    ),
]
Unset = Annotated[
    bool,
    _refused_unless_empty(
        "is not enforced here; leave it out, and make administrators holders of the role `admin`"
    ),
]
NoText = Annotated[
    str | None,
    _refused_unless_empty("is not enforced here; leave it out, or make several policies"),
]


class _Resource(_Model):
    values: Annotated[Texts, Field(min_length=1)]
    isExcludes: bool = False  # noqa: N815  # Ranger's own name, as all below
    isRecursive: bool = False  # noqa: N815


_Resources = dict[str, _Resource]


class _Access(_Model):
    type: str
    isAllowed: bool = True  # noqa: N815

    @field_validator("isAllowed")
    @classmethod
    def _is_allowed(cls, value: bool) -> bool:  # noqa: FBT001  # pydantic's signature
        if not value:
            raise ValueError("denies nothing; put the access into denyPolicyItems")
        return value


class _Item(_Model):
    accesses: Annotated[list[_Access], Field(min_length=1)]
    users: Texts = []
    groups: Texts = []
    roles: Texts = []
    conditions: Unconditional = []
    delegateAdmin: Unset = False  # noqa: N815

    @model_validator(mode="after")
    def _names_someone(self) -> _Item:
        listed = {
            PrincipalKind.USER: self.users,
            PrincipalKind.GROUP: self.groups,
            PrincipalKind.ROLE: self.roles,
        }
        if not any(listed.values()):
            raise ValueError("names nobody")
        for kind, names in listed.items():
            for name in names:
                if kind is PrincipalKind.USER and name in USER_TOKENS:
                    continue
                if PrincipalName.parse(f"{kind}:{name}").name != name:
                    raise ValueError(f"{kind} `{name}` can't be named")
        return self


class _MaskInfo(_Model):
    dataMaskType: str  # noqa: N815
    valueExpr: str | None = None  # noqa: N815
    conditionExpr: NoText = None  # noqa: N815


class _MaskItem(_Item):
    dataMaskInfo: _MaskInfo  # noqa: N815


class _FilterInfo(_Model):
    filterExpr: str  # noqa: N815


class _FilterItem(_Item):
    rowFilterInfo: _FilterInfo  # noqa: N815


class _Policy(_Model):
    """`RangerPolicy`; members that say nothing here are taken and left out."""

    service: Literal["iomete", "iomete_tag"]
    name: Annotated[str, Field(min_length=1, max_length=MAX_POLICY_NAME_CHARACTERS)]
    policyType: Literal[0, 1, 2] = 0  # noqa: N815
    policyPriority: Literal[0, 1] = 0  # noqa: N815
    description: str | None = None
    resources: _Resources
    isAuditEnabled: bool = True  # noqa: N815
    isEnabled: bool = True  # noqa: N815
    policyItems: list[_Item] = []  # noqa: N815
    denyPolicyItems: list[_Item] = []  # noqa: N815
    allowExceptions: list[_Item] = []  # noqa: N815
    denyExceptions: list[_Item] = []  # noqa: N815
    dataMaskPolicyItems: list[_MaskItem] = []  # noqa: N815
    rowFilterPolicyItems: list[_FilterItem] = []  # noqa: N815
    validitySchedules: list[Schedule] = []  # noqa: N815
    conditions: Unconditional = []
    additionalResources: list[_Resources] = []  # noqa: N815
    isDenyAllElse: bool = False  # noqa: N815
    zoneName: NoText = None  # noqa: N815

    @field_validator("name")
    @classmethod
    def _printable(cls, name: str) -> str:
        if not name.isprintable() or not name.strip() or name.isdecimal():
            raise ValueError("is not visible text, or is a number")
        return name

    @model_validator(mode="after")
    def _fits(self) -> _Policy:
        all_resources = (self.resources, *self.additionalResources)
        problems = (*map(self._of_levels, all_resources), *map(self._of_values, all_resources))
        for problem in (*problems, self._of_items(), self._of_actions()):
            if problem:
                raise ValueError(problem)
        self._check_masks()
        self._check_filters()
        return self

    @property
    def _type(self) -> PolicyType:
        return PolicyType(self.policyType)

    def _of_levels(self, resources: _Resources) -> str | None:
        levels = frozenset(resources)
        if self.service == TAG_SERVICE:
            return None if levels == {"tag"} else "resources: a tag policy is on tags"
        if levels not in _LEVELS:
            return f"resources: {', '.join(sorted(levels)) or 'nothing'} is no resource"
        if self._type is PolicyType.MASK and "column" not in levels:
            return "resources: a mask is on columns"
        if self._type is PolicyType.ROW_FILTER and levels != {"catalog", "namespace", "table"}:
            return "resources: a row filter is on tables"
        return None

    def _of_values(self, resources: _Resources) -> str | None:
        for level, resource in resources.items():
            if level in {"path", "tag"} and resource.isExcludes:
                return f"resources.{level}: isExcludes isn't enforced on these; name what is meant"
            if level == "path":
                for path in resource.values:
                    path_target(path)
                continue
            tokens = () if level == "tag" else USER_TOKENS
            for value in resource.values:
                bare = reduce(lambda text, token: text.replace(token, ""), tokens, value)
                if set(_READ_BY_RANGER) & set(bare):
                    known = f" other than {' and '.join(tokens)}" if tokens else ""
                    return f"resources.{level}: `{value}` holds braces or backslashes{known}"
                if level == "tag" and (problem := tag_pattern_problem(value)):
                    return f"resources.tag: `{value}` {problem}"
        return None

    def _of_items(self) -> str | None:
        expected = {ITEMS[self._type]}
        if self._type is PolicyType.ACCESS:
            expected |= {DENIED, ALLOW_EXCEPTIONS, DENY_EXCEPTIONS}
        filled = {m for m in (*ITEMS.values(), DENIED, ALLOW_EXCEPTIONS, DENY_EXCEPTIONS)
                  if getattr(self, m)}  # fmt: skip
        if surplus := sorted(filled - expected):
            return f"{surplus[0]}: not in a policy of type {self.policyType}"
        if self.isDenyAllElse and self._type is not PolicyType.ACCESS:
            return "isDenyAllElse: not in a policy of this type"
        if self.isDenyAllElse and filled & {DENIED, DENY_EXCEPTIONS}:
            return "isDenyAllElse: it denies already; leave denyPolicyItems and denyExceptions out"
        if not filled & {*ITEMS.values(), DENIED} and not self.isDenyAllElse:
            return "it has no items"
        if self.service == TAG_SERVICE and self._type is PolicyType.ROW_FILTER:
            return "policyType: row filters are on tables, not on tags"
        return None

    def _of_actions(self) -> str | None:
        on_paths = {"path" in r for r in (self.resources, *self.additionalResources)}
        if len(on_paths) > 1:
            return "additionalResources: tables and paths don't go together; make two policies"
        known: tuple[str, ...] = PATH_ACTIONS if True in on_paths else TABLE_ACTIONS
        if self._type is not PolicyType.ACCESS:
            known = ("select",)
        prefix = TAG_PREFIX if self.service == TAG_SERVICE else ""
        allowed = {f"{prefix}{action}" for action in known}
        items = (*self.policyItems, *self.denyPolicyItems, *self.allowExceptions,
                 *self.denyExceptions, *self.dataMaskPolicyItems,
                 *self.rowFilterPolicyItems)  # fmt: skip
        actions = (access.type for item in items for access in item.accesses)
        return next(
            (f"accesses: `{a}` is no action of it" for a in actions if a not in allowed), None
        )

    def _check_masks(self) -> None:
        prefix = TAG_PREFIX if self.service == TAG_SERVICE else ""
        for item in self.dataMaskPolicyItems:
            info = item.dataMaskInfo
            if not info.dataMaskType.startswith(prefix):
                raise InvalidPolicyError([f"mask: `{info.dataMaskType}` lacks `{prefix}`"])
            check_mask(Mask(type=info.dataMaskType.removeprefix(prefix), value=info.valueExpr))

    def _check_filters(self) -> None:
        for item in self.rowFilterPolicyItems:
            predicate = item.rowFilterInfo.filterExpr
            if predicate and not predicate.strip():
                raise InvalidPolicyError(["predicate: it is blank"])
            if problem := macro_problem(predicate):
                raise InvalidPolicyError([f"predicate: {problem}"])


_SAY_NOTHING = frozenset(
    """
    id guid version createdBy updatedBy createTime updateTime resourceSignature serviceType options
    policyLabels
    """.split()  # noqa: SIM905  # reads better than a list of literals
)
"""Members of an export that say nothing of who may do what."""


def check_document(document: object) -> Document:
    """Return a policy as the store keeps it, if everything it says is enforced here.

    Raises:
        InvalidPolicyError: With everything that is wrong, and where.
    """
    if not isinstance(document, dict):
        raise InvalidPolicyError([f"it is {type(document).__name__}, not an object"])
    kept = {member: value for member, value in document.items() if member not in _SAY_NOTHING}
    try:
        policy = _Policy.model_validate(kept)
    except ValidationError as error:
        raise InvalidPolicyError([_problem(found) for found in error.errors()]) from error
    except IometeError as error:
        raise _as_invalid(error) from error
    return _canonical(policy)


def _canonical(policy: _Policy) -> Document:
    """Return a document as we write them ourselves: always said or never.

    Ranger Admin writes empty texts where nothing was said.
    """
    document = policy.model_dump(exclude_defaults=True)
    for member in ("description", "zoneName"):
        if document.get(member) == "":
            del document[member]
    always = ("service", "policyType", "policyPriority", "isAuditEnabled")
    document |= {member: getattr(policy, member) for member in always}
    for item in (item for member in ALL_ITEMS for item in document.get(member, ())):
        item["accesses"] = [access | {"isAllowed": True} for access in item["accesses"]]
        info = item.get("dataMaskInfo", {})
        if info.get("valueExpr") == "" and not info["dataMaskType"].endswith(_CONSTANT):
            del info["valueExpr"]
        info.pop("conditionExpr", None)
    if policy.validitySchedules:
        document["validitySchedules"] = [one.canonical() for one in policy.validitySchedules]
    return document


def _problem(found: Any) -> str:
    place = ".".join(str(step) for step in found["loc"])
    message = found["msg"].removeprefix("Value error, ")
    if found["type"] == "extra_forbidden":
        message = "is not enforced here; leave it out"
    return f"{place}: {message}" if place else message


def _as_invalid(error: IometeError) -> InvalidPolicyError:
    if isinstance(error, InvalidPolicyError):
        return error
    return InvalidPolicyError([error.message])
