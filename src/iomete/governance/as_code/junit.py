"""Test reports in the XML that CI servers read, as Ant's JUnit task began it.

There is no standard; this keeps to what Jenkins' and GitLab's readers take: `testsuites`,
`testsuite`, `testcase`, `failure`, `error`.
"""

from __future__ import annotations

import os
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET  # written only, never read

from iomete.errors import ConfigurationError
from iomete.governance.as_code.testing import PolicyTestReport, PolicyTestResult, PolicyTestVerdict

if TYPE_CHECKING:
    from collections.abc import Sequence

_ELEMENTS = {PolicyTestVerdict.FAILED: "failure", PolicyTestVerdict.UNKNOWN: "error"}


def write_junit(report: PolicyTestReport, path: str | os.PathLike[str]) -> None:
    """Write a report to a file, a suite for each policy file.

    Raises:
        ConfigurationError: The file can't be written.
    """
    try:
        Path(path).write_text(junit_xml(report), "utf-8")
    except OSError as error:
        raise ConfigurationError(
            f"`{path}` can't be written: {error.strerror}.", hint="name another file"
        ) from error


def junit_xml(report: PolicyTestReport) -> str:
    """Return a report as XML."""
    root = ET.Element("testsuites", {"name": "iomete policies", **_counts(report.results)})
    for file, results in groupby(report.results, key=_file_of):
        listed = list(results)
        suite = ET.SubElement(root, "testsuite", {"name": _text(file), **_counts(listed)})
        for result in listed:
            _add_case(suite, file, result)
    ET.indent(root)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _add_case(suite: ET.Element, file: str, result: PolicyTestResult) -> None:
    case = ET.SubElement(
        suite,
        "testcase",
        {
            "classname": _text(file),
            "name": _text(result.name),
            "file": _text(file),
            "line": result.place.rpartition(":")[2],
            "time": f"{result.seconds:.6f}",
        },
    )
    if result.verdict in _ELEMENTS:
        message = f"expected {result.expected}, found {result.found}"
        attributes = {"message": _text(message)}
        problem = ET.SubElement(case, _ELEMENTS[result.verdict], attributes)
        problem.text = _text(f"{result.place}: {message}\n{result.reason}")
    if result.note:
        ET.SubElement(case, "system-out").text = _text(result.note)


def _counts(results: Sequence[PolicyTestResult]) -> dict[str, str]:
    report = PolicyTestReport(results=tuple(results))
    return {
        "tests": str(len(results)),
        "failures": str(report.count(PolicyTestVerdict.FAILED)),
        "errors": str(report.count(PolicyTestVerdict.UNKNOWN)),
        "time": f"{sum(result.seconds for result in results):.6f}",
    }


def _file_of(result: PolicyTestResult) -> str:
    return result.place.rpartition(":")[0]


def _text(text: str) -> str:
    """Return a text without what XML 1.0 can't hold."""
    allowed = (c if c.isprintable() or c in "\n\t" else "\ufffd" for c in text)
    return "".join(allowed)
