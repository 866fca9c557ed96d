"""Policies from and to files: the JSON that Ranger Admin exports and imports."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from iomete.errors import ConfigurationError, InvalidPolicyError
from iomete.governance.documents.checks import PolicyChecks, Problems
from iomete.governance.documents.existence import check_against_tables
from iomete.governance.documents.rules import check_document

if TYPE_CHECKING:
    from iomete.governance.documents.document import Document
    from iomete.governance.policy_records import Policy

_GIVEN_BY_THE_STORE = ("id", "version")


def export_policies(policies: Sequence[Policy], path: str | Path | None = None) -> Document:
    """Return policies as `RangerExportPolicyList`, and write them to a file if one is named.

    Ids and versions are left out: they are this lakehouse's own.
    """
    exported = {
        "metaDataInfo": {"Exported by": "iomete"},
        "policies": [
            {k: v for k, v in policy.document.items() if k not in _GIVEN_BY_THE_STORE}
            for policy in policies
        ],
    }
    if path is not None:
        text = json.dumps(exported, ensure_ascii=False, indent=2) + "\n"
        try:
            Path(path).write_text(text, "utf-8")
        except OSError as error:
            raise ConfigurationError(
                f"`{path}` can't be written: {error.strerror}.", hint="name another file"
            ) from error
    return exported


def read_documents(source: Document | str | Path, problems: Problems) -> list[Document]:
    """Return the policies of an export that are right by themselves; note what is wrong."""
    content = _read(source) if isinstance(source, str | Path) else source
    listed = content.get("policies") if isinstance(content, dict) else None
    if not isinstance(listed, list):
        raise ConfigurationError(
            "This is no export of policies: it has no list `policies`.",
            hint='give what lake.policies.export() returns: {"policies": [...]}',
        )
    documents = []
    for position, document in enumerate(listed):
        try:
            documents.append(check_document(document))
        except InvalidPolicyError as error:
            name = document.get("name") if isinstance(document, dict) else None
            problems.add_all(f"policies[{position}]" + (f" `{name}`" if name else ""), error)
    for name, count in Counter(document["name"] for document in documents).items():
        if count > 1:
            problems.add(f"policy `{name}`", f"there are {count} of this name")
    return documents


def check_against_all_tables(
    documents: Sequence[Document], checks: PolicyChecks, problems: Problems
) -> None:
    """Note what documents name that doesn't exist, with the policy's name.

    Cost: metadata of each table that is named, once; row filters and masks are analysed.
    """
    remembered = RememberedChecks(checks)
    for document in documents:
        own = Problems()
        check_against_tables(document, remembered, own)
        problems.add_from(f"policy `{document['name']}`", own)


class RememberedChecks:
    """Asks once what a name is and what columns a table has."""

    def __init__(self, checks: PolicyChecks) -> None:
        self.check_filter = checks.check_filter
        self.check_mask = checks.check_mask
        self.columns = cache(checks.columns)
        self._kind_of = cache(checks.kind_of)
        self._fields_of = cache(checks.fields_of)

    def kind_of(self, parts: Sequence[str], /) -> str | None:
        """Return what a name is, as `PolicyChecks` does."""
        return self._kind_of(tuple(parts))

    def fields_of(self, table: Sequence[str], /) -> Sequence[str]:
        """Return the paths of a table's fields, as `PolicyChecks` does."""
        return self._fields_of(tuple(table))


def _read(path: str | Path) -> object:
    try:
        return json.loads(Path(path).read_text("utf-8"))
    except OSError as error:
        raise ConfigurationError(
            f"`{path}` can't be read: {error.strerror}.", hint="name the file of an export"
        ) from error
    except ValueError as error:
        raise ConfigurationError(
            f"`{path}` is not JSON: {error}.", hint="name the file of an export"
        ) from error
