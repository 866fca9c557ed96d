"""The schema that editors get is that of the models that read the files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from pydantic import ValidationError

import iomete.governance.as_code
from iomete.governance.as_code.model import PolicyFile
from iomete.governance.as_code.schema import SCHEMA_FILE, make_schema, schema_text
from iomete.governance.as_code.yaml_source import read_yaml

PAGE = Path(__file__).parents[4] / "docs" / "policies-as-code.md"


def test_the_file_of_the_package_is_up_to_date() -> None:
    """To write it anew: python -m iomete.governance.as_code.schema."""
    assert schema_text() == make_schema()
    package = Path(iomete.governance.as_code.__file__).parent
    assert (package / SCHEMA_FILE).read_text("utf-8") == make_schema()


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(json.loads(schema_text()))


RIGHT = [
    "policies: []",
    "project: crm\npolicies: [{name: a, grant: select, on: lake, to: alice}]",
    "policies: [{name: a, deny: [select, insert], on: lake.a, to: [alice, bob], except: [bob]}]",
    "policies: [{name: a, mask: partial, show_last: 4, on: lake.a.t, columns: c, to: everyone}]",
    "policies: [{name: a, mask: constant, value: 0, on_tag: PII, to: a, priority: override}]",
    "policies: [{name: a, filter_rows: 'x = 1', on: lake.a.t, to: a, enabled: false}]",
    "policies: [{name: a, ranger: {service: iomete}}]",
    "tests: [{principal: alice, can: select, on: lake.a.t, mask: false, filter_rows: 'a = 1'}]",
    "tests: [{principal: alice, can: [select], on: lake.a.t, columns: c, mask: hash}]",
    "tests: [{name: t, principal: [alice], cannot: [read], on_path: s3://inbox}]",
]
WRONG = [
    "{}",
    "polices: []",
    "policies: {}",
    "project: CRM\npolicies: []",
    "policies: [{grant: select, on: lake, to: alice}]",
    "policies: [{name: a, on: lake, to: alice}]",
    "policies: [{name: a, grant: select, deny: select, on: lake, to: alice}]",
    "policies: [{name: a, grant: select, on: lake, to: alice, colums: [a]}]",
    "policies: [{name: 1, grant: select, on: lake, to: alice}]",
    "policies: [{name: a, grant: select, on: lake, to: [1]}]",
    "policies: [{name: a, grant: select, on: lake, to: alice, priority: high}]",
    "policies: [{name: a, grant: select, on: lake, to: alice, enabled: 'yes'}]",
    "tests: [{principal: alice, on: lake.a.t}]",
    "tests: [{principal: alice, can: select}]",
    "tests: [{principal: alice, can: select, cannot: select, on: lake.a.t}]",
    "tests: [{principal: alice, can: select, on: lake.a.t, mask: hsh}]",
    "tests: [{principal: alice, can: insert, on: lake.a.t, mask: false}]",
    "tests: [{principal: alice, can: [select, insert], on: lake.a.t, filter_rows: false}]",
    "tests: [{principal: alice, can: read, on_path: s3://inbox, filter_rows: true}]",
    "tests: [{principal: alice, cannot: select, on: lake.a.t, mask: true}]",
    "tests: [{principal: alice, can: read, on_path: s3://inbox, columns: a}]",
    "tests: [{principal: alice, can: read, on_path: s3://inbox, on: lake.a.t, columns: a}]",
]


def accepts(content: Any) -> tuple[bool, bool]:
    """Whether the schema and the models take a content."""
    by_schema = jsonschema.Draft202012Validator(json.loads(schema_text())).is_valid(content)
    try:
        PolicyFile.model_validate(content)
    except ValidationError:
        return by_schema, False
    return by_schema, True


@pytest.mark.parametrize("text", RIGHT)
def test_the_schema_takes_what_the_models_take(text: str) -> None:
    assert accepts(read_yaml(text).value) == (True, True)


@pytest.mark.parametrize("text", WRONG)
def test_the_schema_refuses_what_the_models_refuse(text: str) -> None:
    assert accepts(read_yaml(text).value) == (False, False)


def test_every_key_has_a_description_for_editors() -> None:
    schema = json.loads(schema_text())
    for part in (schema, *schema["$defs"].values()):
        assert all(found.get("description") for found in part["properties"].values())


def test_every_key_is_on_the_page() -> None:
    page = PAGE.read_text("utf-8")
    schema = json.loads(schema_text())
    keys = {key for part in (schema, *schema["$defs"].values()) for key in part["properties"]}
    assert [key for key in sorted(keys) if f"`{key}`" not in page] == []
