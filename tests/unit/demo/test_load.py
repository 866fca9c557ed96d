"""The demo knows its own tables from other people's; no Spark is needed to tell."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from iomete.catalog import Catalog
from iomete.demo.steps.load import Found, find
from iomete.demo.tables import AIRLINES, AS_LOADED, DATA_VERSION, MARK
from iomete.errors import AlreadyExistsError
from iomete.folder import LakehouseFolder
from iomete.opening import described_catalogs
from iomete.settings import load_settings
from support.audit import trail_in
from support.gates import AdminGate


@pytest.fixture
def lake(tmp_path: Path) -> Any:
    folder = LakehouseFolder.at(tmp_path / "lakehouse")
    folder.make()
    catalogs = described_catalogs(folder, load_settings(folder.root))
    catalog = Catalog(
        catalogs,
        spark=lambda: pytest.fail("Spark was asked for"),
        owners=lambda: pytest.fail("owners were asked for"),
        gate=AdminGate(),
        trail=trail_in(tmp_path / "spool"),
    )
    yield SimpleNamespace(catalog=catalog)
    catalog.iceberg("lake").close()


def create(lake: Any, **properties: str) -> Any:
    lake.catalog.create_namespace("lake.nyc")
    iceberg = lake.catalog.iceberg("lake")
    table = iceberg.create_table(
        ("nyc", "airlines"), schema=AIRLINES.arrow_schema(), properties=properties
    )
    table.append(AIRLINES.read())
    return table


def tag(table: Any) -> None:
    table.manage_snapshots().create_tag(table.current_snapshot().snapshot_id, AS_LOADED).commit()


def test_nothing_is_there_in_a_new_lakehouse(lake: Any) -> None:
    assert find(lake, AIRLINES) is Found.NOTHING


def test_table_of_somebody_else_is_left_alone(lake: Any) -> None:
    tag(create(lake))
    with pytest.raises(AlreadyExistsError, match=r"`lake\.nyc\.airlines` exists.*Hint: "):
        find(lake, AIRLINES)


def test_interrupted_load_is_not_taken_for_a_table(lake: Any) -> None:
    create(lake, **{MARK: DATA_VERSION})
    assert find(lake, AIRLINES) is Found.INCOMPLETE


def test_older_data_is_loaded_anew(lake: Any) -> None:
    tag(create(lake, **{MARK: "0"}))
    assert find(lake, AIRLINES) is Found.INCOMPLETE


def test_change_is_noticed(lake: Any) -> None:
    table = create(lake, **{MARK: DATA_VERSION})
    tag(table)
    assert find(lake, AIRLINES) is Found.AS_LOADED
    table.append(AIRLINES.read())
    assert find(lake, AIRLINES) is Found.CHANGED
