"""Names mean what Spark means: each property is held against Spark's own code in the JVM.

`jvm` is the fixture that gives `spark._jvm` of a running session.
"""

import sys
import unicodedata
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from py4j.protocol import Py4JJavaError
from pyspark.errors import AnalysisException, ParseException

from iomete.errors import InvalidNameError
from iomete.names import (
    RESERVED_WORDS,
    CatalogName,
    column_key,
    fold,
    lower,
    parse_parts,
    quote,
    quote_parts,
)

against_spark = settings(
    max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

# Unicode 3.2 has the same case for every Java and Python. A capital sigma is left out:
# Java has its own idea of where a word ends, which matters only where such a name can't exist.
long_known = st.characters(exclude_categories=["Cs"], exclude_characters="Σ").filter(
    lambda character: unicodedata.ucd_3_2_0.category(character) != "Cn"
)
tokens = st.sampled_from(
    [
        *["a", "B", "z_", "1", "12", "1e5", "1e", "2L", "2s", "2y", "3f", "3d", "3bd", "3bdx"],
        *["1e5f", "0x1F", "é", "\u017f", "\u0131", "\u212a", "表", "😀", "IDENTIFIER", "x", "r"],
        *["select", "array", ">", ">>", "`", "``", "```", "`a`", "`a.b`", "`a``b`", '"', '"a"'],
        *[".", ".", ".", ".", ".", "'", "-", "--", "/*", "*/", "/*+", "//", "/**/", "+", "*", ";"],
        *[":", "://", "@", "#", "(", ")", "[", "]", "\\", " ", "\n", "\r", "\t", "\f", "\v"],
        *["\\\n", "--x\n", "\x00", "\x1c", "\x85", "\ufeff", "\u00a0", "\u1680", "\u180e"],
        *["\u2000", "\u200a", "\u200b", "\u2028", "\u2029", "\u202f", "\u205f", "\u3000"],
    ]
)
near_names = st.lists(tokens, max_size=12).map("".join)
comments = st.lists(
    st.sampled_from(["/*", "*/", "/", "*", "+", "-", "--", "\n", "\\", "a", ".", "`", " "]),
    max_size=14,
).map(lambda pieces: "a" + "".join(pieces))
numbers = st.from_regex(
    r"[a.]{0,2}[0-9]{1,2}[eE]?[0-9]?[a-zA-Z_]{0,3}\.?[0-9a-z]{0,2}", fullmatch=True
)
any_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


@pytest.fixture
def spark_parts(jvm: Any) -> Callable[[str], tuple[str, ...] | None]:
    """Spark's own `parseMultipartIdentifier`; None where it refuses."""
    parser = getattr(
        getattr(jvm.org.apache.spark.sql.catalyst.parser, "CatalystSqlParser$"), "MODULE$"
    )

    def parse(text: str) -> tuple[str, ...] | None:
        try:
            found = parser.parseMultipartIdentifier(text)
        except ParseException:
            return None
        except Py4JJavaError as error:
            if "ParseException" not in str(error.java_exception):
                raise
            return None
        return tuple(found.apply(index) for index in range(found.size()))

    return parse


def our_parts(text: str) -> tuple[str, ...] | None:
    try:
        return parse_parts(text)
    except InvalidNameError:
        return None


@given(text=st.one_of(near_names, comments, numbers, any_text))
@example(text="a--\\\r\n.b")
@example(text="a/* /*/ */ */")
@example(text="`a`` . `b`")
@against_spark
def test_same_text_gives_the_same_parts_or_is_refused_by_both(
    text: str, spark_parts: Callable[[str], tuple[str, ...] | None]
) -> None:
    assert our_parts(text) == spark_parts(text)


def test_every_keyword_parses_as_in_spark(
    jvm: Any, spark_parts: Callable[[str], tuple[str, ...] | None]
) -> None:
    for word in keywords(jvm):
        assert our_parts(word) == spark_parts(word) == (word,)


def test_reserved_words_are_those_that_spark_can_be_told_to_refuse(
    jvm: Any, spark_parts: Callable[[str], tuple[str, ...] | None]
) -> None:
    with spark_settings(jvm, "spark.sql.ansi.enabled", "spark.sql.ansi.enforceReservedKeywords"):
        refused = {word for word in keywords(jvm) if spark_parts(word) is None}
        quoted = {word for word in keywords(jvm) if spark_parts(quote(word)) == (word,)}
    assert refused == RESERVED_WORDS
    assert quoted == keywords(jvm)


@given(parts=st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1, max_size=5))
@against_spark
def test_spark_reads_back_what_we_quote(
    parts: list[str], spark_parts: Callable[[str], tuple[str, ...] | None]
) -> None:
    assert spark_parts(quote_parts(parts)) == tuple(parts)


@given(text=any_text)
@against_spark
def test_we_read_back_what_spark_quotes(text: str, jvm: Any) -> None:
    written = jvm.org.apache.spark.sql.catalyst.util.QuotingUtils.quoteIfNeeded(text)
    assert parse_parts(written) == (text,)


@given(text=st.text(long_known, max_size=12))
@against_spark
def test_lower_case_is_that_of_javas_root_locale(text: str, jvm: Any) -> None:
    root = jvm.java.util.Locale.ROOT
    assert lower(text) == jvm.org.apache.commons.lang3.StringUtils.lowerCase(text, root)


def test_every_character_folds_as_in_java(jvm: Any) -> None:
    java, strings = jvm.java.lang.Character, jvm.org.apache.commons.lang3.StringUtils
    assigned = [
        character
        for code in range(sys.maxunicode + 1)
        if unicodedata.category(character := chr(code)) not in {"Cn", "Cs"}
    ]
    for character in filter(has_case, assigned):
        code = ord(character)
        if java.isDefined(code):  # Java may follow an older Unicode than Python
            assert ord(fold(character)) == java.toLowerCase(java.toUpperCase(code))
    without_case = "".join(character for character in assigned if not has_case(character))
    assert fold(without_case) == strings.lowerCase(strings.upperCase(without_case))


@given(data=st.data(), left=st.text(long_known, min_size=1, max_size=6))
@against_spark
def test_fold_is_equal_exactly_where_spark_resolves(
    data: st.DataObject, left: str, jvm: Any
) -> None:
    right = data.draw(respelled(left))
    assert (fold(left) == fold(right)) == case_insensitive(jvm)(left, right)


names_in_columns = st.text(
    st.sampled_from("aAiIİ\u0131\u017fsSßkK\u212aάΆµμéÉ\u0307 `.-"), min_size=1, max_size=4
)


@given(data=st.data(), declared=names_in_columns)
@settings(against_spark, max_examples=150)
def test_column_keys_are_equal_exactly_where_spark_finds_the_column(
    data: st.DataObject, declared: str, jvm: Any
) -> None:
    asked = data.draw(respelled(declared))
    session = jvm.org.apache.spark.sql.SparkSession.active()
    try:
        session.sql(f"SELECT {quote(asked)} FROM (SELECT 1 AS {quote(declared)})")
        found = True
    except AnalysisException as error:
        if error.getCondition() != "UNRESOLVED_COLUMN.WITH_SUGGESTION":
            raise
        found = False
    assert found == (column_key(declared) == column_key(asked))


@pytest.mark.parametrize("name", ["spark_catalog", "SPARK_CATALOG", "\u017fpark_catalog", "lake"])
def test_session_catalog_is_known_by_any_case(name: str, jvm: Any) -> None:
    assert CatalogName(name).is_session_catalog == case_insensitive(jvm)(name, "spark_catalog")
    if CatalogName(name).is_session_catalog:
        session = jvm.org.apache.spark.sql.SparkSession.active()
        catalog = session.sessionState().catalogManager().catalog(name)
        assert catalog.name() == "spark_catalog"


def keywords(jvm: Any) -> set[str]:
    """All words of Spark's lexer, from its vocabulary."""
    vocabulary = jvm.org.apache.spark.sql.catalyst.parser.SqlBaseLexer.VOCABULARY
    literals = (vocabulary.getLiteralName(kind) for kind in range(vocabulary.getMaxTokenType() + 1))
    words = {literal.strip("'") for literal in literals if literal}
    several = {"RLIKE", "REGEXP", "TEMPORARY", "TEMP", "ARRAY", "MAP", "STRUCT"}
    return {word for word in words if word.replace("_", "").isalpha()} | several


def case_insensitive(jvm: Any) -> Callable[[str, str], bool]:
    analysis = getattr(getattr(jvm.org.apache.spark.sql.catalyst.analysis, "package$"), "MODULE$")
    return analysis.caseInsensitiveResolution().apply  # type: ignore[no-any-return]


def has_case(character: str) -> bool:
    return not character == character.upper() == character.lower() == character.title()


@st.composite
def respelled(draw: st.DrawFn, text: str) -> str:
    """The text with the case of its letters changed at random, or a letter replaced."""
    changes: list[Callable[[str], str]] = [str, str.upper, str.lower, str.title, str.swapcase, fold]
    spelled = "".join(draw(st.sampled_from(changes))(character) for character in text)
    return spelled or text


class spark_settings:  # noqa: N801 - reads as a statement
    """Switch settings of the active session on for a while."""

    def __init__(self, jvm: Any, *names: str) -> None:
        self.conf = jvm.org.apache.spark.sql.SparkSession.active().conf()
        self.names = names

    def __enter__(self) -> None:
        self.before = {name: self.conf.get(name) for name in self.names}
        for name in self.names:
            self.conf.set(name, "true")

    def __exit__(self, *_: object) -> None:
        for name, value in self.before.items():
            self.conf.set(name, value)
