"""The evaluator and the policy engine of the jar give the same answers."""

from __future__ import annotations

import os
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.evaluator.answering import answers
from support.evaluator.engine import RangerEngine, sealed
from support.evaluator.worlds import bundles, questions

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "250"))
"""Bundles in a run; each is asked 40 questions."""


def differences(
    ranger: RangerEngine, bundle: dict[str, Any], asked: list[dict[str, Any]]
) -> list[str]:
    text = sealed(bundle)
    theirs, ours = ranger.ask(text, asked), answers(text, asked)
    return [
        f"{question}\n  ranger: {one}\n  evaluator: {other}"
        for question, one, other in zip(asked, theirs, ours, strict=True)
        if one != other
    ]


def policies_of(bundle: dict[str, Any]) -> list[Any]:
    services = bundle["services"]
    listed = [*services["policies"], *services["tagPolicies"]["policies"]]
    return [policy for policy in listed if policy["id"] >= 100]


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(data=st.data())
def test_generated_policies_are_decided_alike(ranger: RangerEngine, data: st.DataObject) -> None:
    bundle, asked = data.draw(bundles(), label="bundle"), data.draw(questions(), label="questions")
    found = differences(ranger, bundle, asked)
    assert not found, "\n".join(map(str, [*policies_of(bundle), *found]))
