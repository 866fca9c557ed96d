"""Spark's errors, translated once, at the border."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from iomete.errors import EngineError, QueryError


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
    return QueryError(
        _first_lines(str(error)), condition=condition, sql_state=_call(error, "getSqlState")
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
