"""The evaluator's answers in the form that the Java engine's come in."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from iomete.governance.evaluator import Contents, Evaluator, MaskInForce, PolicyBook

_JAVA = {
    "MASK": "Redact",
    "MASK_HASH": "Hash",
    "MASK_NULL": "Nullify",
    "MASK_SHOW_LAST": "ShowLast({})",
}


def answers(bundle: str, questions: list[dict[str, Any]]) -> list[Any]:
    """Answer questions by the evaluator."""
    book = PolicyBook(Contents.of_bundle(json.loads(bundle)))
    return [answer(book.at(datetime.fromtimestamp(q["at"] / 1000, UTC)), q) for q in questions]


def answer(evaluator: Evaluator, question: dict[str, Any]) -> Any:
    who, parts = question["who"], tuple(question["parts"])
    match question["kind"]:
        case "read":
            found = evaluator.read(who, parts, question["columns"])
            return {
                "visible": sorted(found.visible),
                "denied": sorted(found.denied),
                "masks": {column: _mask(mask) for column, mask in sorted(found.masks.items())},
                "filter": found.filter and [found.filter.predicate, found.filter.policy],
                "policies": list(found.policies),
            }
        case "known" if len(parts) == 1:
            return evaluator.known_names.knows_catalog(who, *parts)
        case "known" if len(parts) == 2:
            return evaluator.known_names.knows_namespace(who, *parts)
        case "known":
            return evaluator.known_names.knows_table(who, parts)
        case "allowed":
            return evaluator.is_allowed(who, question["action"], parts)
    return evaluator.is_path_allowed(who, question["action"], parts[0])


def _mask(mask: MaskInForce) -> list[Any]:
    return [_JAVA[mask.type].format(mask.value), mask.policy]
