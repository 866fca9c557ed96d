"""`lake.tags`: what tables and columns hold, in words that policies can go by."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import sqlalchemy as sa

from iomete.catalog.governed_names import GovernedTable, governed_column
from iomete.catalog.tables import tag_attachments, tags
from iomete.errors import (
    AlreadyExistsError,
    ColumnNotFoundError,
    ConfigurationError,
    InvalidNameError,
    StillNeededError,
    TableNotFoundError,
    TagNotFoundError,
)
from iomete.names import ResourceKind, as_parts, fold, nearest, quote_parts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from iomete.catalog.changes import Changes, Columns

_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_TAG_ID = "tag_id"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tag:
    """A defined tag; `created_at` is in UTC."""

    name: str
    description: str | None
    attributes: dict[str, str] = field(default_factory=dict)
    author: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A tag on a table or column, which `resource` names in full; `created_at` is in UTC."""

    tag: str
    resource: str
    kind: ResourceKind
    author: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Tagged:
    """A table or column as attachments name it."""

    table: GovernedTable
    column: str | None

    @property
    def kind(self) -> ResourceKind:
        """Which of the two it is."""
        return ResourceKind.COLUMN if self.column else ResourceKind.TABLE

    @property
    def resource(self) -> str:
        """Its full name."""
        if self.column is None:
            return self.table.full_name
        return f"{self.table.full_name}.{quote_parts(self.column.split('.'))}"

    @property
    def parts(self) -> dict[str, str]:
        """Its names by level, as policies call the levels."""
        table = self.table
        parts = {"catalog": table.catalog, "namespace": table.namespace, "table": table.table}
        return parts | ({"column": self.column} if self.column else {})


class Tags:
    """Tags of a lakehouse, and what they are attached to. For admins.

    Names of tags are exact: `PII.EMAIL` is not `pii.email`, and holds no other tag.
    """

    def __init__(self, changes: Changes, columns: Columns) -> None:
        self._changes = changes
        self._columns = columns

    def define(
        self,
        name: str,
        *,
        description: str | None = None,
        attributes: Mapping[str, str] | None = None,
    ) -> Tag:
        """Make a tag.

        Args:
            name: Letters, digits, `_`, `-` and dots.
            description: What it says of data that has it.
            attributes: Texts by name, which Ranger's conditions can read.

        Raises:
            AlreadyExistsError: There is a tag of this name.
            InvalidNameError: It can't be a tag's name.
        """
        if not isinstance(name, str) or not _TAG.fullmatch(name):
            raise InvalidNameError(
                f"`{str(name)[:80]}` is not a tag's name.",
                hint="use letters, digits, _, - and dots, at most 128",
            )
        values = _checked_attributes(attributes or {})
        with self._changes.changing("tag.define", f"tag:{name}") as connection:
            if connection.execute(sa.select(tags.c.tag).filter_by(tag=name)).first():
                raise AlreadyExistsError(f"Tag `{name}` exists.", hint="see lake.tags.list()")
            connection.execute(
                sa.insert(tags).values(
                    tag=name,
                    tag_id=self._changes.next_id(connection, _TAG_ID),
                    description=description,
                    attributes=json.dumps(values),
                    author=self._changes.author,
                    created_at=self._changes.now(),
                )
            )
            return read_tag(connection, name)

    def remove(self, name: str) -> None:
        """Remove a tag that is attached to nothing, and that no policy is on.

        Raises:
            TagNotFoundError: There is none of this name.
            StillNeededError: It is attached to something, or policies are on it.
        """
        with self._changes.changing("tag.remove", f"tag:{name}") as connection:
            read_tag(connection, name)
            query = sa.select(tag_attachments.c.resource).filter_by(tag=name).limit(1)
            if resource := connection.execute(query).scalar():
                raise StillNeededError(
                    f"Tag `{name}` is attached to `{resource}`.", hint="detach it everywhere first"
                )
            self._changes.check_tag_unused(connection, name)
            connection.execute(sa.delete(tags).filter_by(tag=name))

    def attach(self, tag: str, resource: str | Sequence[str]) -> Attachment:
        """Put a tag on a table or a column; where it is already, nothing changes.

        Args:
            tag: A defined tag.
            resource: Full name of a table, a view, a column, or a field in a column's structs.

        Raises:
            TagNotFoundError: The tag isn't defined.
            TableNotFoundError: There is no such table.
            ColumnNotFoundError: The table has no such column.
        """
        with self._changes.reading("tag.attach", quote_parts(as_parts(resource))):
            pass  # whoever may not gets no answer about what exists
        tagged = find_tagged(resource, self._columns)
        with self._changes.changing("tag.attach", tagged.resource, detail=tag) as connection:
            read_tag(connection, tag)
            if (found := _read_attachment(connection, tag, tagged.resource)) is not None:
                return found
            attachment = Attachment(
                tag=tag,
                resource=tagged.resource,
                kind=tagged.kind,
                author=self._changes.author,
                created_at=self._changes.now(),
            )
            connection.execute(
                sa.insert(tag_attachments).values(
                    tag=tag,
                    resource=attachment.resource,
                    kind=str(attachment.kind),
                    parts=json.dumps(tagged.parts),
                    author=attachment.author,
                    created_at=attachment.created_at,
                )
            )
            return attachment

    def detach(self, tag: str, resource: str | Sequence[str]) -> None:
        """Take a tag off a table or column, which needn't exist any more.

        Raises:
            TagNotFoundError: The tag isn't defined, or isn't attached there.
        """
        name = quote_parts(as_parts(resource))
        with self._changes.changing("tag.detach", name, detail=tag) as connection:
            read_tag(connection, tag)
            names = [tagged.resource for tagged in possibly_tagged(resource)]
            removed = connection.execute(
                sa.delete(tag_attachments).where(
                    tag_attachments.c.tag == tag, tag_attachments.c.resource.in_(names)
                )
            )
            if not removed.rowcount:
                raise not_attached(tag, names[0])

    def of(self, resource: str | Sequence[str]) -> list[str]:
        """Return the tags that a table or column itself has, sorted."""
        names = [tagged.resource for tagged in possibly_tagged(resource)]
        with self._changes.reading() as connection:
            found = connection.execute(
                sa.select(tag_attachments.c.tag)
                .where(tag_attachments.c.resource.in_(names))
                .order_by(tag_attachments.c.tag)
                .distinct()
            )
            return list(found.scalars())

    def resources(self, tag: str) -> list[Attachment]:
        """Return what a tag is attached to, sorted by full name.

        Raises:
            TagNotFoundError: The tag isn't defined.
        """
        with self._changes.reading() as connection:
            read_tag(connection, tag)
            rows = connection.execute(
                sa.select(tag_attachments).filter_by(tag=tag).order_by(tag_attachments.c.resource)
            )
            return [_attachment(row) for row in rows]

    def list(self) -> list[Tag]:
        """Return all defined tags, sorted by name."""
        with self._changes.reading() as connection:
            return [_tag(row) for row in connection.execute(sa.select(tags).order_by(tags.c.tag))]


def find_tagged(resource: str | Sequence[str], known: Columns) -> Tagged:
    """Return the table or column that a full name means: the longest table that exists.

    Raises:
        TableNotFoundError: There is no such table.
        ColumnNotFoundError: The table has no such column.
    """
    parts = as_parts(resource)
    for length in range(len(parts), 2, -1):
        table = GovernedTable.parse(parts[:length])
        columns = known.columns(table.full_name)
        if columns is None:
            continue
        path = parts[length:]
        if not path:
            return Tagged(table, None)
        fields = known.fields_of(parts[:length]) if len(path) > 1 else ()
        _check_column(table, path, columns, fields)
        return Tagged(table, governed_column(path))
    raise TableNotFoundError(f"Table or column `{quote_parts(parts)[:200]}` does not exist.")


def _check_column(
    table: GovernedTable,
    path: tuple[str, ...],
    columns: Sequence[tuple[str, str]],
    fields: Sequence[str],
) -> None:
    names = [name for name, _ in columns]
    is_column = fold(path[0]) in map(fold, names)
    if is_column and (len(path) == 1 or governed_column(path) in fields):
        return
    alike = nearest(".".join(path), fields) if is_column else nearest(path[0], names)
    raise ColumnNotFoundError(
        f"Column `{quote_parts(path)}` of `{table.full_name}` does not exist.",
        hint=f"did you mean `{alike}`?" if alike else None,
    )


def possibly_tagged(resource: str | Sequence[str]) -> list[Tagged]:
    """Return every table and column that a full name can mean, without asking what exists.

    Raises:
        InvalidNameError: It can mean none.
    """
    parts = as_parts(resource)
    found = [
        Tagged(
            GovernedTable.parse(parts[:length]),
            governed_column(parts[length:]) if length < len(parts) else None,
        )
        for length in range(len(parts), 2, -1)
    ]
    if not found:
        raise InvalidNameError(
            f"`{quote_parts(parts)[:200]}` is neither a table's nor a column's full name.",
            hint="write catalog.namespace.table or catalog.namespace.table.column",
        )
    return list(dict.fromkeys(found))


def not_attached(tag: str, resource: str) -> TagNotFoundError:
    """Return the error of a tag that isn't attached to what it is to be taken from."""
    return TagNotFoundError(
        f"Tag `{tag}` is not attached to `{resource}`.", hint=f'see lake.tags.resources("{tag}")'
    )


def _checked_attributes(attributes: Mapping[str, str]) -> dict[str, str]:
    for name, value in attributes.items():
        if not isinstance(name, str) or not isinstance(value, str):
            raise ConfigurationError(
                f"Attribute `{name}` of a tag is {type(value).__name__}, and text is asked for.",
                hint='give {"sensitivity": "high"}',
            )
    return dict(attributes)


def read_tag(connection: sa.Connection, name: str) -> Tag:
    """Return a tag by its name.

    Raises:
        TagNotFoundError: It isn't defined.
    """
    row = connection.execute(sa.select(tags).filter_by(tag=name)).first()
    if row is None:
        alike = nearest(str(name), connection.execute(sa.select(tags.c.tag)).scalars())
        step = f'lake.tags.define("{name}")'
        raise TagNotFoundError(
            f"Tag `{name}` does not exist.",
            hint=f"did you mean `{alike}`? Otherwise {step}" if alike else step,
        )
    return _tag(row)


def _read_attachment(connection: sa.Connection, tag: str, resource: str) -> Attachment | None:
    query = sa.select(tag_attachments).filter_by(tag=tag, resource=resource)
    row = connection.execute(query).first()
    return None if row is None else _attachment(row)


def _tag(row: sa.Row[tuple[object, ...]]) -> Tag:
    return Tag(
        name=row.tag,
        description=row.description,
        attributes=json.loads(row.attributes),
        author=row.author,
        created_at=row.created_at,
    )


def _attachment(row: sa.Row[tuple[object, ...]]) -> Attachment:
    return Attachment(
        tag=row.tag,
        resource=row.resource,
        kind=ResourceKind(row.kind),
        author=row.author,
        created_at=row.created_at,
    )
