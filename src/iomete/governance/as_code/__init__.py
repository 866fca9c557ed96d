"""Policies as code: files that say what the policies of a lakehouse are.

Files are read (`files`), compared with the store (`plan`), and what differs is done in one
transaction (`applying`). They own the policies that they have made, and no others (`ownership`).
"""

from iomete.governance.as_code.exchange import PolicyFiles
from iomete.governance.as_code.plan import (
    Effect,
    Effects,
    FieldChange,
    PlannedAction,
    PlannedChange,
    PolicyPlan,
)
from iomete.governance.as_code.testing import (
    Answer,
    Answers,
    AnswersAfter,
    PolicyTestReport,
    PolicyTestResult,
    PolicyTestVerdict,
)

__all__ = [
    "Answer",
    "Answers",
    "AnswersAfter",
    "Effect",
    "Effects",
    "FieldChange",
    "PlannedAction",
    "PlannedChange",
    "PolicyFiles",
    "PolicyPlan",
    "PolicyTestReport",
    "PolicyTestResult",
    "PolicyTestVerdict",
]
