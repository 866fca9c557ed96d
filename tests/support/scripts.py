"""Python scripts in a process of their own, as a user runs them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

TIMEOUT_SECONDS = 900


@dataclass(frozen=True, slots=True)
class RunScript:
    """Runs scripts in one working folder, each with its own Spark."""

    folder: Path

    def __call__(
        self, source: str, *arguments: object, check: bool = True, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run Python source; with `check`, an exit code other than 0 fails the test."""
        command = [sys.executable, "-c", source, *map(str, arguments)]
        return self.command(command, check=check, environment=environment)

    def command(
        self,
        command: list[str],
        *,
        check: bool = True,
        environment: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run any command in the same way."""
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            cwd=self.folder,
            env={**os.environ, **(environment or {})},
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
        if check and done.returncode:
            raise AssertionError(f"exit {done.returncode}\n{done.stdout}\n{done.stderr[-6000:]}")
        return done
