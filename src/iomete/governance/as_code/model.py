"""What a policy file may say; its JSON schema is made of these models, too.

Here the shape is judged: keys and types. What a policy means is judged by the same code that judges
a call of `lake.policies` (`iomete.governance.documents.requests`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from iomete.governance.documents.masks import MaskKind
from iomete.governance.documents.requests import PATH_ACTIONS, TABLE_ACTIONS
from iomete.governance.documents.specifications import PolicyKind
from iomete.names import nearest

DEFAULT_PROJECT = "default"
PROJECT_PATTERN = r"[a-z0-9][a-z0-9_.-]{0,62}"

KINDS = {
    "grant": PolicyKind.GRANT,
    "deny": PolicyKind.DENY,
    "mask": PolicyKind.MASK,
    "filter_rows": PolicyKind.FILTER,
}
"""The key that says what a policy does, by which it is known."""

_ACTIONS = sorted({*TABLE_ACTIONS, *PATH_ACTIONS})
_ASKED = [action for action in _ACTIONS if action != "all"]
"""Actions that a test asks about, one by one."""


def _listed(value: object) -> object:
    """Take a text for a list of one, as `lake.policies` does."""
    return (value,) if isinstance(value, str) else _as_tuple(value)


def _as_tuple(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


def _one_or_more(items: dict[str, Any]) -> WithJsonSchema:
    several = {"type": "array", "items": items, "minItems": 1, "uniqueItems": True}
    return WithJsonSchema({"anyOf": [items, several]})


_Listed = BeforeValidator(_listed, json_schema_input_type=Any)
Texts = Annotated[tuple[str, ...], _Listed, _one_or_more({"type": "string"})]
Actions = Annotated[tuple[str, ...], _Listed, _one_or_more({"type": "string", "enum": _ACTIONS})]
Asked = Annotated[tuple[str, ...], _Listed, _one_or_more({"type": "string", "enum": _ASKED})]


class Model(BaseModel):
    """A part of a file; keys that nobody knows are refused, and types aren't guessed."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, defer_build=True)


class FilePolicy(Model):
    """A policy: one of `grant`, `deny`, `mask`, `filter_rows` and `ranger` says what it does."""

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [{"required": [key]} for key in (*KINDS, "ranger")],
            "if": {"required": ["ranger"]},
            "else": {"required": ["to"]},
        }
    )

    name: str = Field(description="What it is known by: a policy of another name is another one.")
    description: str | None = Field(None, description="Why it is there, for those who read it.")
    grant: Actions | None = Field(None, description="Actions that are allowed.")
    deny: Actions | None = Field(
        None, description="Actions that are forbidden, whatever grants of its priority say."
    )
    mask: str | None = Field(
        None,
        description="How values of columns are shown.",
        json_schema_extra={"enum": [*MaskKind, None]},
    )
    filter_rows: str | None = Field(
        None,
        description="SQL: rows that it holds for are shown; `${{USER.region}}` is the asker's.",
    )
    ranger: dict[str, Any] | None = Field(
        None, description="A whole policy of Apache Ranger's, for what the other keys can't say."
    )
    on: str | None = Field(
        None, description="A catalog, catalog.namespace, or the full name of a table or a view."
    )
    on_namespace: str | None = Field(
        None, description="A nested namespace, catalog.outer.inner, with all that is in it."
    )
    on_path: str | None = Field(None, description="A path or URL, with all below it.")
    on_tag: str | None = Field(None, description="A tag or a pattern of tags: whatever has one.")
    columns: Texts | None = Field(
        None, description="Only these columns; of masks, those that are masked."
    )
    except_columns: Texts | None = Field(None, description="All columns but these.")
    to: Texts | None = Field(
        None, description="user:alice, group:analysts, role:auditor, everyone or {OWNER}."
    )
    except_: Texts | None = Field(
        None, alias="except", description="Whom it isn't for, although among `to`."
    )
    show_last: int | None = Field(None, description="Of `mask: partial`: characters shown.")
    show_first: int | None = Field(None, description="Of `mask: partial`: characters shown.")
    value: str | int | float | bool | None = Field(
        None, description="Of `mask: constant`: what is shown instead."
    )
    digits: int | None = Field(None, description="Of `mask: round`: digits after the point.")
    expression: str | None = Field(
        None, description="Of `mask: custom`: SQL, in which `{col}` is the column."
    )
    priority: Literal["normal", "override"] = Field(
        "normal", description="Policies of priority `override` are asked first."
    )
    valid_from: str | None = Field(None, description="ISO 8601; in UTC where it names no zone.")
    valid_until: str | None = Field(None, description="ISO 8601; the moment itself belongs to it.")
    enabled: bool = Field(default=True, description="Whether it is in force.")
    future: bool = Field(
        default=False, description="Whether tables and columns that it names may come later."
    )

    @model_validator(mode="after")
    def _does_one_thing(self) -> FilePolicy:
        said = {key for key in (*KINDS, "ranger") if getattr(self, key) is not None}
        if problem := problem_of_kinds(said):
            raise ValueError(problem)
        return self


POLICY_KEYS = frozenset(field.alias or name for name, field in FilePolicy.model_fields.items())
"""The keys that a policy may have."""


def problem_of_kinds(keys: Collection[str]) -> str | None:
    """Say what is wrong with the keys of a policy, if they aren't one that says what it does."""
    said = [key for key in (*KINDS, "ranger") if key in keys]
    if len(said) == 1:
        return None
    named = " and ".join(f"`{key}`" for key in said) or "nothing"
    known = ", ".join(f"`{key}`" for key in KINDS)
    return f"it says {named}; one of {known} says what a policy does"


_ONLY_OF_SELECT: dict[str, Any] = {
    "required": ["can"],
    "properties": {"can": {"enum": ["select", ["select"]]}},
}
"""How values and rows are seen is a matter of reading them."""


class FileTest(Model):
    """What principals are to see: each `principal`, action and thing named is one question."""

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [{"required": ["can"]}, {"required": ["cannot"]}],
            "anyOf": [{"required": ["on"]}, {"required": ["on_path"]}],
            "dependentSchemas": {
                "columns": {"required": ["on"], "not": {"required": ["on_path"]}},
                **dict.fromkeys(("mask", "filter_rows"), _ONLY_OF_SELECT),
            },
        }
    )

    name: str | None = Field(None, description="What is tested; unset: the question itself.")
    principal: Texts = Field(description="Users, as `alice`.")
    can: Asked | None = Field(None, description="Actions that are allowed to all of them.")
    cannot: Asked | None = Field(None, description="Actions that are allowed to none of them.")
    on: Texts | None = Field(
        None, description="Catalogs, namespaces, tables or views; or columns by their full names."
    )
    columns: Texts | None = Field(
        None, description="Columns of the tables that `on` names; with `select`."
    )
    on_path: Texts | None = Field(None, description="Paths or URLs.")
    mask: str | bool | None = Field(
        None,
        description="With `can: select`: the mask that columns are seen by; true: any; "
        "false: none.",
        json_schema_extra={"enum": [*(kind for kind in MaskKind if kind != "none"), True, False]},
    )
    filter_rows: str | bool | None = Field(
        None,
        description="With `can: select`: the predicate that rows are seen by; true: any; "
        "false: all rows.",
    )

    @field_validator("principal", "can", "cannot", "on", "columns", "on_path")
    @classmethod
    def _names_something(cls, named: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if named is not None and not named:
            raise ValueError("none is named, so nothing would be asked")
        return named

    @field_validator("can", "cannot")
    @classmethod
    def _are_actions(cls, actions: tuple[str, ...] | None) -> tuple[str, ...] | None:
        for action in actions or ():
            if action not in _ASKED:
                alike = nearest(action, _ASKED)
                step = f"did you mean `{alike}`?" if alike else f"one of {', '.join(_ASKED)}"
                raise ValueError(f"`{action[:80]}` is no action ({step})")
        return actions

    @field_validator("name")
    @classmethod
    def _is_shown_as_it_is(cls, name: str | None) -> str | None:
        if name is not None and not name.isprintable():
            raise ValueError("a name is one line of printable characters")
        return name

    @model_validator(mode="after")
    def _asks_one_thing(self) -> FileTest:
        for problem in problems_of_test(self.model_dump(exclude_none=True)):
            raise ValueError(problem)
        return self

    @field_validator("mask")
    @classmethod
    def _is_mask(cls, mask: str | bool | None) -> str | bool | None:  # noqa: FBT001  # pydantic's
        if isinstance(mask, str) and (mask not in set(MaskKind) or mask == MaskKind.NONE):
            kinds = ", ".join(kind for kind in MaskKind if kind != MaskKind.NONE)
            raise ValueError(f"`{mask[:80]}` is no mask; one of {kinds}, or true or false")
        return mask


TEST_KEYS = frozenset(FileTest.model_fields)
"""The keys that a test may have."""


def problems_of_test(given: Mapping[str, Any]) -> Iterator[str]:
    """Say what is wrong with the keys of a test, if they don't go together.

    Args:
        given: Values by key, right or wrong. Where a key is unknown, or has no value, it may have
            meant what is missing, which isn't told then.
    """
    there = {key for key, value in given.items() if value is not None}
    is_complete = there == given.keys() and there <= TEST_KEYS
    seen = there & {"mask", "filter_rows"}
    asked, others = _listed(given.get("can")), [one for one in _ASKED if one != "select"]
    if {"can", "cannot"} <= there or (is_complete and not there & {"can", "cannot"}):
        yield "one of `can` and `cannot` says what is expected"
    if is_complete and not there & {"on", "on_path"}:
        yield "nothing is named; give `on` or `on_path`"
    if "columns" in there and ("on_path" in there or (is_complete and "on" not in there)):
        yield "`columns` are those of tables; name these by `on`, and no path"
    if seen and "cannot" in there:
        yield "`mask` and `filter_rows` go with `can`: who can't, sees nothing"
    elif seen and isinstance(asked, tuple) and any(action in others for action in asked):
        yield "`mask` and `filter_rows` go with `can: select` alone: all else shows nothing"


class PolicyFile(Model):
    """A file of policies, of tests, or of both."""

    model_config = ConfigDict(
        title="Policies of an iomete lakehouse",
        json_schema_extra={"anyOf": [{"required": ["policies"]}, {"required": ["tests"]}]},
    )

    project: Annotated[str, Field(pattern=rf"^{PROJECT_PATTERN}$")] | None = Field(
        None,
        description="Whose policies these are, where several folders of files are for one "
        f"lakehouse; `{DEFAULT_PROJECT}` unless said. All files of a folder say the same.",
    )
    policies: tuple[FilePolicy, ...] | None = Field(
        None, description="Policies that these files own."
    )
    tests: tuple[FileTest, ...] | None = Field(
        None, description="What is to be true once they are in force: `iomete policies test`."
    )

    @field_validator("policies", "tests", mode="before")
    @classmethod
    def _as_listed(cls, value: object) -> object:
        return _as_tuple(value)

    @model_validator(mode="after")
    def _says_something(self) -> PolicyFile:
        if self.policies is None and self.tests is None:
            raise ValueError("it says nothing; write `policies: []` if none are meant")
        return self
