"""Spark SQL statements over TPC-H's tables and views, generated."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from hypothesis import strategies as st
from pyspark.sql import DataFrame, SparkSession

from support.tpch.columns import COLUMNS, KEYS, THROWING
from support.tpch.configurations import CONFIGURATIONS
from support.tpch.policies import PRINCIPALS, rules_of

T = TypeVar("T")
Draw = Callable[[st.SearchStrategy[Any]], Any]

_NO_KEY = bytes(32)
HIDDEN = {
    principal: {c for rules in rules_of(principal, _NO_KEY).values() for c in rules.hidden}
    for principal in PRINCIPALS
}
KINDS = ("str", "int", "dec", "date")
LITERALS = {
    "str": ["BUILDING", "MACHINERY", "1-URGENT", "F", "RAIL", "AIR", "Xxxx", "nobody", "Brand#12"],
    "int": ["0", "1", "3", "5", "10", "37", "100", "1000", "20000"],
    "dec": ["0.00", "0.05", "1.5", "24", "100", "1000", "5000.50", "100000"],
    "date": ["1992-06-01", "1993-01-01", "1995-01-01", "1995-06-17", "1997-01-01", "1998-06-01"],
    "double": ["0.5D", "10D", "37.7D", "double('NaN')"],
    "time": ["1993-01-01 00:00:00", "1995-06-17 12:00:00", "1998-01-01 00:00:00"],
}
PATTERNS = ["%a%", "X%", "%1", "1%", "%#%", "%nn%", "*%", "_a%", "%-%", "PROMO%", "%e%t%", "C%"]


@dataclass(frozen=True)
class Statement:
    """A statement, for a principal.

    `is_strict`: an error on the copy alone is a disagreement, too. It is none where Spark is free
    to evaluate an expression on fewer rows, or on more.
    """

    principal: str
    sql: str
    is_strict: bool = True
    configuration: int = 0
    is_immediate: bool = False  # run by EXECUTE IMMEDIATE

    def __call__(self, spark: SparkSession, names: Mapping[str, str]) -> DataFrame:
        sql = self.sql.format(**names)
        if self.is_immediate:
            sql = f'EXECUTE IMMEDIATE "{sql}"'
        return spark.sql(sql)


@dataclass(frozen=True)
class Column:
    """An expression that names a column, and its kind."""

    sql: str
    kind: str


@dataclass(frozen=True)
class Scope:
    """Columns that can be used, and the tables behind their aliases."""

    columns: list[Column]
    tables: list[tuple[str, str]] = field(default_factory=list)  # alias, table

    def __add__(self, other: Scope) -> Scope:
        return Scope(self.columns + other.columns, self.tables + other.tables)

    def of_kind(self, kind: str) -> list[Column]:
        return [column for column in self.columns if column.kind == kind]


@st.composite
def statements(draw: Draw) -> Statement:
    """Statements of all shapes."""
    builder = _Builder(draw, draw(st.sampled_from(PRINCIPALS)))
    configuration = builder.configuration()
    if builder.chance(1, 3):
        return replace(builder.throwing(), configuration=configuration)
    immediate = builder.chance(1, 8)
    statement = builder.statement()
    return Statement(
        builder.principal, statement, configuration=configuration, is_immediate=immediate
    )


class _Builder:
    """Draws one statement; aliases are unique in it."""

    def __init__(self, draw: Draw, principal: str) -> None:
        self.draw = draw
        self.principal = principal
        self.count = 0

    def chance(self, part: int, whole: int) -> bool:
        return bool(self.draw(st.integers(1, whole)) <= part)

    def one(self, values: Sequence[T]) -> T:
        return self.draw(st.sampled_from(values))  # type: ignore[no-any-return]

    def configuration(self) -> int:
        return self.number(0, len(CONFIGURATIONS) - 1) if self.chance(1, 2) else 0

    def number(self, least: int, most: int) -> int:
        return int(self.draw(st.integers(least, most)))

    def alias(self) -> str:
        self.count += 1
        return f"t{self.count}"

    # Statements

    def statement(self) -> str:
        shape = self.one(
            [
                *(self.select, self.select, self.aggregate, self.set_operation, self.windowed),
                *(self.cte, self.grouping_sets, self.lateral, self.pipe, self.pivot),
                *(self.unpivot, self.nested),
            ]
        )
        sql = shape()[0]
        if self.chance(1, 3):
            return f"SELECT * FROM ({sql}) ORDER BY ALL LIMIT {self.number(1, 40)}"
        return f"SELECT * FROM ({sql}) ORDER BY ALL LIMIT 300"

    def select(self, kinds: Sequence[str] | None = None) -> tuple[str, list[str]]:
        source, scope = self.source()
        kinds = kinds or self.some_kinds(1, 4, scope)
        items = [f"{self.value(scope, kind)} AS c{i}" for i, kind in enumerate(kinds)]
        distinct = "DISTINCT " if self.chance(1, 5) else ""
        where = f" WHERE {self.predicate(scope)}" if self.chance(3, 4) else ""
        return f"SELECT {distinct}{', '.join(items)} FROM {source}{where}", list(kinds)

    def aggregate(self) -> tuple[str, list[str]]:
        source, scope = self.source()
        keys = [(kind, self.value(scope, kind)) for kind in self.some_kinds(0, 2, scope)]
        aggregates = [self.aggregated(scope) for _ in range(self.number(1, 3))]
        items = [f"{sql} AS c{i}" for i, (_, sql) in enumerate([*keys, *aggregates])]
        sql = f"SELECT {', '.join(items)} FROM {source}"
        if self.chance(1, 2):
            sql += f" WHERE {self.predicate(scope)}"
        if keys:
            sql += f" GROUP BY {', '.join(str(i + 1) for i in range(len(keys)))}"
            if self.chance(1, 3):
                sql += f" HAVING count(*) > {self.number(0, 5)}"
            elif self.chance(1, 4):
                kind, compared = self.aggregated(scope, plain=True)
                sql += f" HAVING {compared} > (SELECT {self.scalar(kind)})"
        return sql, [kind for kind, _ in [*keys, *aggregates]]

    def grouping_sets(self) -> tuple[str, list[str]]:
        source, scope = self.source()
        first, second = (self.column(scope, kind) for kind in self.some_kinds(2, 2, scope))
        groups = self.one(
            ["ROLLUP (a, b)", "CUBE (a, b)", "GROUPING SETS ((a), (b), ())", "a, ROLLUP (b)"]
        )
        where = f" WHERE {self.predicate(scope)}" if self.chance(1, 2) else ""
        inner = f"SELECT {first} AS a, {second} AS b FROM {source}{where}"
        sql = f"SELECT a AS c0, b AS c1, count(*) AS c2, grouping(b) AS c3 FROM ({inner})"
        return f"{sql} GROUP BY {groups}", ["str", "str", "int", "int"]

    def windowed(self) -> tuple[str, list[str]]:
        source, scope = self.source()
        key = self.column(scope, self.kind(scope))
        by = self.value(scope, self.kind(scope))
        value = self.value(scope, "dec")
        function = self.one(
            ["rank()", "dense_rank()", f"sum({value})", f"max({value})", "count(*)", "ntile(1)"]
        )
        window = f"PARTITION BY {key} ORDER BY {by}"
        if self.chance(1, 3):
            window = f"PARTITION BY {key}"
            function = self.one([f"sum({value})", "count(*)", f"min({by})"])
        where = f" WHERE {self.predicate(scope)}" if self.chance(1, 2) else ""
        sql = f"SELECT {key} AS c0, {by} AS c1, {function} OVER ({window}) AS c2"
        inner = f"{sql} FROM {source}{where}"
        if self.chance(1, 3) and "rank()" in function:
            return f"SELECT * FROM ({inner}) WHERE c2 <= {self.number(1, 3)}", ["str"] * 3
        return inner, ["str"] * 3

    def set_operation(self) -> tuple[str, list[str]]:
        kinds = self.some_kinds(1, 3)
        operator = self.one(
            ["UNION", "UNION ALL", "INTERSECT", "INTERSECT ALL", "EXCEPT", "EXCEPT ALL", "MINUS"]
        )
        return f"({self.select(kinds)[0]}) {operator} ({self.select(kinds)[0]})", kinds

    def cte(self) -> tuple[str, list[str]]:
        kinds = self.some_kinds(1, 3)
        name = self.alias()
        one, other = self.alias(), self.alias()
        kind_of_join = self.one(["JOIN", "LEFT JOIN", "LEFT SEMI JOIN", "LEFT ANTI JOIN"])
        body = f"{self.select(kinds)[0]} ORDER BY ALL LIMIT 50"
        return (
            f"WITH {name} AS ({body}), q AS (SELECT DISTINCT * FROM {name})"
            f" SELECT {one}.* FROM {name} {one} {kind_of_join} q {other} ON {one}.c0 <=> {other}.c0"
        ), kinds

    def lateral(self) -> tuple[str, list[str]]:
        outer, key, inner, inner_key = self.one([k for k in KEYS if k[2] != "lineitem"])
        left, scope = self.table(outer)
        right, inner_scope = self.table(inner)
        (t, _), (u, _) = scope.tables[0], inner_scope.tables[0]
        kind, item = self.one(
            [self.aggregated(inner_scope), ("str", self.value(inner_scope, "str"))]
        )
        return (
            f"SELECT {self.column(scope, 'str')} AS c0, l.x AS c1 FROM {left}"
            f" {self.one([',', 'LEFT JOIN', 'CROSS JOIN'])} LATERAL"
            f" (SELECT {item} AS x FROM {right}"
            f" WHERE {u}.{inner_key} = {t}.{key} AND {self.predicate(inner_scope, 1)}) l"
        ), ["str", kind]

    def pipe(self) -> tuple[str, list[str]]:
        source, scope = self.table(self.one(list(COLUMNS)))
        key = self.column(scope, self.kind(scope))
        return (
            f"FROM {source} |> WHERE {self.predicate(scope)}"
            f" |> AGGREGATE count(*) AS c1 GROUP BY {key} AS c0"
        ), ["str", "int"]

    def pivot(self) -> tuple[str, list[str]]:
        on, values = self.one(
            [
                ("orders", "o_orderpriority IN ('1-URGENT' AS a, 'F' AS b, 'O' AS c)"),
                ("customer", "c_mktsegment IN ('BUILDING' AS a, 'MACHINERY' AS b)"),
                ("part", "p_brand IN ('Brand#12' AS a, 'Brand#13' AS b)"),
                ("lineitem", "l_shipmode IN ('RAIL' AS a, 'AIR' AS b)"),
            ]
        )
        source, scope = self.table(on)
        column = values.split()[0]
        kind = self.one(["dec", "int"])
        inner = (
            f"SELECT {self.column(scope, 'int')} % 5 AS k, {scope.tables[0][0]}.{column},"
            f" {self.value(scope, kind)} AS v FROM {source}"
        )
        return f"SELECT * FROM ({inner}) PIVOT (max(v) FOR {values})", ["int"]

    def unpivot(self) -> tuple[str, list[str]]:
        source, scope = self.source()
        items = ", ".join(f"{self.value(scope, 'str')} AS u{i}" for i in range(3))
        nulls = self.one(["INCLUDE NULLS ", ""])
        return (
            f"SELECT c0, c1 FROM (SELECT {items} FROM {source})"
            f" UNPIVOT {nulls}(c1 FOR c0 IN (u0, u1, u2))"
        ), ["str", "str"]

    def nested(self) -> tuple[str, list[str]]:
        """Structs and arrays: generators, higher-order functions, whole values."""
        alias = self.alias()
        return self.one(
            [
                (
                    f"SELECT tag AS c0, count(*) AS c1 FROM {{orders}} {alias}"
                    f" LATERAL VIEW explode(o_tags) AS tag GROUP BY tag"
                ),
                (
                    f"SELECT o_orderkey AS c0, p.sku AS c1, p.pieces AS c2 FROM {{orders}} {alias}"
                    " LATERAL VIEW OUTER inline(o_parcels) p"
                ),
                (
                    f"SELECT o_orderkey AS c0, o_parcels AS c1, o_parcels.sku AS c2"
                    f" FROM {{orders}} {alias} WHERE exists(o_tags, x -> x LIKE '%x%')"
                ),
                (
                    f"SELECT c_contact AS c0, count(*) AS c1 FROM {{customer}} {alias}"
                    " GROUP BY c_contact"
                ),
                (
                    f"SELECT DISTINCT c_contact.address AS c0, c_contact.email IS NULL AS c1"
                    f" FROM {{customer}} {alias} WHERE c_contact.address.zip % 2 = 0"
                ),
                f"SELECT to_json(c_contact) AS c0, c_contact.* FROM {{customer}} {alias}",
                (
                    f"SELECT transform(o_parcels, p -> concat(p.sku, p.pieces)) AS c0,"
                    f" array_max(o_tags) AS c1 FROM {{orders}} {alias} WHERE o_orderkey % 5 = 0"
                ),
                (
                    f"SELECT c_divisor AS c0, sort_array(collect_set(c_contact.address.city)) AS c1"
                    f" FROM {{customer}} {alias} GROUP BY c_divisor"
                ),
                f"SELECT {alias}.* FROM {{customer}} {alias}",
                f"SELECT {alias}.* FROM {{orders}} {alias} WHERE o_orderkey < 400",
                "SELECT * FROM {customer} NATURAL JOIN {purchases}",
                "SELECT count(*) AS c0, count(DISTINCT *) AS c1 FROM {customer}",
                "SELECT * FROM {part} JOIN {offers} USING (p_partkey, p_code)",
                "SELECT struct(*) AS c0 FROM {supplier}",
                "SELECT c_custkey AS c0, hash(*) AS c1 FROM {customer}",
            ]
        ), ["str"]

    # Statements in which expressions fail

    def throwing(self) -> Statement:
        table = self.one(list(THROWING))
        source, scope = self.table(table)
        alias = scope.tables[0][0]
        risky = self.one(THROWING[table]).format(t=alias)
        key = self.column(scope, self.kind(scope))
        made = self.one(
            [
                (True, f"SELECT {key}, {risky} AS r FROM {source}"),
                (True, f"SELECT {key} FROM {source} WHERE {risky} > 0"),
                (True, f"SELECT {key} FROM {source} WHERE {risky} IS NULL"),
                (True, f"SELECT max({risky}) AS r, count(*) AS n FROM {source}"),
                (True, f"SELECT {risky} AS r, count(*) AS n FROM {source} GROUP BY 1"),
                (True, f"SELECT {key} FROM {source} ORDER BY {risky}, {key}"),
                (True, f"SELECT count(*) FILTER (WHERE {risky} > 1) AS n FROM {source}"),
                (True, f"SELECT DISTINCT {risky} AS r FROM {source}"),
                (
                    False,
                    f"SELECT {key} FROM {source} WHERE {self.predicate(scope)} AND {risky} > 0",
                ),
                (
                    False,
                    f"SELECT {key} FROM {source} WHERE {risky} > 0 AND {self.predicate(scope)}",
                ),
                (False, f"SELECT {key} FROM {source} WHERE {self.predicate(scope)} OR {risky} > 0"),
                (False, f"SELECT {risky} AS r FROM {source} WHERE {self.predicate(scope)}"),
                (False, self.throwing_join(table, source, alias, risky)),
                (
                    False,
                    (
                        f"SELECT n_name FROM {{nation}} WHERE n_nationkey IN"
                        f" (SELECT CAST({risky} AS BIGINT) FROM {source})"
                    ),
                ),
                (False, f"SELECT (SELECT max({risky}) FROM {source}) AS r FROM {{region}}"),
                (
                    False,
                    (
                        f"SELECT try_divide(1, 0), r FROM (SELECT {risky} AS r FROM {source}"
                        f" WHERE {self.predicate(scope)}) WHERE r IS NOT NULL"
                    ),
                ),
            ]
        )
        return Statement(self.principal, made[1], is_strict=made[0])

    def throwing_join(self, table: str, source: str, alias: str, risky: str) -> str:
        fitting = [k for k in KEYS if table in (k[0], k[2])]
        left, key, right, other_key = self.one(fitting)
        if table == right:
            left, key, right, other_key = right, other_key, left, key
        joined, scope = self.table(right)
        other = scope.tables[0][0]
        how = self.one(["JOIN", "LEFT JOIN", "FULL JOIN", "RIGHT JOIN", "LEFT SEMI JOIN"])
        condition = f"{alias}.{key} = {other}.{other_key}"
        if self.chance(1, 2):
            return (
                f"SELECT {alias}.{key} FROM {source} {how} {joined} ON {condition} AND {risky} > 0"
            )
        return f"SELECT {alias}.{key} FROM {source} {how} {joined} ON {condition} WHERE {risky} > 0"

    # FROM

    def source(self) -> tuple[str, Scope]:
        if self.chance(2, 5):
            return self.join()
        if self.chance(1, 6):
            sql, kinds = self.select()
            alias = self.alias()
            columns = [Column(f"{alias}.c{i}", kind) for i, kind in enumerate(kinds)]
            return f"({sql}) {alias}", Scope(columns)
        return self.table(self.one(list(COLUMNS)))

    def join(self) -> tuple[str, Scope]:
        left, key, right, other_key = self.one(KEYS)
        if self.chance(1, 2):
            left, key, right, other_key = right, other_key, left, key
        one, scope = self.table(left)
        other, other_scope = self.table(right)
        (t, _), (u, _) = scope.tables[0], other_scope.tables[0]
        both = scope + other_scope
        how = self.one(["JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN", "SEMI JOIN", "ANTI JOIN"])
        condition = f"{t}.{key} = {u}.{other_key}"
        if self.chance(1, 4):
            condition = f"{condition} AND {self.predicate(both, 1)}"
        if self.chance(1, 12):
            extra, extra_scope = self.table(self.one(["region", "nation"]))
            return f"{one} JOIN {other} ON {condition} CROSS JOIN {extra}", both + extra_scope
        visible = scope if how in ("SEMI JOIN", "ANTI JOIN") else both
        return f"{one} {how} {other} ON {condition}", visible

    def table(self, table: str) -> tuple[str, Scope]:
        alias = self.alias()
        hidden = HIDDEN[self.principal] if self.chance(29, 30) else set()
        columns = [
            Column(f"{alias}.{name}", kind)
            for name, kind in COLUMNS[table].items()
            if name.split(".")[0] not in hidden
        ]
        return f"{{{table}}} {alias}", Scope(columns, [(alias, table)])

    # Expressions that fail on no value

    def some_kinds(self, least: int, most: int, scope: Scope | None = None) -> list[str]:
        count = self.number(least, most)
        return [self.one(KINDS) if scope is None else self.kind(scope) for _ in range(count)]

    def kind(self, scope: Scope, kinds: Sequence[str] = KINDS) -> str:
        present = {column.kind for column in scope.columns}
        return self.one([kind for kind in kinds if kind in present] or ["str"])

    def column(self, scope: Scope, kind: str) -> str:
        fitting = scope.of_kind(kind)
        return self.one(fitting).sql if fitting else self.literal(kind)

    def literal(self, kind: str) -> str:
        value = self.one(LITERALS[kind])
        match kind:
            case "str":
                return f"'{value}'"
            case "date":
                return f"DATE'{value}'"
            case "time":
                return f"TIMESTAMP'{value}'"
            case "dec":
                return f"CAST({value} AS DECIMAL(15, 2))"
        return value

    def value(self, scope: Scope, kind: str, depth: int = 2) -> str:
        column = self.column(scope, kind)
        if depth == 0 or self.chance(2, 5):
            return column
        if self.chance(1, 6):
            return (
                f"CASE WHEN {self.predicate(scope, 1)} THEN {column}"
                f" ELSE {self.value(scope, kind, depth - 1)} END"
            )
        if self.chance(1, 12) and scope.tables:
            return self.correlated_scalar(scope, kind)
        text, date = self.column(scope, "str"), self.column(scope, "date")
        match kind:
            case "str":
                forms = [
                    f"upper({column})",
                    f"substr({column}, 2, 6)",
                    f"concat({column}, '-', {text})",
                ]
                forms += [f"coalesce({column}, '?')", f"reverse({column})", f"right({column}, 3)"]
                forms += [f"nullif({column}, {text})", f"translate({column}, 'xn', 'ab')"]
            case "int":
                forms = [f"{column} % {self.number(2, 9)}", f"length({text})", f"year({date})"]
                forms += [f"try_cast({text} AS INT)", f"instr({text}, 'n')", f"month({date})"]
                forms += [f"coalesce({column}, 0)", f"greatest({column}, 5)"]
            case "dec":
                dec = self.column(scope, "dec")
                forms = [
                    f"round({column}, 0)",
                    f"{column} + {dec}",
                    f"-{column}",
                    f"{column} * 0.5",
                ]
            case _:
                forms = [f"date_add({column}, {self.number(0, 400)})", f"trunc({column}, 'MONTH')"]
        return self.one(forms)

    def correlated_scalar(self, scope: Scope, kind: str) -> str:
        related = self.related(scope)
        if related is None:
            return f"(SELECT {self.scalar(kind)})"
        source, inner, condition = related
        return f"(SELECT max({self.column(inner, kind)}) FROM {source} WHERE {condition})"

    def scalar(self, kind: str) -> str:
        source, scope = self.table(self.one(list(COLUMNS)))
        return f"min({self.column(scope, kind)}) FROM {source} WHERE {self.predicate(scope, 0)}"

    def related(self, scope: Scope) -> tuple[str, Scope, str] | None:
        """A table that is joined to one of the scope's, for a correlated subquery."""
        alias, table = self.one(scope.tables)
        fitting = [(k[1], k[2], k[3]) for k in KEYS if k[0] == table]
        fitting += [(k[3], k[0], k[1]) for k in KEYS if k[2] == table]
        if not fitting:
            return None
        key, other, other_key = self.one(fitting)
        source, inner = self.table(other)
        return source, inner, f"{inner.tables[0][0]}.{other_key} = {alias}.{key}"

    def aggregated(self, scope: Scope, *, plain: bool = False) -> tuple[str, str]:
        kind = self.kind(scope)
        value = self.value(scope, kind)
        if plain:
            return kind, f"max({value})"
        decimal, text = self.value(scope, "dec"), self.column(scope, "str")
        kind, sql = self.one(
            [
                ("int", "count(*)"),
                ("int", f"count({value})"),
                ("int", f"count(DISTINCT {value})"),
                ("dec", f"sum({decimal})"),
                ("dec", f"avg({decimal})"),
                (kind, f"min({value})"),
                (kind, f"max({value})"),
                ("str", f"max_by({text}, {text})"),
                ("str", f"array_join(sort_array(collect_set({text})), ',')"),
                ("int", f"approx_count_distinct({text})"),
                ("dec", f"sum(DISTINCT {decimal})"),
            ]
        )
        if self.chance(1, 4):
            sql += f" FILTER (WHERE {self.predicate(scope, 0)})"
            if sql.startswith("array_join"):
                sql = "count(*)"
                kind = "int"
        return kind, sql

    def predicate(self, scope: Scope, depth: int = 2) -> str:
        if depth and self.chance(1, 4):
            operator = self.one(["AND", "OR", "AND NOT"])
            first, second = self.predicate(scope, depth - 1), self.predicate(scope, depth - 1)
            return f"({first} {operator} ({second}))"
        if depth == 2 and self.chance(1, 4):  # only at the top
            return self.subquery_predicate(scope)
        kind = self.kind(scope, ["str", "str", "int", "dec", "date", "double", "time"])
        column = self.column(scope, kind)
        value = self.literal(kind) if self.chance(2, 3) else self.column(scope, kind)
        forms = [f"{column} {o} {value}" for o in ("=", "<>", "<", ">=", "<=>")]
        forms += [f"{column} IS NULL", f"{column} IS NOT NULL"]
        forms += [f"{column} IN ({value}, {self.literal(kind)})"]
        forms += [f"{column} BETWEEN {self.literal(kind)} AND {value}"]
        if kind == "str":
            pattern = self.one(PATTERNS)
            forms += [f"{column} LIKE '{pattern}'", f"{column} NOT LIKE '{pattern}'"] * 2
            forms += [f"{column} RLIKE '[0-4]$'", f"startswith({column}, 'C')"]
            forms += [f"contains({column}, 'a')", f"length({column}) > {self.number(1, 25)}"]
        return self.one(forms)

    def subquery_predicate(self, scope: Scope) -> str:
        related = self.related(scope) if scope.tables else None
        if related is not None and self.chance(1, 2):
            source, inner, condition = related
            extra = self.predicate(inner, 0)
            return (
                f"{self.one(['EXISTS', 'NOT EXISTS'])}"
                f" (SELECT 1 FROM {source} WHERE {condition} AND {extra})"
            )
        kind = self.kind(scope)
        source, inner = self.table(self.one(list(COLUMNS)))
        form = self.one(["IN", "NOT IN", "=", "<"])
        item = self.column(inner, kind)
        if form in ("=", "<"):
            item = f"max({item})"
        return (
            f"{self.column(scope, kind)} {form}"
            f" (SELECT {item} FROM {source} WHERE {self.predicate(inner, 0)})"
        )
