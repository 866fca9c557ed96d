from __future__ import annotations

import os
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from iomete.errors import LakehouseFolderError
from iomete.folder import LakehouseFolder
from iomete.settings import load_settings


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_the_folder_is_the_one_that_was_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IOMETE_FOLDER", "/elsewhere")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    assert LakehouseFolder.at("/data/lake").root == Path("/data/lake")
    assert LakehouseFolder.at(Path("lake")).root == tmp_path / "lake"
    assert LakehouseFolder.at("~/lake").root == tmp_path / "home" / "lake"


def test_unset_it_is_the_variable_and_then_a_folder_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert LakehouseFolder.at(None).root == tmp_path / "lakehouse"
    monkeypatch.setenv("IOMETE_FOLDER", "mine")
    assert LakehouseFolder.at(None).root == tmp_path / "mine"
    monkeypatch.setenv("IOMETE_FOLDER", "")
    assert LakehouseFolder.at(None).root == tmp_path / "lakehouse"


def test_naming_a_folder_makes_nothing(tmp_path: Path) -> None:
    folder = LakehouseFolder.at(tmp_path / "lake")
    assert not folder.exists()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("path", ["", "  ", "a\0b", "a\nb", "a\x1b[0mb", "\udcff"])
def test_what_is_no_path_is_refused(path: str) -> None:
    with pytest.raises(LakehouseFolderError, match="is not a path") as caught:
        LakehouseFolder.at(path)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("path", ["s3://bucket/lake", "file:///data", "sc://host:15002"])
def test_a_url_is_refused_with_the_setting_for_it(path: str) -> None:
    with pytest.raises(
        LakehouseFolderError, match=r"is a URL.*Hint: .*`catalogs\.lake\.warehouse`"
    ):
        LakehouseFolder.at(path)


@pytest.mark.parametrize("character", "#?%\\;,")
def test_characters_that_locations_give_a_meaning_are_refused(character: str) -> None:
    with pytest.raises(LakehouseFolderError, match="in its path") as caught:
        LakehouseFolder.at(f"/data/a{character}b/lake")
    assert f"has `{character}`" in caught.value.message


@pytest.mark.parametrize("name", ["a b", "ü", "a+b", "a'b", "a&b=c", "[a]", "a:b", "@"])
def test_other_characters_are_fine(tmp_path: Path, name: str) -> None:
    folder = LakehouseFolder.at(tmp_path / name)
    folder.make()
    assert folder.warehouse.is_dir()


def test_the_home_of_a_user_that_is_not_there_is_refused() -> None:
    with pytest.raises(LakehouseFolderError, match="no-such-user"):
        LakehouseFolder.at("~no-such-user/lake")


def test_a_new_folder_is_its_owners_only(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        folder = LakehouseFolder.at(tmp_path / "deep" / "lake")
        folder.make()
    finally:
        os.umask(before)
    assert mode(folder.root) == mode(folder.warehouse) == 0o700
    assert mode(folder.settings_file) == 0o600
    assert folder.exists()
    assert {path.name for path in folder.root.iterdir()} == {"warehouse", "iomete.toml"}


def test_the_settings_file_that_is_made_changes_no_setting(tmp_path: Path) -> None:
    folder = LakehouseFolder.at(tmp_path / "lake")
    before = load_settings(folder.root, environment={})
    folder.make()
    assert load_settings(folder.root, environment={}) == before


def test_the_examples_in_the_settings_file_are_settings(tmp_path: Path) -> None:
    folder = LakehouseFolder.at(tmp_path / "lake")
    folder.make()
    lines = folder.settings_file.read_text("utf-8").splitlines()
    examples = [line.removeprefix("# ") for line in lines[2:]]
    folder.settings_file.write_text("\n".join(examples), "utf-8")
    found = load_settings(folder.root, environment={})
    given = tomllib.loads("\n".join(examples))
    assert found.settings.engine.driver_memory == given["engine"]["driver_memory"]
    assert found.settings.catalogs["archive"].warehouse == given["catalogs"]["archive"]["warehouse"]


def test_making_it_again_keeps_what_is_there(tmp_path: Path) -> None:
    folder = LakehouseFolder.at(tmp_path / "lake")
    folder.make()
    folder.settings_file.write_text("[engine]\nui = true\n")
    (folder.warehouse / "t").mkdir()
    folder.make()
    assert folder.settings_file.read_text() == "[engine]\nui = true\n"
    assert (folder.warehouse / "t").is_dir()


def test_a_folder_that_was_open_to_others_is_closed(tmp_path: Path) -> None:
    (tmp_path / "lake").mkdir()
    (tmp_path / "lake").chmod(0o755)
    LakehouseFolder.at(tmp_path / "lake").make()
    assert mode(tmp_path / "lake") == 0o700


def test_a_file_in_its_place_is_named(tmp_path: Path) -> None:
    (tmp_path / "lake").write_text("mine")
    with pytest.raises(LakehouseFolderError, match="is a file, not a folder"):
        LakehouseFolder.at(tmp_path / "lake").make()
    assert (tmp_path / "lake").read_text() == "mine"


@pytest.mark.parametrize("below", ["file/lake", "x" * 300])
def test_a_path_that_can_not_be_made_is_an_error_with_its_reason(
    tmp_path: Path, below: str
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(
        LakehouseFolderError, match=r"can't be made: (Not a dir|File name too long)"
    ):
        LakehouseFolder.at(tmp_path / below).make()


def as_nobody(action: Callable[[], None]) -> None:
    """Root may write everywhere, so root gives its rights up for a while; others have none."""
    if os.geteuid() != 0:
        action()
        return
    os.setresuid(65534, 65534, 0)
    try:
        action()
    finally:
        os.setresuid(0, 0, 0)


def test_a_folder_that_can_not_be_written_is_named() -> None:
    # `/usr` is there on every system, and only root's
    with pytest.raises(LakehouseFolderError, match=r"`/usr` can't be written.*Hint: ask its owner"):
        as_nobody(LakehouseFolder.at("/usr").make)


def test_a_parent_that_can_not_be_written_is_an_error_with_its_reason() -> None:
    with pytest.raises(LakehouseFolderError, match=r"`/usr/lake.*: (Permission denied|Read-only)"):
        as_nobody(LakehouseFolder.at("/usr/lakehouse-of-a-test").make)


def test_a_folder_that_others_could_have_filled_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "lake"
    if os.geteuid() == 0:
        folder.mkdir()
        os.chown(folder, 65534, -1)
        folder.chmod(0o777)
    else:
        folder.symlink_to("/tmp")  # noqa: S108  # of root, and everyone writes there
    with pytest.raises(LakehouseFolderError, match=r"written by everyone.*Hint: .*chmod 700"):
        LakehouseFolder.at(folder).make()
    assert mode(folder) & 0o777 == 0o777


def test_it_exists_once_it_has_a_store_or_settings(tmp_path: Path) -> None:
    folder = LakehouseFolder.at(tmp_path)
    assert not folder.exists()
    folder.store_database.touch()
    assert folder.exists()


def test_everything_is_inside(tmp_path: Path) -> None:
    folder = LakehouseFolder.at(tmp_path)
    inside = [
        folder.settings_file,
        folder.catalog_database,
        folder.store_database,
        folder.warehouse,
        folder.backups,
    ]
    assert {path.parent for path in inside} == {tmp_path}
    assert len(set(inside)) == len(inside)
