"""Which policies files own: those that they have made, known by a label.

The label is a Ranger policy label (`RangerPolicy.policyLabels`), which decides nothing. A lakehouse
gives it; an import doesn't bring it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from iomete.governance.documents.document import LABELS

if TYPE_CHECKING:
    from iomete.governance.documents.document import Document

_PREFIX = "as-code:"


def project_of(document: Document) -> str | None:
    """Return the project whose files own a policy; None of one that people have made by hand."""
    owners = (label for label in document.get(LABELS) or () if label.startswith(_PREFIX))
    label = next(owners, None)
    return None if label is None else label.removeprefix(_PREFIX)


def owned_by(document: Document, project: str, *, labels: object = None) -> Document:
    """Return a document as the one that a project's files own; other labels stay.

    Args:
        document: Of a policy.
        project: Who owns it.
        labels: Those that the policy has had.
    """
    had = labels if isinstance(labels, list) else document.get(LABELS) or []
    others = [label for label in had if not label.startswith(_PREFIX)]
    return document | {LABELS: [*others, f"{_PREFIX}{project}"]}
