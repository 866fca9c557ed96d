"""The JSON schema of policy files, for editors: JSON Schema 2020-12, as pydantic writes it.

The package carries it as a file, so that editors can be pointed to it; a test holds the file to
the models. An editor with the YAML language server takes it from a file's first line:

    # yaml-language-server: $schema=policies.schema.json
"""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

SCHEMA_FILE = "policies.schema.json"

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema_text() -> str:
    """Return the schema as the package carries it."""
    return files(__package__).joinpath(SCHEMA_FILE).read_text("utf-8")


def make_schema() -> str:
    """Return the schema of the models, as the text of its file."""
    from iomete.governance.as_code.model import PolicyFile

    schema = {"$schema": _DIALECT, **_tidied(PolicyFile.model_json_schema(by_alias=True))}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _tidied(node: Any, *, of_names: bool = False) -> Any:
    """Leave out nulls, which files don't say, and titles that repeat a key.

    Args:
        node: A part of the schema.
        of_names: Whether its keys are names of properties, not words of JSON Schema.
    """
    if isinstance(node, list):
        return [_tidied(item) for item in node if item is not None and item != {"type": "null"}]
    if not isinstance(node, dict):
        return node
    if of_names:
        return {name: _without_title(_tidied(value)) for name, value in node.items()}
    kept = {k: v for k, v in node.items() if not (k == "default" and v is None)}
    kept = {k: _tidied(v, of_names=k in {"properties", "$defs"}) for k, v in kept.items()}
    if len(alternatives := kept.get("anyOf", ())) == 1:
        kept = {**alternatives[0], **{k: v for k, v in kept.items() if k != "anyOf"}}
    return kept


def _without_title(schema: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in schema.items() if key != "title"}


def main() -> None:
    """Write the schema's file anew, after a change of the models."""
    from pathlib import Path

    Path(__file__).with_name(SCHEMA_FILE).write_text(make_schema(), "utf-8")


if __name__ == "__main__":
    main()
