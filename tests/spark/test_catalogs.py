"""Catalogs other than the default one: PostgreSQL, REST, S3, and several at once."""

from __future__ import annotations

import json

import pytest

from support.postgres import PostgresServer
from support.scripts import RunScript
from support.seaweed import S3Server

USE_CATALOG = """
import json, sys
import pyarrow as pa
import iomete
name, settings = sys.argv[1], json.loads(sys.argv[2])
with iomete.connect("lakehouse", **settings) as lake:
    lake.catalog.create_namespace(f"{name}.sales")
    lake.sql(f"CREATE TABLE {name}.sales.orders AS SELECT id, id * 1.5 AS amount FROM range(4)")
    lake.catalog.load_table(f"{name}.sales.orders").append(
        pa.table({"id": [9], "amount": pa.array([__import__("decimal").Decimal("1.5")],
                                                pa.decimal128(22, 1))}))
    print(lake.table(f"{name}.sales.orders").count())
    print(lake.catalog.load_table(f"{name}.sales.orders").location())
    print(lake.catalog.list_tables(f"{name}.sales"), lake.catalog.list_catalogs())
"""


def use(run_script: RunScript, name: str, **settings: object) -> list[str]:
    return run_script(USE_CATALOG, name, json.dumps(settings)).stdout.splitlines()


def test_jdbc_catalog_and_store_on_postgresql(run_script: RunScript, postgres_url: str) -> None:
    count, location, names = use(
        run_script,
        "shared",
        catalogs={"shared": {"uri": postgres_url}},
        store={"url": postgres_url},
    )
    assert count == "5"
    assert "/lakehouse/warehouse/shared/" in location
    assert names == "['shared.sales.orders'] ['lake', 'shared', 'spark_catalog']"


def test_warehouse_on_s3(run_script: RunScript, s3_server: S3Server) -> None:
    warehouse = f"s3://{s3_server.bucket}/warehouse"
    catalogs = {"lake": {"warehouse": warehouse, "s3": s3_server.settings()}}
    count, location, _ = use(run_script, "lake", catalogs=catalogs)
    assert count == "5"
    assert location.startswith(warehouse)


def test_rest_catalog(run_script: RunScript, s3_server: S3Server) -> None:
    catalogs = {
        "rest": {
            "type": "rest",
            "uri": s3_server.rest_catalog,
            "warehouse": "s3://tables",
            "credential": f"{s3_server.access_key}:{s3_server.secret_key}",
            "s3": s3_server.settings(),
        }
    }
    count, location, _ = use(run_script, "rest", catalogs=catalogs)
    assert count == "5"
    assert location.startswith("s3://")


def test_names_of_the_session_catalog_survive_in_postgresql(
    run_script: RunScript, postgres_url: str
) -> None:
    make = """
import iomete, sys
with iomete.connect("lakehouse", store={"url": sys.argv[1]}) as lake:
    lake.sql("CREATE TABLE IF NOT EXISTS spark_catalog.default.d USING delta AS SELECT 4 AS n")
    print(lake.table("spark_catalog.default.d").first().n)
"""
    assert run_script(make, postgres_url).stdout.split() == ["4"]
    assert run_script(make, postgres_url).stdout.split() == ["4"]


def test_an_unreachable_store_is_an_error_without_its_password(
    run_script: RunScript, postgres_server: PostgresServer
) -> None:
    url = postgres_server.url("postgres", password="wrong-secret")
    done = run_script(
        """
import iomete, sys
from iomete.errors import StoreUnavailableError
try:
    iomete.connect("lakehouse", store={"url": sys.argv[1]})
except StoreUnavailableError as error:
    print(error)
""",
        url,
    )
    assert done.stdout.strip()
    assert "wrong-secret" not in done.stdout + done.stderr


@pytest.mark.parametrize("uri", ["mysql://h/db", "jdbc:oracle:thin://h"])
def test_a_database_that_a_catalog_cannot_use_is_refused(uri: str, tmp_path: object) -> None:
    import iomete
    from iomete.errors import ConfigurationError

    with pytest.raises(ConfigurationError, match=r"catalogs\.x"):
        iomete.connect(f"{tmp_path}/new", catalogs={"x": {"uri": uri}})
