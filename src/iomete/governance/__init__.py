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
from iomete.governance.attributes import AttributeValue
from iomete.governance.checks import PolicyChecks
from iomete.governance.conflicts import PolicyConflictWarning
from iomete.governance.founding import hash_key
from iomete.governance.masks import MaskKind
from iomete.governance.policies import Policies
from iomete.governance.policy_records import Change, Policy, PolicyVersion
from iomete.governance.principal_names import PrincipalKind, PrincipalName
from iomete.governance.principal_records import Group, Role, User
from iomete.governance.principals import Principals
from iomete.governance.publisher import Publisher
from iomete.governance.ranger import PolicyStatus, PushReport
from iomete.governance.renames.mover import Mover
from iomete.governance.renames.moves import carry_out_moves
from iomete.governance.specifications import PolicyKind

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
