"""Paths as policies have them: `s3a://bucket/key` is `/s3:/bucket/key`.

The Java side writes them so for Ranger, whose matcher takes paths apart at slashes.
"""

from __future__ import annotations

import re

_LOCATED = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):/*(.*)", re.DOTALL)
_SAME_STORE = {"s3a": "s3", "s3n": "s3", "abfss": "abfs", "wasbs": "wasb"}
_EVERY_PATH = frozenset({"*", "/", "/*"})


def canonical(path: str) -> str | None:
    """Return a location as policies have it; None if it is relative, or has `.` or `..` in it.

    >>> canonical("s3a://bucket//key/")
    '/s3:/bucket/key'
    """
    located = _LOCATED.fullmatch(path)
    if located:
        scheme, rest = located[1].lower(), located[2]
    elif path.startswith("/"):
        scheme, rest = "file", path
    else:
        return None
    steps = [step for step in rest.split("/") if step]
    if any(step in (".", "..") for step in steps):
        return None
    return f"/{_SAME_STORE.get(scheme, scheme)}:" + "".join(f"/{step}" for step in steps)


def policy_value(value: str) -> str | None:
    """Return a policy's path as `canonical` writes paths; `*`, `/` and `/*` are all of them."""
    return "/*" if value in _EVERY_PATH else canonical(value)
