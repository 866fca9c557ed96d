"""What became of each policy that is on a resource: it decided, agreed, lost, or said nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iomete.governance.answers.considering import NOT_NOW, Considering
from iomete.governance.answers.explanation import ConsideredPolicy, Outcome, by_outcome
from iomete.governance.answers.policy_ids import id_text
from iomete.governance.documents.document import PolicyType
from iomete.governance.evaluator import Said
from iomete.governance.evaluator.path_rules import on_path

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Sequence

    from iomete.governance.evaluator import Access, CompiledPolicy, Subject
    from iomete.governance.evaluator.policies import Item
    from iomete.governance.evaluator.resource_names import Parts
    from iomete.governance.evaluator.tags import CarriedTag


class ConsideredPolicies(Considering):
    """Tells which access policies are asked about a resource, the one that decides first."""

    def on(
        self,
        subject: Subject,
        action: str,
        parts: Parts,
        found: Access,
        *,
        known: Container[int] = (),
    ) -> tuple[ConsideredPolicy, ...]:
        """Return those that are on a resource, of which `found` was decided.

        Policies whose ids are `known` are left out, but for the one that decided.
        """
        owner = self._evaluator.owner_of(parts)
        tags = self._evaluator.tags.of(parts)
        policies = self._awake_on(PolicyType.ACCESS, subject, parts, owner)
        if found.policy is not None:  # a denial that stops above the resource
            policies.setdefault(found.policy.id, found.policy)
        considered = [
            self._consider(policy, subject, action, owner, found, tags)
            for policy in policies.values()
            if policy.id not in known or policy is found.policy
        ]
        considered += self._not_in_force(subject, action, parts, owner, tags, known)
        return _sorted(considered)

    def on_table(
        self, subject: Subject, table: Parts, columns: Iterable[str]
    ) -> tuple[ConsideredPolicy, ...]:
        """Return those that are on columns of a table that is read, each once."""
        considered: dict[int, ConsideredPolicy] = {}
        for name in columns:
            parts = (*table, name)
            found = self._evaluator.decide(subject, "select", parts)
            for one in self.on(subject, "select", parts, found, known=considered):
                if one.id not in considered or one.outcome is Outcome.DECIDES:
                    considered[one.id] = one
        return _sorted(considered.values())

    def on_path(
        self, subject: Subject, action: str, path: str, found: Access
    ) -> tuple[ConsideredPolicy, ...]:
        """Return those that are on a path, of which `found` was decided."""
        policies = {policy.id: policy for policy in self._evaluator.paths.on(subject, path)}
        if found.policy is not None:  # a denial of something below
            policies.setdefault(found.policy.id, found.policy)
        considered = [
            self._consider(policy, subject, action, None, found, ()) for policy in policies.values()
        ]
        considered += [
            self._told(policy, str(said), (Outcome.NOT_IN_FORCE, NOT_NOW))
            for policy in on_path(self._evaluator.asleep, subject, path)
            if (said := policy.says(action, subject, None)) is not Said.NOTHING
        ]
        return _sorted(considered)

    def _consider(
        self,
        policy: CompiledPolicy,
        subject: Subject,
        action: str,
        owner: str | None,
        found: Access,
        tags: Sequence[CarriedTag],
    ) -> ConsideredPolicy:
        said = policy.says(action, subject, owner)
        return self._told(
            policy,
            "" if said is Said.NOTHING else str(said),
            self._outcome(policy, said, subject, action, owner, found),
            to=(_item(policy, said, action, subject, owner), subject, owner),
            tags=tags,
        )

    def _outcome(
        self,
        policy: CompiledPolicy,
        said: Said,
        subject: Subject,
        action: str,
        owner: str | None,
        found: Access,
    ) -> tuple[Outcome, str]:
        winner = found.policy
        if said is Said.NOTHING or winner is None:
            return Outcome.SAYS_NOTHING, _silence(policy, action, subject, owner)
        if policy is winner:
            item = _item(policy, said, action, subject, owner)
            whom = (
                "whoever it doesn't allow"
                if item is None
                else self._reach.whom(item, subject, owner)
            )
            return Outcome.DECIDES, f"it {said} `{action}` to {whom}"
        if said is found.said:
            return (
                Outcome.AGREES,
                f"it says the same as policy {id_text(winner.id)}, which is asked first",
            )
        if winner.priority > policy.priority:
            return (
                Outcome.LOSES,
                f"policy {id_text(winner.id)} has priority override, and is asked first",
            )
        if found.is_denied:
            return Outcome.LOSES, f"policy {id_text(winner.id)} denies it, which beats a grant"
        return Outcome.LOSES, f"policy {id_text(winner.id)} is asked first"

    def _not_in_force(
        self,
        subject: Subject,
        action: str,
        parts: Parts,
        owner: str | None,
        tags: Sequence[CarriedTag],
        known: Container[int],
    ) -> list[ConsideredPolicy]:
        return [
            self._told(policy, str(said), (Outcome.NOT_IN_FORCE, NOT_NOW), tags=tags)
            for policy in self._asleep_on(PolicyType.ACCESS, subject, parts, owner)
            if policy.id not in known
            and (said := policy.says(action, subject, owner)) is not Said.NOTHING
        ]


def _item(
    policy: CompiledPolicy, said: Said, action: str, subject: Subject, owner: str | None
) -> Item | None:
    items = policy.denials if said is Said.DENIES else policy.items
    return next(
        (item for item in items if action in item.actions and item.is_for(subject, owner)), None
    )


def _silence(policy: CompiledPolicy, action: str, subject: Subject, owner: str | None) -> str:
    items = (*policy.items, *policy.denials)
    about = [item for item in items if action in item.actions]
    if not about:
        return f"it isn't about `{action}`"
    if any(item.is_for(subject, owner) for item in about):
        return f"it excepts `{subject.name}`"
    return f"it isn't for `{subject.name}`"


def _sorted(policies: Iterable[ConsideredPolicy]) -> tuple[ConsideredPolicy, ...]:
    return tuple(sorted(policies, key=by_outcome))
