"""Ranger's own engine in a small Java process, and what it is asked."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from importlib.resources import files
from pathlib import Path
from typing import Any

import pyspark

from iomete.engine.java import find_java

Question = dict[str, Any]
_SOURCE = Path(__file__).with_name("RangerAnswers.java")


def sealed(bundle: dict[str, Any]) -> str:
    """Return a bundle's text as it is published."""
    body = json.dumps(bundle, ensure_ascii=False, separators=(",", ":"))[:-1]
    digest = hashlib.sha256(body.encode()).hexdigest()
    return f'{body},"sha256":"{digest}"}}'


class RangerEngine:
    """The jar's policy engine; one process answers for many bundles."""

    def __init__(self, folder: Path) -> None:
        (jar,) = (Path(str(files("iomete"))) / "jars").glob("*.jar")
        class_path = f"{jar}:{Path(pyspark.__file__).parent / 'jars'}/*"
        self._errors = (folder / "engine.log").open("w+")
        self._process = subprocess.Popen(
            [
                str(find_java().home / "bin" / "java"),
                "-XX:TieredStopAtLevel=1",
                "-Xmx1g",
                "-cp",
                class_path,
                str(_SOURCE),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            encoding="utf-8",
        )

    def ask(self, bundle: str, questions: Sequence[Question]) -> list[Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps({"bundle": bundle, "questions": questions}) + "\n")
            self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            self._errors.seek(0)
            raise AssertionError(f"The engine has ended: {self._errors.read()[-4000:]}\n{bundle}")
        return list(json.loads(line))

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(timeout=30)
        self._process.stdout.close()
        self._errors.close()
