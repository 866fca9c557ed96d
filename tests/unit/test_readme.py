"""What the README and the pages list is what there is."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from pydantic import BaseModel

import iomete
from iomete import errors
from iomete.cli.app import app
from iomete.governance.documents.masks import MaskKind, make_mask
from iomete.settings import ENVIRONMENT_PREFIX, LoadedSettings, Settings

PROJECT = Path(__file__).parents[2]
README = (PROJECT / "README.md").read_text("utf-8")
SETTINGS_PAGE = (PROJECT / "docs" / "settings.md").read_text("utf-8")
ERRORS_PAGE = (PROJECT / "docs" / "errors.md").read_text("utf-8")
GOVERNANCE_PAGE = (PROJECT / "docs" / "governance.md").read_text("utf-8")
MKDOCS = (PROJECT / "mkdocs.yml").read_text("utf-8")
ARGUMENTS = {"value": "x", "expression": "upper({col})"}
PAGES = [PROJECT / "README.md", PROJECT / "CHANGELOG.md", *(PROJECT / "docs").glob("*.md")]


def keys() -> list[str]:
    return [value.key for value in LoadedSettings(settings=Settings(), sources={}).values()]


def test_every_setting_and_its_variable_are_on_the_page() -> None:
    listed = dict(re.findall(r"^\| `([\w.]+)` \| `(\w+)` \|", SETTINGS_PAGE, re.MULTILINE))
    variables = {k: ENVIRONMENT_PREFIX + k.upper().replace(".", "__") for k in keys()}
    assert listed == variables


def test_every_section_is_a_heading_of_the_page() -> None:
    headings = set(re.findall(r"^## (\w+)$", SETTINGS_PAGE, re.MULTILINE))
    assert set(Settings.model_fields) <= headings
    assert issubclass(Settings, BaseModel)


def test_every_command_is_in_the_readme() -> None:
    listed = set(re.findall(r"^\| `iomete ([\w-]+)", README, re.MULTILINE))
    commands = {c.name or c.callback.__name__ for c in app.registered_commands if c.callback}
    groups = {group.typer_instance.info.name for group in app.registered_groups}
    assert listed == commands | groups


def test_every_error_is_on_the_page() -> None:
    ours = {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, errors.IometeError)
    }
    tree = ERRORS_PAGE.split("```text")[1].split("```")[0]
    assert set(re.findall(r"(?:─ |^)(\w+Error)", tree, re.MULTILINE)) == ours


def test_every_exit_code_is_on_the_page() -> None:
    rows = re.findall(r"^\| (\d+) \| (`\w+`(?:, `\w+`)*) \|", ERRORS_PAGE, re.MULTILINE)
    listed = {name: int(code) for code, names in rows for name in re.findall(r"\w+", names)}
    assert listed == {kind.__name__: o.exit_code for kind, o in errors.OUTCOMES.items()}


def test_every_condition_of_our_own_is_on_the_page() -> None:
    path = PROJECT / "jvm/src/main/resources/io/iomete/spark/error-conditions.json"
    conditions = json.loads(path.read_text("utf-8"))
    assert set(re.findall(r"^\| `(IOMETE_\w+)` \|", ERRORS_PAGE, re.MULTILINE)) == set(conditions)


def test_every_mask_and_its_arguments_are_on_the_page() -> None:
    rows = re.findall(r"^\| `(\w+)` \| ([^|]*)\|", GOVERNANCE_PAGE, re.MULTILINE)
    listed = {kind: set(re.findall(r"`(\w+)=", arguments)) for kind, arguments in rows}
    assert listed.keys() == set(MaskKind)
    for kind, names in listed.items():
        for arguments in [{name: ARGUMENTS.get(name, 2)} for name in names] or [{}]:
            assert make_mask(kind, **arguments).kind == kind


def test_every_page_is_in_the_navigation() -> None:
    listed = set(re.findall(r"^  - .+: ([\w-]+\.md)$", MKDOCS, re.MULTILINE))
    assert listed == {page.name for page in (PROJECT / "docs").glob("*.md")}


def test_the_changelog_has_this_version() -> None:
    changelog = (PROJECT / "CHANGELOG.md").read_text("utf-8")
    assert f"\n## [{iomete.__version__}]" in changelog


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#:]+)(?:#[\w-]+)?\)", page.read_text("utf-8"))
    missing = [target for target in targets if not (page.parent / target).exists()]
    assert missing == []
