"""Spark's errors, translated once, at the border."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from iomete.errors import EngineError, QueryError

MISSING = {"TABLE_OR_VIEW_NOT_FOUND", "SCHEMA_NOT_FOUND"}


@contextmanager
def translate_errors() -> Iterator[None]:
    """Turn what Spark raises inside the block into `QueryError`, without the JVM's stack.

    Raises:
        QueryError: With Spark's message, error condition and SQLSTATE.
        EngineError: If the Java process is gone.
    """
    from py4j.protocol import Py4JJavaError, Py4JNetworkError
    from pyspark.errors import PySparkException

    try:
        yield
    except PySparkException as error:
        raise as_query_error(error) from error
    except Py4JJavaError as error:
        raise QueryError(_first_lines(str(error.java_exception))) from error
    except (Py4JNetworkError, ConnectionError) as error:
        raise EngineError(
            "The Java process behind this lakehouse has ended.",
            hint="call close(), then iomete.connect() again",
        ) from error


def as_query_error(error: Exception) -> QueryError:
    """Return what a PySpark exception says, as a `QueryError`."""
    condition = _call(error, "getCondition")
    message, hint = (
        _first_lines(str(error)) or f"Spark gave no reason ({type(error).__name__})",
        None,
    )
    if condition in MISSING:
        # Spark's advice speaks of DROP and of current_schema(), whatever the statement was
        state = re.search(r"SQLSTATE: \w+.*", message)
        message = message.split(" Verify the spelling")[0] + (f" {state[0]}" if state else "")
        hint = "`SHOW NAMESPACES IN lake` and `SHOW TABLES IN lake.<namespace>` list what is there"
    return QueryError(
        message, condition=condition, sql_state=_call(error, "getSqlState"), hint=hint
    )


def _call(error: Exception, method: str) -> str | None:
    asked = getattr(error, method, None)
    answer = asked() if asked is not None else None
    return answer if isinstance(answer, str) else None


def _first_lines(text: str) -> str:
    """Keep the message, and the statement's excerpt, and drop the plan and the JVM's stack."""
    message = re.split(
        r"\n\s*at (?=[\w.$/@<>-]+\()|\n'?[A-Z]\w+ .*\n[ :]*\+-|\nJVM stacktrace", text
    )[0]
    return message.split(";\n")[0].strip().rstrip(";")
