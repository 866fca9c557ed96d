"""Who may do what with which data, and how Spark gets to know it.

Python administers: principals, policies, tags and owners are kept in the store and published as
one file. Apache Ranger's engine, inside Spark, decides by that file.
"""

from iomete.governance.administration import Administration
from iomete.governance.answers import (
    Draft,
    Explanation,
    Finding,
    Holder,
    Right,
    Simulation,
)
from iomete.governance.documents.checks import PolicyChecks
from iomete.governance.documents.conflicts import PolicyConflictWarning
from iomete.governance.documents.masks import MaskKind
from iomete.governance.documents.specifications import PolicyKind
from iomete.governance.founding import hash_key
from iomete.governance.policies import Policies
from iomete.governance.policy_records import Change, Policy, PolicyVersion
from iomete.governance.principals.attributes import AttributeValue
from iomete.governance.principals.names import PrincipalKind, PrincipalName
from iomete.governance.principals.records import Group, Role, User
from iomete.governance.principals.registry import Principals
from iomete.governance.publisher import Publisher
from iomete.governance.ranger import PolicyStatus, PushReport
from iomete.governance.renames.mover import Mover
from iomete.governance.renames.moves import carry_out_moves

__all__ = [
    "Administration",
    "AttributeValue",
    "Change",
    "Draft",
    "Explanation",
    "Finding",
    "Group",
    "Holder",
    "MaskKind",
    "Mover",
    "Policies",
    "Policy",
    "PolicyChecks",
    "PolicyConflictWarning",
    "PolicyKind",
    "PolicyStatus",
    "PolicyVersion",
    "PrincipalKind",
    "PrincipalName",
    "Principals",
    "Publisher",
    "PushReport",
    "Right",
    "Role",
    "Simulation",
    "User",
    "carry_out_moves",
    "hash_key",
]
