"""The one lakehouse that a process holds."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iomete.access import Principal, operating_system_principal
from iomete.errors import ConfigurationError, SessionConflictError
from iomete.folder import LakehouseFolder
from iomete.lakehouse import Lakehouse, opening_or_closing
from iomete.opening import open_lakehouse
from iomete.settings import LoadedSettings, load_settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_current: Lakehouse | None = None


def connect(
    path: str | os.PathLike[str] | None = None,
    *,
    principal: str | None = None,
    spark: SparkSession | None = None,
    **settings: Mapping[str, Any] | str,
) -> Lakehouse:
    """Open a lakehouse, and make it on first use.

    In a plain Python process this starts Spark. Under spark-submit and in kernels that have
    launched Spark, it takes what is there, or says what is missing.

    Args:
        path: The lakehouse folder; unset: `IOMETE_FOLDER`, then `./lakehouse`.
        principal: Who acts; unset: the operating system's user.
        spark: A running session to take over.
        settings: Sections, such as `engine={"master": "local[2]"}`; `master` is a short form.

    Returns:
        The lakehouse. A second call with the same arguments gives the same object.

    Raises:
        SettingsError: If settings don't validate.
        SessionConflictError: If this process holds another lakehouse, or this one otherwise.
        LakehouseFolderError: If the folder can't be used.
        EngineError: If Spark can't be started.
        StoreError: If the metadata database can't be used.

    Cost: a first call starts a Java process, a few seconds; the very first fetches jars.

    Example:
        with iomete.connect() as lake:
            lake.sql("SELECT 1").show()
    """
    global _current  # noqa: PLW0603  # one Spark context a process is its own rule
    folder = LakehouseFolder.at(path)
    who = Principal(principal) if principal is not None else operating_system_principal()
    loaded = load_settings(folder.root, arguments=_sections(settings))
    with opening_or_closing:
        if _current is not None and not _current.is_usable:
            _current.close()  # Spark has ended, or belongs to the process that forked us
            _current = None
        if _current is not None:
            _check_same(_current, folder, who, loaded, spark)
            return _current
        lakehouse = open_lakehouse(folder, who, loaded, spark)
        _current = lakehouse
        return lakehouse


def _sections(given: Mapping[str, Any]) -> dict[str, Any]:
    sections = dict(given)
    master = sections.pop("master", None)
    for name, section in sections.items():
        if not isinstance(section, Mapping):
            raise ConfigurationError(
                f"`{name}` is {type(section).__name__}, and a mapping is asked for.",
                hint='give sections as dicts, such as engine={"ui": True}',
            )
    if master is not None:
        sections["engine"] = {**sections.get("engine", {}), "master": master}
    return sections


def _is_same_folder(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:  # one of them doesn't exist (any more)
        return one == other


def _check_same(
    current: Lakehouse,
    folder: LakehouseFolder,
    principal: Principal,
    loaded: LoadedSettings,
    spark: SparkSession | None,
) -> None:
    """A second `connect()` returns the first one's lakehouse only if it means the same."""
    different = []
    if not _is_same_folder(current.folder, folder.root):
        different.append(f"the folder is `{current.folder}`, not `{folder.root}`")
    if current.principal != principal.name:
        different.append(f"the principal is `{current.principal}`, not `{principal}`")
    if current.settings.settings != loaded.settings:
        before = {value.key: value for value in current.settings.values()}
        changed = [v.key for v in loaded.values() if before.get(v.key) != v]
        different.append(f"settings differ: {', '.join(changed) or 'a secret'}")
    if spark is not None and spark is not current.spark:
        different.append("it runs on another Spark session")
    if different:
        raise SessionConflictError(
            "This process already holds a lakehouse: " + "; ".join(different) + ".",
            hint="call close() on it first, or use another process",
        )
