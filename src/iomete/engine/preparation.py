"""What a start needs that doesn't change from start to start: jars and a class archive."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from iomete.engine.configuration import SparkConfiguration, build_configuration
from iomete.engine.jars import CORE_ARTIFACTS, S3_ARTIFACTS, Artifact, own_jar, resolve, verify
from iomete.engine.lifecycle import start

if TYPE_CHECKING:
    from iomete.engine.iceberg import IcebergCatalog
    from iomete.settings import EngineSettings


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
    settings: EngineSettings, *, catalogs: Sequence[IcebergCatalog], warehouse: Path
) -> SparkConfiguration:
    """Fetch the jars, verify every checksum, and make the class archive.

    A later start is fast then and needs no network: for images, and for machines that go offline.

    Cost: reads all jars once; a start of Spark if there is no class archive yet.
    """
    cache = cache_folder(settings)
    for artifact in verify(_artifacts(catalogs), cache=cache / "jars"):
        (cache / "jars" / artifact.file_name).unlink(missing_ok=True)
    configuration = configure(settings, catalogs=catalogs, warehouse=warehouse)
    if settings.class_archive:
        local = settings.model_copy(update={"master": "local[1]"})
        trained = replace(
            configuration, defaults={**configuration.defaults, "spark.master": "local[1]"}
        )
        engine = start(local, trained, cache=cache)
        engine.spark.sql("SELECT count(*) FROM range(10)").collect()
        engine.stop(wait=True)
    return configuration


def _artifacts(catalogs: Iterable[IcebergCatalog]) -> tuple[Artifact, ...]:
    on_s3 = any(catalog.on_s3 for catalog in catalogs)
    return (*CORE_ARTIFACTS, *S3_ARTIFACTS) if on_s3 else CORE_ARTIFACTS
