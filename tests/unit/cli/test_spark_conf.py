from __future__ import annotations

import json
import os
import shlex
from pathlib import Path

import pytest

from iomete.cli.spark_conf import _formatted, _write_private
from iomete.errors import LakehouseFolderError

VALUES = {"spark.b": "x y $HOME 'q'", "spark.a": "1", "spark.c": 'back\\slash "and" `tick`\nline'}


def test_json_is_what_was_given() -> None:
    written = _formatted(VALUES, "json")
    assert json.loads(written) == VALUES
    assert list(json.loads(written)) == sorted(VALUES)


def test_arguments_survive_a_shell() -> None:
    words = shlex.split(_formatted(VALUES, "arguments"))
    assert words[::2] == ["--conf"] * len(VALUES)
    assert dict(word.split("=", 1) for word in words[1::2]) == VALUES


def test_properties_are_one_a_line() -> None:
    written = _formatted(VALUES, "properties")
    assert [line.partition("=")[0] for line in written.splitlines()] == sorted(VALUES)


def test_a_file_with_secrets_is_its_owners_even_if_an_open_one_was_there(tmp_path: Path) -> None:
    path = tmp_path / "all.conf"
    path.write_text("old")
    path.chmod(0o666)
    with path.open() as opened_by_others:
        _write_private(path, "sesame")
        assert opened_by_others.read() == "old"
    assert path.read_text() == "sesame"
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "theirs").write_text("theirs")
    (tmp_path / "link").symlink_to(tmp_path / "theirs")
    _write_private(tmp_path / "link", "sesame")
    assert (tmp_path / "theirs").read_text() == "theirs"
    assert not os.path.islink(tmp_path / "link")  # noqa: PTH114  # as the system sees it


@pytest.mark.parametrize("name", ["missing/all.conf", "."])
def test_a_file_that_can_not_be_written_is_an_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(LakehouseFolderError, match="can't be written"):
        _write_private(tmp_path / name, "x")
