"""Answers about policies: why, who, what, what if, and what is wrong.

Pure functions over an evaluator and what exists; nothing here needs Spark or a database.
"""

from iomete.governance.answers.draft import Draft
from iomete.governance.answers.effects import Effect, EffectKind, Effects, Simulation
from iomete.governance.answers.explaining import Explainer
from iomete.governance.answers.explanation import (
    ColumnSeen,
    ConsideredPolicy,
    Explanation,
    Outcome,
    ShownAs,
    TagPath,
)
from iomete.governance.answers.finding import Finding, FindingKind
from iomete.governance.answers.findings import find_findings
from iomete.governance.answers.reach import TagOrigins
from iomete.governance.answers.rights import Holder, Right, holders_of, rights_of
from iomete.governance.answers.simulation import simulate

__all__ = [
    "ColumnSeen",
    "ConsideredPolicy",
    "Draft",
    "Effect",
    "EffectKind",
    "Effects",
    "Explainer",
    "Explanation",
    "Finding",
    "FindingKind",
    "Holder",
    "Outcome",
    "Right",
    "ShownAs",
    "Simulation",
    "TagOrigins",
    "TagPath",
    "find_findings",
    "holders_of",
    "rights_of",
    "simulate",
]
