import doctest
import time
from contextlib import suppress
from dataclasses import FrozenInstanceError, dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iomete.errors import (
    CatalogNotFoundError,
    InvalidNameError,
    NamespaceNotFoundError,
    TableNotFoundError,
)
from iomete.names import (
    MAX_NAME_LENGTH,
    CatalogName,
    ColumnName,
    NamespaceName,
    Resource,
    ResourceKind,
    TableName,
    as_parts,
    check_creatable,
    column_key,
    fold,
    identifiers,
    lower,
    nearest,
    parse_parts,
    quote,
    quote_parts,
    resolve,
)

text_parts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
level_parts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="."), min_size=1)
part_lists = st.lists(text_parts, min_size=1, max_size=6)


@dataclass
class Existing:
    catalogs: set[CatalogName] = field(default_factory=set)
    namespaces: set[NamespaceName] = field(default_factory=set)
    tables: set[TableName] = field(default_factory=set)

    def has_catalog(self, catalog: CatalogName, /) -> bool:
        return catalog in self.catalogs

    def has_namespace(self, namespace: NamespaceName, /) -> bool:
        return namespace in self.namespaces

    def has_table(self, table: TableName, /) -> bool:
        return table in self.tables


def lake(*tables: str, namespaces: tuple[str, ...] = ()) -> Existing:
    found = {TableName.parse(table) for table in tables}
    named = {NamespaceName.parse(namespace) for namespace in namespaces}
    return Existing(
        catalogs={CatalogName("lake"), CatalogName("spark_catalog")},
        namespaces=named | {table.parent for table in found},
        tables=found,
    )


# --- parsing and quoting


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("lake.sales.orders", ("lake", "sales", "orders")),
        ("`my-ns`.`a``b`", ("my-ns", "a`b")),
        ("`a.b`.c", ("a.b", "c")),
        ("``", ("",)),
        ("````", ("`",)),
        (" a .\t`b` \n. c ", ("a", "b", "c")),
        ("a\u3000.\u00a0b", ("a", "b")),
        ("select.from.null", ("select", "from", "null")),
        ("1a.2b.1e", ("1a", "2b", "1e")),
        ("a--comment", ("a",)),
        ("a -- one\\\nand the same\n.b", ("a", "b")),
        ("a/* /* nested */ */./**/b", ("a", "b")),
        ("a/* /*+ no nesting */.b", ("a", "b")),
        ("`表`.`😀`.`\x00`", ("表", "😀", "\x00")),
    ],
)
def test_name_splits_as_in_spark(text: str, parts: tuple[str, ...]) -> None:
    assert parse_parts(text) == parts


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "can't be empty"),
        (" \n", "can't be empty"),
        ("a.", "ends where a part is expected"),
        ("/**/", "ends where a part is expected"),
        (".a", "unexpected `.` at character 1"),
        ("a..b", "unexpected `.` at character 3"),
        ("a b", "unexpected `b` at character 3"),
        ("lake.my-table", "unexpected `-` at character 8"),
        ("my-table", "letters, digits and _: `my-table`"),
        ("lake.café.t", "letters, digits and _: `café`"),
        ("a.12", "unexpected `1` at character 3"),
        ("1e5", "_: `1e5`"),
        ("12L", "_: `12L`"),
        ("3bd", "_: `3bd`"),
        ('"a"', "double quotes don't quote names (character 1)"),
        ("`a", "the back-quote at character 1 is never closed"),
        ("a.`b``", "the back-quote at character 3 is never closed"),
        ("a/*", "the comment at character 2 is never closed"),
        ("a/* /* */", "the comment at character 2 is never closed"),
        ("/*+ hint */a", "unexpected `/` at character 1"),
        ("IDENTIFIER('a')", "unexpected `(` at character 11"),
        ("a\x00", "unexpected `\\x00` at character 2"),
        ("a\u2029.b", "unexpected `\\u2029` at character 2"),
        ("s3://bucket/x", "unexpected `:` at character 3"),
        ("`\ud800`", "half a surrogate pair at character 2"),
    ],
)
def test_refusal_says_what_and_where(text: str, says: str) -> None:
    with pytest.raises(InvalidNameError) as refusal:
        parse_parts(text)
    assert says in str(refusal.value)


@given(part_lists)
def test_quoted_parts_parse_back(parts: list[str]) -> None:
    assert parse_parts(quote_parts(parts)) == tuple(parts)


@given(st.text())
def test_any_text_parses_or_is_refused(text: str) -> None:
    try:
        parts = parse_parts(text)
    except InvalidNameError as refusal:
        str(refusal).encode()
    else:
        assert parse_parts(quote_parts(parts)) == parts


@pytest.mark.parametrize(
    ("part", "written"),
    [
        ("orders", "orders"),
        ("_x1", "_x1"),
        ("date", "date"),
        ("order", "`order`"),
        ("Select", "`Select`"),
        ("1a", "`1a`"),
        ("a b", "`a b`"),
        ("a`b", "`a``b`"),
        ("é", "`é`"),
        ("", "``"),
        ("a\n", "`a\n`"),
    ],
)
def test_part_is_quoted_only_where_needed(part: str, written: str) -> None:
    assert quote(part) == written


def test_parts_are_taken_as_they_are() -> None:
    assert as_parts(["a.b", "c`d"]) == ("a.b", "c`d")


@pytest.mark.parametrize("value", [(), [], ("a", 1), None, 5, b"a", {"a"}, ("a", "\udfff")])
def test_what_is_no_name_is_refused(value: object) -> None:
    with pytest.raises(InvalidNameError):
        as_parts(value)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text",
    [
        "a" * 1_000_000,
        "`" * 1_000_001,
        "a." * 500_000,
        "/*" * 500_000,
        "\x00" * 1_000_000,
        "\ud800" * 1_000_000,
        ("a",) * 1_000_000,
        ("",) * 1_000_000,
    ],
    ids=["letters", "quotes", "dots", "comments", "nuls", "surrogates", "parts", "empty parts"],
)
def test_huge_input_is_refused_fast_with_a_short_message(text: str | tuple[str, ...]) -> None:
    begin = time.perf_counter()
    with pytest.raises(InvalidNameError) as refusal:
        as_parts(text)
    assert time.perf_counter() - begin < 1
    assert len(str(refusal.value)) < 1000


@pytest.mark.parametrize(
    "unit", ["`", "``", "a-", "/*", "*/", "--", "\\\n", "a/**/", " ", "1", "-"]
)
def test_repetition_is_read_in_linear_time(unit: str) -> None:
    text = "a" + unit * (MAX_NAME_LENGTH // len(unit) - 1)
    begin = time.perf_counter()
    with suppress(InvalidNameError):
        parse_parts(text)
    assert time.perf_counter() - begin < 1


# --- case


def test_case_folds_as_in_java() -> None:
    assert lower("İI") == "i\u0307i"
    assert fold("İ") == fold("\u0131") == fold("I") == "i"
    assert fold("\u017f") == fold("S")
    assert fold("ß") != fold("ss")
    assert fold("\u1fb3") == fold("\u1fbc")
    assert column_key("i") != column_key("İ")
    assert column_key("s") != column_key("\u017f")


@given(st.text(), st.text())
def test_column_keys_never_join_what_java_tells_apart(left: str, right: str) -> None:
    if column_key(left) == column_key(right):
        assert len(left) == len(right)


# --- resources


def test_iceberg_names_are_exact() -> None:
    assert TableName.parse("lake.sales.orders") != TableName.parse("lake.sales.Orders")
    assert NamespaceName.parse("lake.sales") != NamespaceName.parse("lake.Sales")
    assert CatalogName("lake") != CatalogName("Lake")


def test_session_catalog_folds_its_names() -> None:
    table = TableName.parse("spark_catalog.default.orders")
    assert table == TableName.parse("SPARK_CATALOG.Default.ORDERS")
    assert {table: 1}[TableName.parse("Spark_Catalog.DEFAULT.Orders")] == 1
    assert CatalogName("SPARK_CATALOG").is_session_catalog


def test_column_names_fold_everywhere() -> None:
    table = TableName.parse("lake.sales.orders")
    assert table.column("Email") == table.column("EMAIL")
    assert table.column("s", "Field") == table.column("S", "field")
    assert table.column("email") != table.column("e_mail")


def test_spelling_is_kept() -> None:
    assert str(TableName.parse("SPARK_CATALOG.Default.Orders")) == "SPARK_CATALOG.Default.Orders"


def test_full_name_is_quoted_where_needed() -> None:
    column = ColumnName(TableName("lake", ("my-ns",), "order"), ("a.b", "id"))
    assert column.full_name == str(column) == "lake.`my-ns`.`order`.`a.b`.id"


def test_parents_lead_to_the_catalog() -> None:
    resource: Resource | None = TableName("lake", ("a", "b"), "t").column("s", "f")
    chain = []
    while resource is not None:
        chain.append(f"{resource.kind}:{resource}")
        resource = resource.parent
    assert chain == [
        "column:lake.a.b.t.s.f",
        "column:lake.a.b.t.s",
        "table:lake.a.b.t",
        "namespace:lake.a.b",
        "namespace:lake.a",
        "catalog:lake",
    ]


def test_resources_of_all_kinds_sort_with_holders_first() -> None:
    table = TableName("lake", ("a",), "t")
    expected = [
        CatalogName("lake"),
        NamespaceName("lake", ("a",)),
        table,
        table.column("c"),
        table.column("D"),
        NamespaceName("lake", ("b",)),
        CatalogName("other"),
    ]
    shuffled = expected[::-1]
    assert sorted(shuffled) == expected
    assert CatalogName("lake") <= CatalogName("lake")


def test_resources_differ_by_kind_and_from_text() -> None:
    assert TableName("lake", ("a",), "t") != NamespaceName("lake", ("a", "t"))
    assert CatalogName("lake") != "lake"
    assert CatalogName("lake").kind is ResourceKind.CATALOG


def test_resources_can_be_rebuilt_from_their_repr() -> None:
    column = TableName("lake", ("a",), "t").column("c")
    assert eval(repr(column)) == column  # noqa: S307 - our own repr


def test_resources_are_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        CatalogName("lake").name = "other"  # type: ignore[misc]


@given(level_parts, st.lists(level_parts, min_size=1, max_size=3), level_parts)
def test_full_name_of_a_table_parses_back(catalog: str, levels: list[str], name: str) -> None:
    table = TableName(catalog, tuple(levels), name)
    assert TableName.parse(table.full_name) == table
    assert hash(TableName.parse(table.parts)) == hash(table)


@pytest.mark.parametrize(
    "build",
    [
        lambda: CatalogName(""),
        lambda: CatalogName.parse("a.b"),
        lambda: NamespaceName("lake", ()),
        lambda: NamespaceName("lake", "sales"),  # type: ignore[arg-type]
        lambda: NamespaceName("lake", ("",)),
        lambda: TableName("lake", (), "t"),
        lambda: TableName("lake", ["a"], "t"),  # type: ignore[arg-type]
        lambda: TableName("lake", ("a",), ""),
        lambda: TableName("lake", ("a",), "t").column(),
        lambda: TableName("lake", ("a",), "t").column(""),
        lambda: ColumnName.parse("lake.a.t"),
        lambda: ColumnName.parse("lake.a.b.t.c"),
        lambda: TableName.parse("orders"),
        lambda: TableName.parse("sales.orders"),
        lambda: TableName.parse("lake.orders", catalogs={"lake"}),
        lambda: NamespaceName.parse("sales"),
    ],
)
def test_incomplete_resources_are_refused(build: object) -> None:
    with pytest.raises(InvalidNameError):
        build()  # type: ignore[operator]


def test_dotted_level_is_refused_because_jdbc_catalogs_join_levels_with_dots() -> None:
    with pytest.raises(InvalidNameError, match="dot inside a level"):
        TableName.parse("lake.`a.b`.t")


def test_table_name_is_completed_as_in_spark() -> None:
    def parse(text: str, catalogs: set[str] | None = None) -> str:
        table = TableName.parse(
            text, default_catalog="lake", default_namespace=("default",), catalogs=catalogs
        )
        return table.full_name

    assert parse("orders") == "lake.default.orders"
    assert parse("sales.orders") == "lake.sales.orders"
    assert parse("hive.sales.orders") == "hive.sales.orders"
    assert parse("sales.eu.orders", {"lake"}) == "lake.sales.eu.orders"
    assert parse("lake.sales.orders", {"lake"}) == "lake.sales.orders"
    assert parse("SPARK_CATALOG.a.t", {"spark_catalog"}) == "SPARK_CATALOG.a.t"
    assert TableName.parse("t", default_catalog="lake", default_namespace="a.b").namespace == (
        "a",
        "b",
    )
    assert NamespaceName.parse("sales", default_catalog="lake").full_name == "lake.sales"
    assert ColumnName.parse("lake.a.t.c") == TableName("lake", ("a",), "t").column("c")


# --- resolution


@pytest.mark.parametrize(
    ("text", "resource"),
    [
        ("lake", CatalogName("lake")),
        ("lake.a", NamespaceName("lake", ("a",))),
        ("lake.a.b", TableName("lake", ("a",), "b")),
        ("lake.a.b.c", TableName("lake", ("a", "b"), "c")),
        ("lake.a.b.d", ColumnName(TableName("lake", ("a",), "b"), ("d",))),
        ("lake.a.b.c.d.e", ColumnName(TableName("lake", ("a", "b"), "c"), ("d", "e"))),
        ("lake.a.t.snapshots", ColumnName(TableName("lake", ("a",), "t"), ("snapshots",))),
        ("a.t", TableName("lake", ("a",), "t")),
        ("a.t.`x.y`", ColumnName(TableName("lake", ("a",), "t"), ("x.y",))),
        ("Spark_Catalog.DEFAULT.T", TableName("spark_catalog", ("default",), "t")),
    ],
)
def test_longest_existing_prefix_decides(text: str, resource: Resource) -> None:
    exists = lake("lake.a.b", "lake.a.t", "spark_catalog.default.t")
    exists.tables.add(TableName("lake", ("a", "b"), "c"))
    assert resolve(text, exists, default_catalog="lake") == resource


def test_deeper_namespace_decides_before_a_shallower_table() -> None:
    exists = lake("lake.n.a", namespaces=("lake.n.a.b",))
    assert resolve("lake.n.a.b", exists) == NamespaceName("lake", ("n", "a", "b"))
    with pytest.raises(TableNotFoundError):
        resolve("lake.n.a.b.c", exists)


def test_catalog_wins_over_a_namespace_of_its_name() -> None:
    exists = lake("lake.lake.t")
    assert resolve("lake", exists, default_catalog="lake") == CatalogName("lake")
    with pytest.raises(NamespaceNotFoundError):
        resolve("lake.t", exists, default_catalog="lake")


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("hive", CatalogNotFoundError),
        ("hive.a.b", CatalogNotFoundError),
        ("lake.zzz", NamespaceNotFoundError),
        ("lake.a.ordrs", TableNotFoundError),
        ("lake.zzz.orders", TableNotFoundError),
        ("lake.`a.b`.t", TableNotFoundError),
    ],
)
def test_what_does_not_exist_is_named_and_nothing_else(text: str, error: type[Exception]) -> None:
    with pytest.raises(error) as refusal:
        resolve(text, lake("lake.a.orders"))
    message = str(refusal.value)
    assert quote_parts(parse_parts(text)) in message or parse_parts(text)[0] in message
    assert "orders" not in message.replace(text, "")
    assert "did you mean" not in message


def test_typed_resource_may_speak_of_the_future() -> None:
    future = TableName.parse("lake.not_yet.there")
    assert resolve(future, Existing()) is future


def test_empty_part_is_refused_before_anything_is_looked_up() -> None:
    with pytest.raises(InvalidNameError):
        resolve("lake.a.t.``", lake("lake.a.t"))


@given(part_lists)
def test_any_parts_resolve_or_are_refused(parts: list[str]) -> None:
    exists = lake("lake.a.t")
    with pytest.raises((InvalidNameError, TableNotFoundError, NamespaceNotFoundError)):
        resolve(["lake", "zzz", *parts], exists)


def test_nearest_name_ignores_case_and_gives_up() -> None:
    assert nearest("Ordrs", ["customers", "Orders"]) == "Orders"
    assert nearest("xyz", ["customers", "orders"]) is None
    assert nearest("x", []) is None


# --- creation


@pytest.mark.parametrize("name", ["lake.sales.`2024-orders`", "lake.`表`.t", "lake.a.`a b`"])
def test_ordinary_names_can_be_created(name: str) -> None:
    assert check_creatable(name) == parse_parts(name)


def test_typed_names_are_checked_as_well() -> None:
    assert check_creatable(TableName("lake", ("a",), "t")) == ("lake", "a", "t")
    with pytest.raises(InvalidNameError):
        check_creatable(TableName("lake", ("a",), ".."))


@pytest.mark.parametrize(
    "part",
    [
        "", ".", "..", "a/b", "../x", "a\\b", "a.b", "a?b", "a#b", "a:b", "a\x00", "a\nb", "a\x7f",
        " a", "a ", "a\u00a0", "a\u2028b", "a\u202eb", "a\u200bb", "x" * 256, "表" * 86,
    ],
)  # fmt: skip
def test_unsafe_names_can_not_be_created(part: str) -> None:
    with pytest.raises(InvalidNameError) as refusal:
        check_creatable(("lake", "a", part))
    assert len(str(refusal.value)) < 500
    assert str(refusal.value).isprintable()


@given(st.lists(text_parts, min_size=1))
def test_what_may_be_created_stays_inside_its_directory(parts: list[str]) -> None:
    try:
        check_creatable(parts)
    except InvalidNameError:
        return
    assert all(part not in {"", ".", ".."} and "/" not in part for part in parts)


def test_examples_in_docstrings_run() -> None:
    assert doctest.testmod(identifiers).failed == 0
