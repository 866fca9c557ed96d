"""Spark's errors, translated once, at the border."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from iomete.errors import EngineError, QueryDeniedError, QueryError

MISSING = {"TABLE_OR_VIEW_NOT_FOUND", "SCHEMA_NOT_FOUND"}
NOT_PERMITTED = "42501"  # SQLSTATE: insufficient privilege
AWAITED = "Exception thrown in awaitResult"  # a wrapping that says nothing
MAX_CAUSES = 20


@contextmanager
def translate_errors() -> Iterator[None]:
    """Turn what Spark raises inside the block into `QueryError`, without the JVM's stack.

    Raises:
        QueryError: With Spark's message, error condition and SQLSTATE.
        QueryDeniedError: If the principal may not do what was asked for.
        EngineError: If the Java process is gone.
    """
    from py4j.protocol import Py4JJavaError, Py4JNetworkError
    from pyspark.errors import PySparkException

    try:
        yield
    except PySparkException as error:
        raise as_query_error(error) from error
    except Py4JJavaError as error:
        raise _from_java(error.java_exception) from error
    except BrokenPipeError:  # who reads our output has gone, not the Java process
        raise
    except (Py4JNetworkError, ConnectionError, EOFError) as error:
        raise EngineError(
            "The Java process behind this lakehouse has ended.",
            hint="call iomete.connect() again",
        ) from error


def as_query_error(error: Exception) -> QueryError:
    """Return what a PySpark exception says, as a `QueryError`."""
    message = str(error) or f"Spark gave no reason ({type(error).__name__})"
    return _query_error(message, _call(error, "getCondition"), _call(error, "getSqlState"))


def _from_java(thrown: Any) -> QueryError:
    """Return what a Java exception says: the first of its causes that Spark has a name for."""
    causes = list(_causes(thrown))
    for cause in causes:
        if condition := _call(cause, "getCondition"):
            message = _call(cause, "getMessage") or condition
            return _query_error(message, condition, _call(cause, "getSqlState"))
    telling = (text for text in map(str, causes) if AWAITED not in text)
    return QueryError(_first_lines(next(telling, str(thrown))))


def _causes(thrown: Any) -> Iterator[Any]:
    for _ in range(MAX_CAUSES):
        yield thrown
        thrown = _call(thrown, "getCause")
        if thrown is None:
            return


def _query_error(text: str, condition: str | None, state: str | None) -> QueryError:
    message, hint = _first_lines(text), None
    if condition in MISSING:
        # Spark's advice speaks of DROP and of current_schema(), whatever the statement was
        found = re.search(r"SQLSTATE: \w+.*", message)
        message = message.split(" Verify the spelling")[0] + (f" {found[0]}" if found else "")
        hint = "`SHOW NAMESPACES IN lake` and `SHOW TABLES IN lake.<namespace>` list what is there"
    kind = QueryDeniedError if state == NOT_PERMITTED else QueryError
    return kind(message, condition=condition, sql_state=state, hint=hint)


def _call(asked: Any, method: str) -> Any:
    """Return what a method of an exception answers; None if it has none such."""
    from py4j.protocol import Py4JError

    try:
        return getattr(asked, method)()
    except (AttributeError, Py4JError):  # Java's objects tell only when they are called
        return None


def _first_lines(text: str) -> str:
    """Keep the message, and the statement's excerpt, and drop the plan and the JVM's stack."""
    message = re.split(
        r"\n\s*at (?=[\w.$/@<>-]+\()|\n'?[A-Z]\w+ .*\n[ :]*\+-|\nJVM stacktrace", text
    )[0]
    return message.split(";\n")[0].strip().rstrip(";")
