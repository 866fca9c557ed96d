"""The Java process behind an embedded session: launched, listened to, ended."""

from __future__ import annotations

import codecs
import os
import re
import shlex
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

from iomete.errors import EngineStartError

if TYPE_CHECKING:
    from py4j.java_gateway import JavaGateway

    from iomete.engine.java import Java

END_TIMEOUT_SECONDS = 20
REMEMBERED_LINES = 60
BOOT_NOISE = (
    b"WARNING: Using incubator modules",
    b"Picked up JAVA_TOOL_OPTIONS",
    b"NOTE: Picked up JDK_JAVA_OPTIONS",
    b"Setting default log level",
    b"To adjust logging level",
    b"Setting Spark log level",
)


class JavaProcess:
    """A JVM with PySpark's gateway in it, which ends when this Python process does."""

    def __init__(self, gateway: JavaGateway, stderr: StderrRelay) -> None:
        self.gateway = gateway
        self._process: subprocess.Popen[bytes] = gateway.proc
        self._parent = os.getpid()
        self._stderr = stderr

    @property
    def pid(self) -> int:
        """Process id of the JVM."""
        return self._process.pid

    @property
    def is_ours(self) -> bool:
        """Tell whether this process started the JVM, rather than being forked from one that did."""
        return os.getpid() == self._parent

    def is_alive(self) -> bool:
        """Tell whether the JVM still runs."""
        return self._process.poll() is None

    def booted(self) -> None:
        """Say that Spark is up: what the JVM writes from now on is passed on as it is."""
        self._stderr.booted()

    def end(self, *, wait: bool = True, patience: float = END_TIMEOUT_SECONDS) -> None:
        """End the JVM by closing its standard input, as PySpark does when Python ends.

        Args:
            wait: Return once it has ended; otherwise it is left to write what it writes at exit.
            patience: Seconds after which a JVM that is waited for is killed.
        """
        from py4j.protocol import Py4JError

        with suppress(Py4JError, OSError):  # it may be gone already
            self.gateway.shutdown()
        if self._process.stdin:
            self._process.stdin.close()
        if not wait:
            threading.Thread(target=self._process.wait, daemon=True).start()
            return
        try:
            self._process.wait(patience)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def launch(
    configuration: Mapping[str, str],
    *,
    java: Java,
    environment: Mapping[str, str],
    meanwhile: Callable[[], object],
) -> JavaProcess:
    """Start a JVM with this Spark configuration and connect to it.

    `meanwhile` is called when the JVM is about to start, to begin something in another thread.

    The configuration goes by a file that only its owner can read, and that is removed at once:
    a command line would show passwords to everyone on the machine.

    Raises:
        EngineStartError: If it ends before it can be used; with the last lines that it wrote.
    """
    from pyspark.errors import PySparkRuntimeError
    from pyspark.java_gateway import launch_gateway

    read_end, write_end = os.pipe()
    stderr = StderrRelay(os.fdopen(read_end, "rb", buffering=0))
    with _properties_file(configuration) as file:
        given_arguments = os.environ.get("PYSPARK_SUBMIT_ARGS", "")
        arguments = f"--properties-file {shlex.quote(str(file))} {given_arguments}".rstrip()
        if "pyspark-shell" not in arguments:
            arguments += " pyspark-shell"
        given = {"JAVA_HOME": str(java.home), "PYSPARK_SUBMIT_ARGS": arguments, **environment}
        try:
            with _environment(given):
                meanwhile()
                gateway = launch_gateway(popen_kwargs={"stderr": write_end})  # type: ignore[no-untyped-call]
        except PySparkRuntimeError as error:
            os.close(write_end)
            stderr.join()
            raise EngineStartError(
                f"The Java process ended before Spark was up. It said: {stderr.tail()}",
                hint="check `engine.driver_memory` and the options in `engine.spark`",
            ) from error
    os.close(write_end)
    return JavaProcess(gateway, stderr)


class StderrRelay(threading.Thread):
    """Copies what the JVM writes to stderr, less its boot noise, and remembers the last lines.

    By this, progress bars and log lines also reach a notebook's cell.
    """

    def __init__(self, source: IO[bytes]) -> None:
        super().__init__(name="iomete-jvm-stderr", daemon=True)
        self._source = source
        self._last: deque[str] = deque(maxlen=REMEMBERED_LINES)
        self._booting = True
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self.start()

    def run(self) -> None:
        """Copy until the JVM closes its end: whole lines while it boots, then as they come."""
        pending = b""
        with self._source:
            while chunk := os.read(self._source.fileno(), 65536):
                pending += chunk
                end = pending.rfind(b"\n") + 1 if self._booting else len(pending)
                self._copy(pending[:end])
                pending = pending[end:]
        self._copy(pending)

    def booted(self) -> None:
        """Stop looking for boot noise, and for whole lines: progress bars have none."""
        self._booting = False

    def tail(self) -> str:
        """Return the last lines, oldest first."""
        return "\n".join(self._last) or "nothing"

    def _copy(self, written: bytes) -> None:
        if self._booting:
            lines = written.splitlines(keepends=True)
            written = b"".join(line for line in lines if not line.startswith(BOOT_NOISE))
        text = self._decoder.decode(written)
        self._last.extend(line for line in text.splitlines() if line.strip())
        try:
            sys.stderr.write(text)
            sys.stderr.flush()
        except (OSError, ValueError):  # stderr was closed: keep draining, or the JVM blocks
            return


@contextmanager
def _properties_file(configuration: Mapping[str, str]) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="iomete-") as folder:  # made with mode 0700
        file = Path(folder) / "spark.properties"
        file.write_text(format_properties(configuration), "utf-8")
        yield file


def format_properties(configuration: Mapping[str, str]) -> str:
    """Write configuration as a Java properties file (java.util.Properties, "load")."""
    lines = (f"{_escaped_key(k)}={_escaped(v)}\n" for k, v in sorted(configuration.items()))
    return "".join(lines)


def _escaped(text: str) -> str:
    escaped = _on_one_line(text)
    return "\\" + escaped if escaped.startswith((" ", "\t", "\f")) else escaped


def _escaped_key(key: str) -> str:
    return re.sub(r"([:=\s#!])", r"\\\1", _on_one_line(key))


def _on_one_line(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """Set variables for the child that is started meanwhile."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
