"""What a start needs that doesn't change from start to start: jars and a class archive."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

from iomete.engine.configuration import DEFAULT_CATALOG, SparkConfiguration, build_configuration
from iomete.engine.iceberg import resolve_catalogs
from iomete.engine.jars import CORE_ARTIFACTS, S3_ARTIFACTS, Artifact, own_jar, resolve, verify
from iomete.engine.lifecycle import adopt_class_archive, has_class_archive, start
from iomete.settings import CatalogSettings

if TYPE_CHECKING:
    from iomete.engine.iceberg import IcebergCatalog
    from iomete.engine.lifecycle import Engine
    from iomete.settings import EngineSettings

Govern = Callable[["Engine", Path], AbstractContextManager[None]]
"""Lets a Spark run statements, for a lakehouse in this folder: without governance it runs none."""


class Prepared(NamedTuple):
    """What `prepare` leaves in the cache."""

    jars: list[Path]
    class_archive: bool


TYPICAL_STATEMENTS = (
    "CREATE NAMESPACE lake.prepare",
    "CREATE TABLE lake.prepare.numbers AS SELECT id, 'n' || id AS name FROM range(100)",
    "SELECT name, count(*) FROM lake.prepare.numbers WHERE id > 5 GROUP BY name ORDER BY name",
    "DELETE FROM lake.prepare.numbers WHERE id = 7",
    "CREATE TABLE spark_catalog.default.numbers USING delta AS SELECT 1 AS id",
    "SELECT * FROM spark_catalog.default.numbers d JOIN lake.prepare.numbers n ON d.id = n.id",
)
"""What a class archive is made from: classes that these load needn't be loaded anew later."""


def cache_folder(settings: EngineSettings) -> Path:
    """Return where jars and class archives are kept, for all lakehouses of a user."""
    if settings.cache_folder is not None:
        return settings.cache_folder.expanduser().absolute()
    import platformdirs

    return platformdirs.user_cache_path("iomete")


def configure(
    settings: EngineSettings, *, catalogs: Sequence[IcebergCatalog], warehouse: Path
) -> SparkConfiguration:
    """Return the Spark configuration of a lakehouse, fetching jars that are missing.

    Raises:
        JarUnavailableError: If one is missing and can't be fetched.
        JarCorruptError: If what was fetched is not what it should be.
    """
    jars = resolve(
        _artifacts(catalogs), cache=cache_folder(settings) / "jars", repository=settings.repository
    )
    return build_configuration(
        settings, catalogs=catalogs, warehouse=warehouse, jars=[*jars, own_jar()]
    )


def prepare(
    settings: EngineSettings, *, catalogs: Sequence[IcebergCatalog], govern: Govern
) -> Prepared:
    """Fetch the jars, verify every checksum, and make the class archive.

    A later start is fast then and needs no network: for images, and for machines that go offline.

    Returns:
        The jars that a lakehouse with these catalogs needs.

    Cost: reads all jars once; a start of Spark if there is no class archive yet.
    """
    cache = cache_folder(settings)
    artifacts = _artifacts(catalogs)
    for artifact in verify(artifacts, cache=cache / "jars"):
        (cache / "jars" / artifact.file_name).unlink(missing_ok=True)
    jars = [*resolve(artifacts, cache=cache / "jars", repository=settings.repository), own_jar()]
    made = settings.class_archive and _make_class_archive(
        settings, jars, cache=cache, govern=govern
    )
    return Prepared(jars, made)


def _make_class_archive(
    settings: EngineSettings, jars: Sequence[Path], *, cache: Path, govern: Govern
) -> bool:
    """Run on a throw-away lakehouse what every program uses, and keep the classes it loaded.

    Returns:
        Whether there is an archive now: a JVM may be unable to make one.
    """
    local = settings.model_copy(update={"master": "local[2]", "ui": False, "spark": {}})
    if has_class_archive(local, jars, cache=cache):
        return True
    with TemporaryDirectory(prefix="iomete-") as folder:
        catalogs = resolve_catalogs(
            {DEFAULT_CATALOG: CatalogSettings()},
            database=Path(folder) / "catalog.db",
            warehouse=Path(folder),
        )
        configuration = build_configuration(
            local, catalogs=catalogs, warehouse=Path(folder), jars=jars
        )
        engine = start(local, configuration, cache=cache)
        try:
            with govern(engine, Path(folder)):
                for statement in TYPICAL_STATEMENTS:
                    engine.spark.sql(statement).collect()
        finally:
            engine.stop(wait=True)
    adopt_class_archive(local, jars, cache=cache)
    return has_class_archive(local, jars, cache=cache)


def _artifacts(catalogs: Iterable[IcebergCatalog]) -> tuple[Artifact, ...]:
    on_s3 = any(catalog.on_s3 for catalog in catalogs)
    return (*CORE_ARTIFACTS, *S3_ARTIFACTS) if on_s3 else CORE_ARTIFACTS
