"""Policies decided in Python: the same Ranger documents, the answers of the engine in Spark.

Pure functions over values: nothing here needs Spark, a Java process or a database.
"""

from iomete.governance.evaluator.book import PolicyBook
from iomete.governance.evaluator.contents import Attachment, Contents
from iomete.governance.evaluator.decisions import (
    Access,
    FilterInForce,
    MaskInForce,
    ReadDecision,
    Rule,
    Said,
)
from iomete.governance.evaluator.evaluator import Evaluator
from iomete.governance.evaluator.gate import PolicyGate
from iomete.governance.evaluator.policies import ACTIONS, CompiledPolicy
from iomete.governance.evaluator.subjects import Memberships, Subject, User

__all__ = [
    "ACTIONS",
    "Access",
    "Attachment",
    "CompiledPolicy",
    "Contents",
    "Evaluator",
    "FilterInForce",
    "MaskInForce",
    "Memberships",
    "PolicyBook",
    "PolicyGate",
    "ReadDecision",
    "Rule",
    "Said",
    "Subject",
    "User",
]
