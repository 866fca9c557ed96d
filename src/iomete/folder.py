"""A lakehouse folder: where things are in it, and that only its owner reads it."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from iomete.errors import LakehouseFolderError

DEFAULT_FOLDER = "lakehouse"
FOLDER_VARIABLE = "IOMETE_FOLDER"

_NOT_IN_LOCATIONS = set("#?%\\;,")
"""Characters that URLs, JDBC addresses or Hadoop paths give a meaning of their own."""

_TEMPLATE = """\
# Settings of this lakehouse; `iomete settings` lists all of them, with value and source.
# Arguments of connect() and IOMETE_<SECTION>__<KEY> variables come before what stands here.

[engine]
# master = "local[*]"
# driver_memory = "4g"
# progress = true

# [catalogs.archive]
# warehouse = "s3://bucket/prefix"
"""


@dataclass(frozen=True, slots=True)
class LakehouseFolder:
    """Paths inside a lakehouse folder; `root` is absolute."""

    root: Path

    @classmethod
    def at(cls, path: str | os.PathLike[str] | None) -> LakehouseFolder:
        """Return the folder at `path`, without making it; unset: `IOMETE_FOLDER`, `./lakehouse`.

        Raises:
            LakehouseFolderError: If it can't be the path of a lakehouse.
        """
        chosen = path if path is not None else os.environ.get(FOLDER_VARIABLE) or DEFAULT_FOLDER
        text = os.fspath(chosen)
        if not text.strip() or not text.isprintable():
            raise LakehouseFolderError(
                f"`{text[:200]!r}` is not a path.", hint="give the path of a folder, or nothing"
            )
        if "://" in text:
            raise LakehouseFolderError(
                f"`{text}` is a URL; a lakehouse folder is on this machine.",
                hint="give a local path; tables can be elsewhere: set `catalogs.lake.warehouse`",
            )
        try:
            root = Path(text).expanduser().absolute()
        except RuntimeError as error:  # `~somebody` who isn't there
            raise LakehouseFolderError(
                f"`{text}` names the home of a user that does not exist.",
                hint="give the path of a folder",
            ) from error
        if found := sorted(set(str(root)) & _NOT_IN_LOCATIONS):
            raise LakehouseFolderError(
                f"The lakehouse folder `{root}` has `{found[0]}` in its path, which engines read "
                "differently in a table's location.",
                hint="use another path",
            )
        return cls(root)

    @property
    def settings_file(self) -> Path:
        """Settings of this lakehouse."""
        return self.root / "iomete.toml"

    @property
    def catalog_database(self) -> Path:
        """Iceberg pointers (JDBC catalog); nothing else is written to this file."""
        return self.root / "catalog.db"

    @property
    def store_database(self) -> Path:
        """The metadata database."""
        return self.root / "store.db"

    @property
    def warehouse(self) -> Path:
        """Tables, a folder a catalog."""
        return self.root / "warehouse"

    @property
    def backups(self) -> Path:
        """Copies of the metadata database, made before it is migrated."""
        return self.root / "backups"

    @property
    def policies(self) -> Path:
        """The bundle of policies that Spark reads, and the one before."""
        return self.root / "policies"

    @property
    def spool(self) -> Path:
        """What drivers report until it is taken in: audit events."""
        return self.root / "spool"

    def exists(self) -> bool:
        """Tell whether a lakehouse was made here."""
        return self.store_database.exists() or self.settings_file.exists()

    def make(self) -> None:
        """Make the folder, readable by its owner only, and its settings file, where missing.

        Raises:
            LakehouseFolderError: If it can't be made, is not a folder, or can't be written.
        """
        try:
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._check_writable()
            self._check_owner_only()
            self.warehouse.mkdir(mode=0o700, exist_ok=True)
            if not self.settings_file.exists():
                self._write_settings_template()
        except LakehouseFolderError:
            raise
        except FileExistsError as error:
            raise LakehouseFolderError(
                f"`{self.root}` is a file, not a folder.", hint="give another path to connect()"
            ) from error
        except OSError as error:
            raise LakehouseFolderError(
                f"The lakehouse folder `{self.root}` can't be made: {error.strerror}.",
                hint="give connect() a path that you can write",
            ) from error

    def _check_writable(self) -> None:
        if not os.access(self.root, os.R_OK | os.W_OK | os.X_OK):
            raise LakehouseFolderError(
                f"The lakehouse folder `{self.root}` can't be written.",
                hint=f"ask its owner, or give connect() another path; see `ls -ld {self.root}`",
            )

    def _check_owner_only(self) -> None:
        """Close a folder that was made by hand; refuse one that others could have filled."""
        found = self.root.stat()
        if found.st_uid == os.geteuid():
            if stat.S_IMODE(found.st_mode) & 0o077:
                self.root.chmod(0o700)
        elif stat.S_IMODE(found.st_mode) & stat.S_IWOTH:
            raise LakehouseFolderError(
                f"The lakehouse folder `{self.root}` can be written by everyone.",
                hint=f"its owner has to run `chmod 700 {self.root}`",
            )

    def _write_settings_template(self) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        try:
            handle = os.open(self.settings_file, flags, 0o600)
        except FileExistsError:  # another process was first
            return
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(_TEMPLATE)
