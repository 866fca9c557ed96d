"""A Ranger Admin outside: what of it is in force here, and policies sent to it and fetched.

Spark asks it for policies itself; Python reads what Spark has kept, and talks to Ranger's REST API
through the `apache-ranger` package, which the extra `ranger` installs.
"""

from iomete.governance.ranger.outside import OutsideAdministration, OutsidePolicies, PolicyStatus
from iomete.governance.ranger.pushing import PushReport

__all__ = ["OutsideAdministration", "OutsidePolicies", "PolicyStatus", "PushReport"]
