"""Policies of a lakehouse without Spark: for programs that look at them, test them, or apply them.

Opens the store and nothing else. Who acts is the operating system's user, who has to be an admin in
the store for anything that is asked. What is changed is published as ever: drivers that are running
load it by themselves, a moment later.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from iomete.access import operating_system_principal
from iomete.errors import LakehouseFolderError
from iomete.folder import LakehouseFolder
from iomete.settings import load_settings

if TYPE_CHECKING:
    from iomete.governance import Policies
    from iomete.governance.ranger import OutsidePolicies
    from iomete.settings import LoadedSettings
    from iomete.store import Store


@contextmanager
def open_policies(path: str | os.PathLike[str] | None = None) -> Iterator[Policies]:
    """Give `lake.policies` of a lakehouse without starting Spark.

    Tables can't be looked at, so that policies are made, planned and applied with `future=True`. A
    name of three parts and more is a table's, unless Spark has met tables in a namespace of this
    name.

    Args:
        path: The lakehouse folder; unset: `IOMETE_FOLDER`, then `./lakehouse`.

    Raises:
        LakehouseFolderError: There is no lakehouse.
        SettingsError: If settings don't validate.
        StoreError: If the metadata database can't be used; it may be of a newer version.

    Cost: a few reads of the store; half a second, most of it Python's imports.
    """
    folder = LakehouseFolder.at(path)
    loaded = load_settings(folder.root)
    with closing(_open_store(folder, loaded)) as store:
        yield _policies(store, folder, loaded)


def _open_store(folder: LakehouseFolder, loaded: LoadedSettings) -> Store:
    from iomete.store import Store

    url = loaded.settings.store.url
    if not folder.exists() or (url is None and not folder.store_database.exists()):
        raise LakehouseFolderError(
            f"There is no lakehouse in `{folder.root}`.",
            hint="name its folder by --lakehouse; iomete.connect() makes one",
        )
    place = url.get_secret_value() if url is not None else folder.store_database
    return Store.open(place, backup_folder=folder.backups)


def _policies(store: Store, folder: LakehouseFolder, loaded: LoadedSettings) -> Policies:
    from iomete.governance import Administration, Policies, Publisher
    from iomete.governance.audit.log import AuditLog
    from iomete.governance.audit.writer import SpoolWriter
    from iomete.governance.questions.known_tables import KnownTables

    audit = loaded.settings.audit
    writer = SpoolWriter(
        folder.spool,
        required=audit.required,
        file_bytes=audit.spool_max_bytes,
        file_seconds=audit.spool_max_seconds,
    )
    principal = operating_system_principal()
    administration = Administration(
        store, principal, Publisher(store, folder.policies), trail=AuditLog(writer, principal)
    )
    return Policies(
        administration,
        KnownTables(store),
        ranger=loaded.settings.governance.ranger,
        outside=_outside(folder, loaded),
    )


def _outside(folder: LakehouseFolder, loaded: LoadedSettings) -> OutsidePolicies | None:
    from iomete.governance.ranger import OutsidePolicies

    settings = loaded.settings.governance
    return OutsidePolicies(settings, folder.policies) if settings.source == "ranger" else None
