"""Ending processes that a test has started."""

from __future__ import annotations

import subprocess

STOP_SECONDS = 20


def end(process: subprocess.Popen[bytes]) -> None:
    """Ask a process to end, and make it if it doesn't."""
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
