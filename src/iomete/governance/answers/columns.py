"""How a column of a table is decided, or a field of a struct, which is seen with its column."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from iomete.governance.evaluator.decisions import MaskInForce
from iomete.governance.evaluator.matching import ANY_NAME, example, is_wild
from iomete.governance.evaluator.reading import mask_in_force
from iomete.governance.evaluator.resource_names import prefixes
from iomete.names import quote_parts

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from iomete.governance.evaluator import Access, CompiledPolicy, Evaluator, Rule, Subject
    from iomete.governance.evaluator.decisions import AboutTable
    from iomete.governance.evaluator.resource_names import Parts

OTHER_COLUMNS = "*"
"""Stands for every column of a table that no policy and no tag singles out."""
DENIED_FIELD = "MASK_NULL"
_CUSTOM = "CUSTOM"
"""What a field is shown as that a policy denies: its struct has a null in its place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """What changes the values of a column or field: a mask, or a denial that leaves nulls.

    `rule` is that of the mask; `parts` are what it is on: the field, a struct that it is in, or its
    column.
    """

    shown_as: MaskInForce
    policy: CompiledPolicy
    rule: Rule | None
    parts: Parts


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Whether somebody reads a column or field, and how it is shown.

    `access` is that of the column. `rule` is the mask of the very column or field. `layers` are
    what its values go through: for a field that of the outermost struct that has a mask, then the
    one of its column.
    """

    access: Access
    rule: Rule | None
    layers: tuple[Layer, ...]

    @property
    def is_visible(self) -> bool:
        """Whether it is read at all, as it is or otherwise."""
        return self.access.is_allowed

    @property
    def denial(self) -> CompiledPolicy | None:
        """What denies a field, or a struct that it is in, so that there is a null in its place."""
        return next((one.policy for one in self.layers if one.rule is None), None)

    @property
    def mask(self) -> str | None:
        """What values are shown as, with its parameter; None: as they are."""
        return ", then ".join(layer.shown_as.text for layer in self.layers) or None


def seen_by(
    evaluator: Evaluator, subject: Subject, table: Parts, name: str, column: str | None = None
) -> Seen:
    """Return how somebody sees a column, or a field of a struct.

    Args:
        evaluator: What decides.
        subject: Who asks, whom policies reach.
        table: Catalog, namespace, table.
        name: Of the column, or the path of the field, in lower case.
        column: The column of the field; None: it is a column itself.
    """
    whole = (*table, name if column is None else column)
    layers: list[Layer] = []
    if column is not None:
        for path in steps_of(name, column):
            layer = _of_field(evaluator, subject, (*table, path))
            if layer is not None:
                covers = covers_below(layer.shown_as.type)
                layers = [layer] if covers else [*layers, layer]
    outer = _masked(evaluator.mask(subject, whole), whole)
    return Seen(
        access=evaluator.decide(subject, "select", whole),
        rule=evaluator.mask(subject, (*table, name)),
        layers=(*layers, *(() if outer is None else (outer,))),
    )


def steps_of(name: str, column: str) -> list[str]:
    """Return the path of a field, and those of the structs that it is in below its column."""
    steps = [path for path in prefixes(name) if len(path) > len(column)]
    return [name, *reversed(steps)]


def covers_below(mask: str) -> bool:
    """Tell whether what is below isn't looked at: a custom mask alone is given masked fields."""
    return not mask.startswith(_CUSTOM)


def _of_field(evaluator: Evaluator, subject: Subject, parts: Parts) -> Layer | None:
    """Return what changes the values of a field, or of a struct in a column."""
    found = evaluator.access(subject, "select", parts)
    if found.is_denied and found.policy is not None:
        null = MaskInForce(type=DENIED_FIELD, value=None, policy=found.policy.id)
        return Layer(shown_as=null, policy=found.policy, rule=None, parts=parts)
    return _masked(evaluator.mask(subject, parts), parts)


def _masked(rule: Rule | None, parts: Parts) -> Layer | None:
    found = mask_in_force(rule)
    if rule is None or found is None:
        return None
    return Layer(shown_as=found, policy=rule.policy, rule=rule, parts=parts)


def column_of(name: str, columns: Collection[str]) -> str | None:
    """Return the column that a field is in, of a table's columns; None for what is no field."""
    if "." not in name:
        return None
    return next((prefix for prefix in prefixes(name) if prefix in columns), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedColumn:
    """A column or field as an answer calls it; what is asked for, and the column of a field."""

    shown: str
    name: str
    column: str | None = None


def of_known_table(
    about: AboutTable, columns: Iterable[str], fields: Iterable[str] = ()
) -> list[AskedColumn]:
    """Return the columns of a table, and the fields of them that policies or tags name.

    Args:
        about: What can decide about the table.
        columns: All of its columns.
        fields: The fields that patterns can stand for, by their paths.
    """
    whole = {column.lower(): column for column in columns}
    fields = fields_in(dict.fromkeys((*about.columns, *fields)), whole)
    return [
        *(AskedColumn(shown=shown, name=name) for name, shown in whole.items()),
        *(AskedColumn(shown=field, name=field, column=column_of(field, whole)) for field in fields),
    ]


def of_unknown_table(about: AboutTable, table: Parts) -> list[AskedColumn]:
    """Return what policies and tags tell apart in a table, patterns by an example, and `*`."""
    named = {name: name for name in about.columns} | {
        text: example(text.lower())
        for policy in about.policies.values()
        for resources in policy.resources
        if len(resources.levels) > len(table) and resources.may_be_on(table)
        for text in resources.levels[len(table)].texts
        if is_wild(text) and text.strip("*")
    }
    whole = dict(sorted(_first_step(shown, name) for shown, name in named.items()))
    whole[OTHER_COLUMNS] = ANY_NAME
    return [
        *(AskedColumn(shown=shown, name=name) for shown, name in whole.items()),
        *(
            AskedColumn(shown=shown, name=name, column=_first_step(shown, name)[1])
            for shown, name in sorted(named.items())
            if "." in shown
        ),
    ]


def _first_step(shown: str, name: str) -> tuple[str, str]:
    """Return the column that a name or pattern is, or has its fields in."""
    first = shown.split(".", 1)[0]
    return (first, name.split(".", 1)[0]) if first.strip("*") else (OTHER_COLUMNS, ANY_NAME)


def column_text(name: str, columns: Collection[str]) -> str:
    """Return a column, or the path of a field of one, as it is written in a full name."""
    if name == OTHER_COLUMNS:
        return name
    column = column_of(name, columns)
    path = [name] if column is None else [column, *name[len(column) + 1 :].split(".")]
    return quote_parts(path)


def fields_in(named: Iterable[str], columns: Collection[str]) -> tuple[str, ...]:
    """Return the names, among those of policies and tags, that are fields of some columns."""
    return tuple(name for name in named if name not in columns and column_of(name, columns))
