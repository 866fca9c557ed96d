"""What a policy is on: a catalog, a namespace, tables, columns, a path or a tag.

A target is exactly one `resources` member of a Ranger policy, and can be read back from it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from iomete.catalog.governed_names import (
    MAX_FULL_NAME_BYTES,
    governed_catalog,
    governed_column,
    governed_namespace,
)
from iomete.errors import InvalidNameError, InvalidPolicyError
from iomete.governance.documents.patterns import (
    fold_pattern,
    has_wildcard,
    parse_pattern,
    patterns_meet,
    without_tokens,
    write_part,
)
from iomete.governance.principals.names import ASKER, OWNER
from iomete.names import SESSION_CATALOG, NamespaceName

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ANY = "*"
_FORBIDDEN_IN_PATHS = "{}\\"
_LOCAL_ROOT = "file:///"
"""`/` alone would mean every path of every scheme."""


class TargetKind(StrEnum):
    """The kinds of targets."""

    CATALOG = "catalog"
    NAMESPACE = "namespace"
    TABLE = "table"
    PATH = "path"
    TAG = "tag"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a policy is on, in the spelling of policies; parts may be patterns.

    `namespace` is its levels joined by dots; `columns` are empty for all of a table's columns, but
    for `except_columns`; a field inside a struct is the path joined by dots.
    """

    kind: TargetKind
    catalog: str = ""
    namespace: str = ""
    table: str = ""
    columns: tuple[str, ...] = ()
    except_columns: tuple[str, ...] = ()
    path: str = ""
    tag: str = ""

    @property
    def text(self) -> str:
        """What it is on as people write it, without the columns."""
        match self.kind:
            case TargetKind.PATH:
                return self.path
            case TargetKind.TAG:
                return f"tag {self.tag}"
            case TargetKind.CATALOG:
                return write_part(self.catalog)
        levels = [self.namespace] if has_wildcard(self.namespace) else self.namespace.split(".")
        parts = [self.catalog, *levels, *([self.table] if self.table else [])]
        return ".".join(write_part(part) for part in parts)

    @property
    def is_pattern(self) -> bool:
        """Whether a catalog, namespace or table part has a wildcard, so that none need exist."""
        return any(has_wildcard(part) for part in (self.catalog, self.namespace, self.table))

    def resources(self, *, with_columns: bool = True) -> dict[str, Any]:
        """Return Ranger's `resources`; those of row filters have no columns."""
        match self.kind:
            case TargetKind.PATH:
                return {"path": {"values": [self.path], "isRecursive": True}}
            case TargetKind.TAG:
                return {"tag": {"values": [self.tag]}}
        levels = {
            "catalog": [self.catalog],
            "namespace": self._namespaces(),
            "table": [self.table or ANY],
        }
        resources: dict[str, Any] = {level: {"values": v} for level, v in levels.items()}
        if with_columns and self.except_columns:
            resources["column"] = {"values": list(self.except_columns), "isExcludes": True}
        elif with_columns:
            resources["column"] = {"values": list(self.columns) or [ANY]}
        return resources

    @classmethod
    def from_resources(cls, resources: Mapping[str, Mapping[str, Any]]) -> Target:
        """Read what `resources` wrote.

        Raises:
            InvalidPolicyError: No target is written like this.
        """
        values = {level: list(resource.get("values", ())) for level, resource in resources.items()}
        excluded = ()
        if resources.get("column", {}).get("isExcludes"):
            excluded = tuple(values.pop("column"))
        target = _read(values)
        if target is not None:
            target = replace(target, except_columns=excluded)
        if target is None or not any(
            resources == target.resources(with_columns=with_columns)
            for with_columns in (True, False)
        ):
            raise InvalidPolicyError(
                ["its resources are not those of one call"],
                hint="such a policy can be imported, exported, enabled, disabled and deleted",
            )
        return target

    def _namespaces(self) -> list[str]:
        match self.kind:
            case TargetKind.CATALOG:
                return [ANY]
            case TargetKind.NAMESPACE:
                return [self.namespace, f"{self.namespace}.*"]
        return [self.namespace]


def named_target(parts: Sequence[str], kind: TargetKind) -> Target:
    """Return the target that the parts of a name mean, as a resource of this kind.

    Raises:
        InvalidNameError: A part can't be one of such a name.
    """
    if kind is TargetKind.CATALOG or (kind is TargetKind.NAMESPACE and tuple(parts[1:]) == (ANY,)):
        return _limited(Target(kind=TargetKind.CATALOG, catalog=governed_catalog(parts[0])))
    levels = parts[1:-1] if kind is TargetKind.TABLE else parts[1:]
    catalog, namespace = _namespace(parts[0], tuple(levels))
    table = parts[-1] if kind is TargetKind.TABLE else ""
    return _limited(
        Target(
            kind=kind,
            catalog=catalog,
            namespace=namespace,
            table=fold_pattern(table) if catalog == SESSION_CATALOG else table,
        )
    )


def path_target(path: str) -> Target:
    """Return the target of a path and all below it.

    `*` alone is every path, `{USER}` in it the name of who asks. Slashes at its end don't count.
    `s3a` and `s3n` are `s3`, and a local path has no scheme.

    Raises:
        InvalidNameError: It isn't an absolute path or URL, or Ranger would read it otherwise.
    """
    if path == ANY:
        return Target(kind=TargetKind.PATH, path=ANY)
    scheme, found, rest = path.partition("://") if isinstance(path, str) else ("", "", "")
    problem = None
    bare = path.replace(ASKER.name, "") if isinstance(path, str) else ""
    if not isinstance(path, str) or not (path.startswith("/") or (found and scheme and rest)):
        problem = "it is not absolute"
    elif OWNER.name in path:
        problem = "a path has no owner"
    elif not path.isprintable() or any(c in bare for c in _FORBIDDEN_IN_PATHS):
        problem = "it holds braces, backslashes or invisible characters"
    elif {".", ".."}.intersection(path.split("/")) or "//" in rest.lstrip("/"):
        problem = "it has empty steps, `.` or `..`"
    if problem:
        raise InvalidNameError(
            f"`{str(path)[:200]}` can't be the path of a policy: {problem}.",
            hint="write s3://bucket/prefix, or /a/local/folder",
        )
    if found:
        schemes = {"s3a": "s3", "s3n": "s3"}
        scheme = schemes.get(scheme.lower(), scheme.lower())
        path = f"/{rest.lstrip('/')}" if scheme == "file" else f"{scheme}://{rest}"
    return _limited(Target(kind=TargetKind.PATH, path=path.rstrip("/") or _LOCAL_ROOT))


def tag_target(tag: str) -> Target:
    """Return the target of what has a tag."""
    return Target(kind=TargetKind.TAG, tag=tag)


def column_value(name: str | Sequence[str]) -> str:
    """Return a column, a pattern of columns, or a struct field's path as policies write it.

    Raises:
        InvalidNameError: It can't be parsed, or policies can't name it.
    """
    parts = parse_pattern(name)
    if any(has_wildcard(part) for part in parts):
        return ".".join(fold_pattern(part) for part in parts)
    return governed_column(parts)


def resources_meet(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Tell whether something can be under the `resources` of two policies of one service.

    What one of them leaves out is anything; exclusions are taken for anything, too.
    """
    levels = one.keys() & other.keys()
    return bool(levels) and all(
        any(_values_meet(level, a, b) for a in _values(one[level]) for b in _values(other[level]))
        for level in levels
    )


def _values(resource: Mapping[str, Any]) -> Sequence[str]:
    return (ANY,) if resource.get("isExcludes") else resource.get("values", ())


def _values_meet(level: str, one: str, other: str) -> bool:
    if level == "path":
        one, other = without_tokens(one), without_tokens(other)
        above, below = sorted((one.rstrip("/"), other.rstrip("/")), key=len)
        return patterns_meet(one, other) or f"{below}/".startswith(f"{above}/")
    return patterns_meet(one, other)


def _namespace(catalog: str, levels: tuple[str, ...]) -> tuple[str, str]:
    if not any(has_wildcard(part) for part in (catalog, *levels)):
        return governed_namespace(NamespaceName(catalog, levels))
    catalog = catalog if has_wildcard(catalog) else governed_catalog(catalog)
    namespace = ".".join(levels)
    return catalog, fold_pattern(namespace) if catalog == SESSION_CATALOG else namespace


def _read(values: dict[str, list[str]]) -> Target | None:
    match values:
        case {"path": [path]}:
            return Target(kind=TargetKind.PATH, path=path)
        case {"tag": [tag]}:
            return Target(kind=TargetKind.TAG, tag=tag)
        case {"catalog": [catalog], "namespace": ["*"], "table": ["*"], "column": ["*"]}:
            return Target(kind=TargetKind.CATALOG, catalog=catalog)
        case {"catalog": [catalog], "namespace": [namespace, _], "table": ["*"], "column": ["*"]}:
            return Target(kind=TargetKind.NAMESPACE, catalog=catalog, namespace=namespace)
        case {"catalog": [catalog], "namespace": [namespace], "table": [table]}:
            columns = tuple(values.get("column", ()))
            return Target(
                kind=TargetKind.TABLE,
                catalog=catalog,
                namespace=namespace,
                table=table,
                columns=() if columns == (ANY,) else columns,
            )
    return None


def _limited(target: Target) -> Target:
    if len(target.text.encode()) > MAX_FULL_NAME_BYTES:
        raise InvalidNameError(
            f"`{target.text[:80]}…` is longer than the {MAX_FULL_NAME_BYTES} bytes that policies "
            "can name."
        )
    return target
