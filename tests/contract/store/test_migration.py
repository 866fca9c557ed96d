import importlib
import shutil
from importlib.resources import files
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

import iomete
from iomete.errors import StoreCorruptError, StoreError, StoreSchemaError
from iomete.store import Store, StoreUrl, metadata, migration
from iomete.store.schema import HEAD_REVISION, REVISIONS, VERSION_TABLE

SESSION_OBJECT = {
    "kind": "view",
    "database_name": "default",
    "object_name": "orders",
    "definition": "{}",
    "updated_at": "2026-01-01T00:00:00Z",
}


def import_every_declared_table() -> None:
    package = Path(iomete.__file__).parent
    for module in package.rglob("*tables.py"):
        parts = module.relative_to(package).with_suffix("").parts
        importlib.import_module(".".join(["iomete", *parts]))


def set_revision(store: Store, revision: str) -> None:
    with store.write() as connection:
        connection.execute(sa.text(f"UPDATE {VERSION_TABLE} SET version_num = '{revision}'"))


def tables(store: Store) -> set[str]:
    with store.read() as connection:
        return set(sa.inspect(connection).get_table_names())


def test_migrations_make_exactly_the_declared_tables(store: Store) -> None:
    import_every_declared_table()
    with store.read() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "version_table": VERSION_TABLE,
                "compare_type": True,
                "compare_server_default": True,
            },
        )
        assert compare_metadata(context, metadata) == []
    assert {"lakehouse", "session_objects"} <= set(metadata.tables)


def test_the_known_revisions_are_the_migrations_there_are() -> None:
    config = Config()
    config.set_main_option("script_location", migration.SCRIPTS)
    scripts = ScriptDirectory.from_config(config)
    assert tuple(script.revision for script in scripts.walk_revisions())[::-1] == REVISIONS
    assert scripts.get_heads() == [HEAD_REVISION]


def test_an_older_store_is_migrated_and_keeps_its_rows(store_url: str, make_store_at) -> None:
    make_store_at(store_url, "0001")
    with Store.open(store_url) as store:
        assert store.schema_revision == HEAD_REVISION
        assert "session_objects" in tables(store)
        before = store.identity()
        set_revision(store, HEAD_REVISION)
    with Store.open(store_url) as store:
        assert store.identity() == before


@pytest.mark.parametrize("first", ["0001", None])
def test_processes_that_migrate_at_once_all_succeed(
    store_url: str, make_store_at, run_workers, tmp_path: Path, first: str | None
) -> None:
    if first:
        make_store_at(store_url, first)
    assert len(set(run_workers("identify", store_url, processes=3))) == 1
    copies = 1 if first and StoreUrl.parse(store_url).is_sqlite else 0
    assert len(list(tmp_path.glob("backups/*"))) == copies


def test_a_newer_store_is_refused_untouched(store: Store, store_url: str) -> None:
    set_revision(store, "9999")
    before = tables(store)
    with pytest.raises(StoreSchemaError, match=r"`9999`.*Hint: pip install --upgrade"):
        Store.open(store_url)
    assert tables(store) == before


def test_a_store_without_its_revision_is_damaged(store: Store, store_url: str) -> None:
    with store.write() as connection:
        connection.execute(sa.text(f"DELETE FROM {VERSION_TABLE}"))
    with pytest.raises(StoreCorruptError, match="0 revisions"):
        Store.open(store_url)


def test_a_migration_that_fails_leaves_the_older_store(
    store_url: str, make_store_at, tmp_path: Path, monkeypatch
) -> None:
    make_store_at(store_url, "0001")
    scripts = tmp_path / "scripts"
    shutil.copytree(str(files("iomete.store") / "migrations"), scripts)
    broken = scripts / "versions" / "0002_session_objects.py"
    broken.write_text(
        broken.read_text() + "    op.drop_table('lakehouse')\n    raise ZeroDivisionError\n"
    )
    with monkeypatch.context() as patched:
        patched.setattr(migration, "SCRIPTS", str(scripts))
        with pytest.raises(StoreError, match=r"from revision `0001`.*left as it was") as caught:
            Store.open(store_url)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert not list(tmp_path.glob("backups/*"))  # a copy of what never changed
    with Store.open(store_url) as store:  # the lakehouse table and its row are still there
        assert store.identity().id
        assert "session_objects" in tables(store)


def test_the_java_sides_table_takes_plain_text(store: Store) -> None:
    import_every_declared_table()
    session_objects = metadata.tables["session_objects"]
    with store.write() as connection:
        connection.execute(sa.insert(session_objects).values(SESSION_OBJECT))
    with store.read() as connection:
        row = connection.execute(sa.select(session_objects)).one()
    assert row._mapping == SESSION_OBJECT | {"location": None}
