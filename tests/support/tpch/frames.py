"""DataFrame programs: calls that are drawn once and made on both worlds."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812  # its usual name

from support.tpch.columns import KEYS, THROWING
from support.tpch.configurations import CONFIGURATIONS
from support.tpch.policies import PRINCIPALS
from support.tpch.world import Names

Step = Callable[[DataFrame, int, SparkSession, Names], DataFrame]

_views = itertools.count(1)
_WORDS = ["a", "X", "1", "nn", "*", "#", "er"]
_RELATIONS = ["customer", "orders", "part", "supplier", "partsupp", "purchases", "offers", "nation"]


@dataclass(frozen=True)
class Program:
    """A table, and steps by name with a number that says which column and value they take."""

    principal: str
    table: str
    steps: tuple[tuple[str, int], ...]
    throwing: str | None = None
    configuration: int = 0

    def __call__(self, spark: SparkSession, names: Names) -> DataFrame:
        frame = spark.table(names[self.table])
        if self.throwing is not None:
            risky = F.expr(self.throwing.format(t="x"))
            return frame.alias("x").withColumn("risky", risky).drop("c_contact", "o_parcels")
        for name, number in self.steps:
            frame = STEPS[name](frame, number, spark, names)
        return frame


@st.composite
def programs(draw: Callable[[st.SearchStrategy[Any]], Any]) -> Program:
    steps = st.tuples(st.sampled_from(sorted(STEPS)), st.integers(0, 997))
    table = draw(st.sampled_from(_RELATIONS))
    taken = draw(st.lists(steps, min_size=1, max_size=4))
    throwing = None
    if draw(st.integers(1, 5)) == 1 and table in THROWING:
        # the first step and the last: nothing tells Spark to evaluate it on fewer rows
        throwing, taken = draw(st.sampled_from(THROWING[table])), []
    principal = draw(st.sampled_from(PRINCIPALS))
    is_configured = throwing is None and draw(st.booleans())
    configuration = draw(st.integers(0, len(CONFIGURATIONS) - 1)) if is_configured else 0
    return Program(principal, table, tuple(taken), throwing, configuration)


def _column(frame: DataFrame, number: int, *kinds: str) -> str:
    fitting = [name for name, kind in frame.dtypes if not kinds or kind.startswith(kinds)]
    names = fitting or frame.columns
    return f"`{names[number % len(names)]}`"


def _flat(frame: DataFrame) -> DataFrame:
    """Without duplicates of names and without what can't be compared."""
    kinds = dict(frame.dtypes)
    kept = [n for n in dict.fromkeys(frame.columns) if frame.columns.count(n) == 1]
    plain = [n for n in kept if not kinds[n].startswith(("map", "array", "struct"))]
    return frame.select(*(f"`{name}`" for name in plain[:8])) if plain else frame


def _filter(frame: DataFrame, n: int, _s: SparkSession, _n: Names) -> DataFrame:
    column = _column(frame, n, "string")
    return frame.filter(F.col(column).contains(_WORDS[n % len(_WORDS)]) | (F.length(column) > 30))


def _where_number(frame: DataFrame, n: int, _s: SparkSession, _n: Names) -> DataFrame:
    return frame.where(F.col(_column(frame, n, "bigint", "int", "decimal")) > n)


def _select(frame: DataFrame, n: int, _s: SparkSession, _n: Names) -> DataFrame:
    flat = _flat(frame)
    return flat.select(*(f"`{name}`" for name in flat.columns[n % 3 :: 2] or flat.columns))


def _with_column(frame: DataFrame, n: int, _s: SparkSession, _n: Names) -> DataFrame:
    column = _column(frame, n, "string")
    made = F.when(F.col(column).like("%1%"), F.upper(column)).otherwise(F.substring(column, 1, 5))
    return frame.withColumn(f"made_{n % 3}", made)


def _replaced(frame: DataFrame, n: int, _s: SparkSession, _n: Names) -> DataFrame:
    name = _column(frame, n, "string").strip("`")
    return frame.withColumn(name, F.reverse(F.col(f"`{name}`")))


def _group(frame: DataFrame, n: int, _s: SparkSession, _n: Names) -> DataFrame:
    number = F.col(_column(frame, n, "decimal", "int"))
    grouped = frame.groupBy(F.col(_column(frame, n, "string", "date")).alias("k"))
    return grouped.agg(
        F.count("*").alias("n"),
        F.max(number).alias("most"),
        F.count_distinct(F.col(_column(frame, n + 1))).alias("kinds"),
    )


def _rollup(frame: DataFrame, n: int, _s: SparkSession, _n: Names) -> DataFrame:
    one, other = _column(frame, n, "string"), _column(frame, n + 1, "string", "date")
    short = frame.select(F.left(F.col(one), F.lit(1)).alias("a"), F.col(other).alias("b"))
    return short.rollup("a", "b").count()


def _pivot(frame: DataFrame, n: int, _s: SparkSession, _n: Names) -> DataFrame:
    """With values that Spark asks for itself, by a query of its own."""
    key, value = _column(frame, n, "string"), _column(frame, n + 1)
    short = frame.select(
        F.length(key).alias("k"), F.left(F.col(key), F.lit(1)).alias("p"), F.col(value).alias("v")
    )
    return short.where("p IS NOT NULL").groupBy("k").pivot("p").agg(F.count("v"))


def _unpivot(frame: DataFrame, n: int, _s: SparkSession, _n: Names) -> DataFrame:
    flat = _flat(frame)
    texts = [f"`{name}`" for name, kind in flat.dtypes if kind == "string"]
    if not texts:
        return flat
    return flat.unpivot([_column(flat, n)], texts, "named", "value")


def _join(frame: DataFrame, n: int, spark: SparkSession, names: Names) -> DataFrame:
    fitting = [k for k in KEYS if k[1] in frame.columns and k[2] != "lineitem"]
    if not fitting:
        return frame
    _, key, table, other_key = fitting[n % len(fitting)]
    other = spark.table(names[table]).withColumnRenamed(other_key, "other_key")
    how = ["inner", "left", "right", "full", "left_semi", "left_anti"][n % 6]
    hinted = other.hint(["broadcast", "merge", "shuffle_hash"][n % 3])
    return _flat(frame.join(hinted, F.col(key) == F.col("other_key"), how))


def _self_join(frame: DataFrame, n: int, _s: SparkSession, _n: Names) -> DataFrame:
    flat = _flat(frame)
    key = flat.columns[0]
    counted = flat.groupBy(key).count()
    return flat.join(counted, key, ["inner", "left", "left_semi"][n % 3])


def _distinct(frame: DataFrame, n: int, _s: SparkSession, _n: Names) -> DataFrame:
    return _flat(frame).select(_column(_flat(frame), n), _column(_flat(frame), n + 2)).distinct()


def _drop_duplicates(frame: DataFrame, n: int, _s: SparkSession, _n: Names) -> DataFrame:
    name = _column(_flat(frame), n, "string").strip("`")
    return _flat(frame).dropDuplicates([name]).select(f"`{name}`")


def _union(frame: DataFrame, n: int, _s: SparkSession, _n: Names) -> DataFrame:
    column = F.col(_column(frame, n, "string"))
    return frame.where(column.rlike("[1-5x]")).unionByName(frame.where(column.isNull()))


def _except(frame: DataFrame, n: int, _s: SparkSession, _n: Names) -> DataFrame:
    flat = _flat(frame)
    return flat.exceptAll(flat.where(F.col(_column(flat, n, "string")).like("%a%")))


def _fill(frame: DataFrame, n: int, _s: SparkSession, _n: Names) -> DataFrame:
    flat = _flat(frame)
    return flat.fillna("none").na.drop(how="all") if n % 2 else flat.dropna()


def _limit(frame: DataFrame, n: int, _s: SparkSession, _n: Names) -> DataFrame:
    flat = _flat(frame)
    return flat.orderBy(*(f"`{name}`" for name in flat.columns)).limit(n % 40)


def _cache(frame: DataFrame, _number: int, _s: SparkSession, _n: Names) -> DataFrame:
    cached = frame.cache()
    cached.count()
    return cached


def _temporary_view(frame: DataFrame, n: int, spark: SparkSession, _n: Names) -> DataFrame:
    flat = _flat(frame)
    view = f"view_{next(_views)}"
    flat.createOrReplaceTempView(view)
    column = _column(flat, n)
    return spark.sql(f"SELECT * FROM {view} WHERE {column} IN (SELECT max({column}) FROM {view})")


def _global_view(frame: DataFrame, n: int, spark: SparkSession, _n: Names) -> DataFrame:
    view = f"tpch_{next(_views)}"
    _flat(frame).createOrReplaceGlobalTempView(view)
    return spark.table(f"global_temp.{view}")


def _sql_with_frame(frame: DataFrame, n: int, spark: SparkSession, _n: Names) -> DataFrame:
    flat = _flat(frame)
    return spark.sql("SELECT * FROM {given} WHERE " + _column(flat, n) + " IS NOT NULL", given=flat)


def _repartition(frame: DataFrame, n: int, _s: SparkSession, _n: Names) -> DataFrame:
    return frame.repartition(n % 4 + 1, F.col(_column(_flat(frame), n)))


def _checkpoint(frame: DataFrame, _number: int, _s: SparkSession, _n: Names) -> DataFrame:
    return frame.localCheckpoint()


def _row_json(frame: DataFrame, _number: int, _s: SparkSession, _n: Names) -> DataFrame:
    return _flat(frame).select(F.to_json(F.struct("*")).alias("row"))


STEPS: dict[str, Step] = {
    "cache": _cache,
    "checkpoint": _checkpoint,
    "distinct": _distinct,
    "drop_duplicates": _drop_duplicates,
    "except": _except,
    "fill": _fill,
    "filter": _filter,
    "global_view": _global_view,
    "group": _group,
    "join": _join,
    "limit": _limit,
    "pivot": _pivot,
    "repartition": _repartition,
    "replaced": _replaced,
    "rollup": _rollup,
    "row_json": _row_json,
    "select": _select,
    "self_join": _self_join,
    "sql_with_frame": _sql_with_frame,
    "temporary_view": _temporary_view,
    "union": _union,
    "unpivot": _unpivot,
    "where_number": _where_number,
    "with_column": _with_column,
}
