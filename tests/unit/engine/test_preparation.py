from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from iomete.engine import cache_folder, configure, prepare, resolve_catalogs
from iomete.engine.jars import CORE_ARTIFACTS, OWN_JAR, S3_ARTIFACTS, Artifact
from iomete.errors import JarUnavailableError
from iomete.settings import CatalogSettings, EngineSettings


def sparse(cache: Path, *artifacts: Artifact) -> None:
    """Fill a cache with files that have the right size and nothing in them."""
    (cache / "jars").mkdir(parents=True, exist_ok=True)
    for artifact in artifacts:
        with (cache / "jars" / artifact.file_name).open("wb") as file:
            file.truncate(artifact.size_bytes)


def engine(tmp_path: Path, **settings: Any) -> EngineSettings:
    return EngineSettings(
        cache_folder=tmp_path / "cache", repository=(tmp_path / "none").as_uri(), **settings
    )


def catalogs(tmp_path: Path, **settings: Any) -> Any:
    return resolve_catalogs(
        {"lake": CatalogSettings(**settings)}, database=tmp_path / "catalog.db", warehouse=tmp_path
    )


def test_the_cache_is_where_the_setting_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert cache_folder(EngineSettings(cache_folder=Path("~/kept"))) == tmp_path / "kept"
    assert cache_folder(EngineSettings(cache_folder=Path("here"))) == tmp_path / "here"


def test_left_open_it_is_the_users_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    found = cache_folder(EngineSettings())
    assert found.is_relative_to(tmp_path)
    assert found.name == "iomete"


def test_jars_in_the_cache_go_on_the_class_path(tmp_path: Path) -> None:
    sparse(tmp_path / "cache", *CORE_ARTIFACTS)
    found = configure(engine(tmp_path), catalogs=catalogs(tmp_path), warehouse=tmp_path)
    assert [jar.name for jar in found.jars] == [
        *(artifact.file_name for artifact in CORE_ARTIFACTS),
        OWN_JAR,
    ]


def test_s3_support_is_needed_by_tables_on_s3_only(tmp_path: Path) -> None:
    sparse(tmp_path / "cache", *CORE_ARTIFACTS)
    on_s3 = catalogs(tmp_path, warehouse="s3://bucket")
    with pytest.raises(JarUnavailableError, match=S3_ARTIFACTS[0].file_name):
        configure(engine(tmp_path), catalogs=on_s3, warehouse=tmp_path)
    sparse(tmp_path / "cache", *S3_ARTIFACTS)
    found = configure(engine(tmp_path), catalogs=on_s3, warehouse=tmp_path)
    assert S3_ARTIFACTS[0].file_name in [jar.name for jar in found.jars]


def test_prepare_drops_what_fails_its_checksum(tmp_path: Path) -> None:
    sparse(tmp_path / "cache", CORE_ARTIFACTS[2])
    with pytest.raises(JarUnavailableError):
        prepare(
            engine(tmp_path, class_archive=False),
            catalogs=catalogs(tmp_path),
            govern=lambda *_: nullcontext(),
        )
    assert not (tmp_path / "cache" / "jars" / CORE_ARTIFACTS[2].file_name).exists()
