from __future__ import annotations

from types import SimpleNamespace

import pytest
from py4j.protocol import Py4JJavaError, Py4JNetworkError
from pyspark.errors import AnalysisException, PySparkException

from iomete.engine import as_query_error, translate_errors
from iomete.errors import EngineError, QueryError

NOT_FOUND = (
    "[TABLE_OR_VIEW_NOT_FOUND] The table or view `lake`.`s`.`ordrs` cannot be found. Verify the "
    "spelling and correctness of the schema and catalog.\n"
    "To tolerate the error on drop use DROP VIEW IF EXISTS or DROP TABLE IF EXISTS. "
    "SQLSTATE: 42P01; line 1 pos 14"
)
PLAN = "'Project [*]\n+- 'UnresolvedRelation [lake, s, ordrs], [], false\n"
JOIN = (
    "'Project [*]\n+- 'Join Inner\n   :- 'UnresolvedRelation [a], [], false\n   +- OneRowRelation\n"
)
LEAF = "'UnresolvedRelation [lake, s, ordrs], [], false\n"
STACK = (
    "org.apache.spark.sql.catalyst.ExtendedAnalysisException: {0}\n"
    "\tat org.apache.spark.sql.catalyst.analysis.package$.fail(package.scala:91)\n"
    "\tat java.base/java.lang.Thread.run(Thread.java:840)\n"
)
SYNTAX = (
    "[PARSE_SYNTAX_ERROR] Syntax error at or near 'SELEC'. SQLSTATE: 42601 (line 1, pos 0)\n\n"
    "== SQL ==\nSELEC 1\n^^^"
)


class Refused(PySparkException):
    """As the JVM's errors come, but without a JVM."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text

    def __str__(self) -> str:
        return self.text

    def getCondition(self) -> str:  # noqa: N802  # PySpark's name
        return self.text.split("]")[0].lstrip("[")

    def getSqlState(self) -> str:  # noqa: N802  # PySpark's name
        return "42P01"


class JavaException:
    _target_id = "o1"
    _gateway_client = SimpleNamespace()

    def __init__(self, text: str) -> None:
        self.text = text

    def __str__(self) -> str:
        return self.text


@pytest.mark.parametrize("plan", [PLAN, JOIN, LEAF])
@pytest.mark.parametrize("stack", ["", "\n\nJVM stacktrace:\n" + STACK.format(NOT_FOUND)])
def test_plan_and_stack_are_left_out(plan: str, stack: str) -> None:
    error = as_query_error(Refused(f"{NOT_FOUND};\n{plan}{stack}"))
    assert error.message == (
        "[TABLE_OR_VIEW_NOT_FOUND] The table or view `lake`.`s`.`ordrs` cannot be found. "
        "SQLSTATE: 42P01; line 1 pos 14"
    )
    assert "SHOW TABLES" in str(error.hint)
    assert (error.condition, error.sql_state) == ("TABLE_OR_VIEW_NOT_FOUND", "42P01")


def test_a_syntax_error_shows_where() -> None:
    error = as_query_error(Refused(SYNTAX + "\n\n\nJVM stacktrace:\n" + STACK.format(SYNTAX)))
    assert error.message == SYNTAX


@pytest.mark.parametrize(
    "frame",
    [
        "org.apache.spark.sql.errors.QueryExecutionErrors$.divide(QueryExecutionErrors.scala:203)",
        "java.base/java.lang.Math.addExact(Math.java:883)",
        "java.base@17.0.15/java.lang.Math.addExact(Math.java:883)",
        "app//org.apache.spark.executor.Executor$TaskRunner.run(Executor.scala:679)",
        "org.apache.spark.SparkContext.<init>(SparkContext.scala:611)",
        "org.apache.spark.sql.catalyst.Gen$Iterator.processNext(Unknown Source)",
    ],
)
def test_a_failed_task_says_why_without_its_frames(frame: str) -> None:
    cause = "Job aborted due to stage failure: java.lang.ArithmeticException: overflow"
    text = f"{cause}\n\tat {frame}\n\tat org.apache.spark.x.y(Z.scala:1)\n\nDriver stacktrace:"
    assert as_query_error(Refused(text)).message == cause


def test_words_that_look_like_a_frame_stay() -> None:
    text = "[X] look\nat the plan (first)"
    assert as_query_error(Refused(text)).message == text


def test_sparks_error_is_translated_and_kept_as_the_cause() -> None:
    raised = AnalysisException("[X] no;\n" + PLAN)
    with pytest.raises(QueryError, match=r"^\[X\] no$") as caught, translate_errors():
        raise raised
    assert caught.value.__cause__ is raised
    assert (caught.value.condition, caught.value.sql_state) == (None, None)


def test_what_java_throws_is_translated() -> None:
    thrown = JavaException(
        "java.lang.IllegalStateException: closed\n\tat java.base/x.Y.z(Y.java:1)"
    )
    with pytest.raises(QueryError) as caught, translate_errors():
        raise Py4JJavaError("An error occurred while calling o1.sql", thrown)
    assert caught.value.message == "java.lang.IllegalStateException: closed"


class Caused(JavaException):
    """A Java exception that has a cause, and a name if it is Spark's."""

    def __init__(self, text: str, condition: str | None, cause: JavaException | None) -> None:
        super().__init__(f"org.apache.spark.SparkException: {text}")
        self.getMessage = lambda: text
        self.getCondition = lambda: condition
        self.getSqlState = lambda: "P0001" if condition else None
        self.getCause = lambda: cause


AWAITED = "Exception thrown in awaitResult:"


def test_the_cause_that_spark_names_is_the_error() -> None:
    raised = Caused("[USER_RAISED_EXCEPTION] no SQLSTATE: P0001", "USER_RAISED_EXCEPTION", None)
    thrown = Caused(AWAITED, None, Caused("Job aborted", None, raised))
    with pytest.raises(QueryError) as caught, translate_errors():
        raise Py4JJavaError("An error occurred while calling o1.getResult", thrown)
    assert caught.value.message == "[USER_RAISED_EXCEPTION] no SQLSTATE: P0001"
    assert (caught.value.condition, caught.value.sql_state) == ("USER_RAISED_EXCEPTION", "P0001")


def test_without_a_named_cause_the_first_that_tells_something_is_the_error() -> None:
    thrown = Caused(AWAITED, None, JavaException("java.io.IOException: lost\n\tat a.B.c(D.java:1)"))
    with pytest.raises(QueryError, match=r"^java\.io\.IOException: lost$"), translate_errors():
        raise Py4JJavaError("An error occurred while calling o1.getResult", thrown)


def test_a_reader_that_has_gone_is_no_error_of_the_engine() -> None:
    with pytest.raises(BrokenPipeError), translate_errors():
        raise BrokenPipeError


@pytest.mark.parametrize("raised", [Py4JNetworkError("gone"), ConnectionRefusedError(111, "no")])
def test_a_java_process_that_is_gone_is_an_error_of_the_engine(raised: Exception) -> None:
    with (
        pytest.raises(EngineError, match=r"ended.*Hint: call iomete"),
        translate_errors(),
    ):
        raise raised


def test_other_errors_pass() -> None:
    with pytest.raises(KeyError), translate_errors():
        raise KeyError("x")
