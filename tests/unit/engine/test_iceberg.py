from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from pyiceberg.utils.properties import property_as_bool

from iomete.engine.iceberg import IcebergCatalog, resolve_catalogs
from iomete.errors import ConfigurationError
from iomete.settings import CatalogSettings, is_secret

FOLDER = Path("/data/lake")
PREFIX = "spark.sql.catalog.cold."
S3 = {
    "endpoint": "http://127.0.0.1:8333",
    "region": "eu-central-1",
    "access_key_id": "AKIA",
    "secret_access_key": "sesame",
    "session_token": "open",
    "path_style": True,
}
text = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)


def catalog(**settings: Any) -> IcebergCatalog:
    (found,) = resolve_catalogs(
        {"cold": CatalogSettings(**settings)},
        database=FOLDER / "catalog.db",
        warehouse=FOLDER / "warehouse",
    )
    return found


def spark(**settings: Any) -> dict[str, str]:
    properties = catalog(**settings).spark_properties()
    return {key.removeprefix(PREFIX): value for key, value in properties.items()}


def test_left_open_it_is_a_sqlite_file_and_a_folder_of_the_lakehouse() -> None:
    found = spark()
    assert found["spark.sql.catalog.cold"] == "org.apache.iceberg.spark.SparkCatalog"
    assert found["type"] == "jdbc"
    assert found["warehouse"] == "file:///data/lake/warehouse/cold"
    assert found["uri"].startswith("jdbc:sqlite:/data/lake/catalog.db?")
    assert {"journal_mode=WAL", "busy_timeout=30000"} <= set(found["uri"].split("?")[1].split("&"))
    assert found["cache-enabled"] == "false"
    assert "io-impl" not in found


def test_pyiceberg_opens_the_same_sqlite_file(tmp_path: Path) -> None:
    folder = tmp_path / "a folder+of ürsüla"
    folder.mkdir()
    found = IcebergCatalog(
        name="x", settings=CatalogSettings(), database=folder / "catalog.db", warehouse=None
    )
    engine = sa.create_engine(found.pyiceberg_properties()["uri"])
    with engine.connect() as connection:
        connection.execute(sa.text("CREATE TABLE t (n int)"))
    engine.dispose()
    assert [path.name for path in folder.iterdir()] == ["catalog.db"]
    assert found.spark_properties()["spark.sql.catalog.x.uri"].startswith(
        f"jdbc:sqlite:{folder}/catalog.db?"
    )


@pytest.mark.parametrize(
    "scheme", ["postgresql", "postgres", "postgresql+psycopg", "jdbc:postgresql"]
)
def test_every_spelling_of_postgresql_is_one(scheme: str) -> None:
    uri = f"{scheme}://bob:pw@db:5433/pointers?sslmode=require"
    assert spark(uri=uri)["uri"] == "jdbc:postgresql://db:5433/pointers?sslmode=require"
    assert (
        catalog(uri=uri).pyiceberg_properties()["uri"]
        == "postgresql+psycopg://bob:pw@db:5433/pointers?sslmode=require"
    )


def test_a_database_without_user_has_none() -> None:
    found = spark(uri="postgresql://[::1]:5433/pointers")
    assert found["uri"] == "jdbc:postgresql://[::1]:5433/pointers"
    assert not {"jdbc.user", "jdbc.password"} & set(found)


@given(user=text, password=text)
def test_quoted_user_and_password_reach_both_engines_as_they_are(user: str, password: str) -> None:
    uri = f"postgresql://{quote(user, safe='')}:{quote(password, safe='')}@db/pointers"
    found = spark(uri=uri)
    assert found["uri"] == "jdbc:postgresql://db/pointers"
    assert (found["jdbc.user"], found["jdbc.password"]) == (user, password)
    url = sa.make_url(catalog(uri=uri).pyiceberg_properties()["uri"])
    assert (url.username, url.password, url.host) == (user, password, "db")


@given(password=text.map(lambda value: f"s3cret{value}s3cret"))
def test_no_password_stands_under_a_key_that_is_printed(password: str) -> None:
    encoded = quote(password, safe="")
    for uri in (
        f"postgresql://bob:{encoded}@db/pointers",
        f"postgresql://db/pointers?user=bob&password={encoded}&sslmode=require",
        f"postgresql://bob@db/pointers?sslpassword={encoded}",
    ):
        printed = {k: v for k, v in catalog(uri=uri).spark_properties().items() if not is_secret(k)}
        assert "s3cret" not in str(printed)


def test_a_password_among_the_parameters_is_used() -> None:
    found = spark(uri="postgresql://db/pointers?user=bob&sslmode=require&password=p%26w")
    assert found["uri"] == "jdbc:postgresql://db/pointers?sslmode=require"
    assert (found["jdbc.user"], found["jdbc.password"]) == ("bob", "p&w")


@pytest.mark.parametrize("uri", ["mysql://bob:sesame@db/pointers", "https://bob:sesame@host/"])
def test_other_databases_are_refused_without_their_password(uri: str) -> None:
    found = catalog(uri=uri)
    for properties in (found.spark_properties, found.pyiceberg_properties):
        with pytest.raises(ConfigurationError, match=r"`catalogs\.cold\.uri` names no") as caught:
            properties()
        assert "sesame" not in str(caught.value)


def test_a_rest_catalog_carries_its_address_and_credentials() -> None:
    found = catalog(
        type="rest",
        uri="https://rest.example/catalog",
        token="t0ken",
        credential="id:secret",
        warehouse="team-a",
    )
    expected = {
        "type": "rest",
        "uri": "https://rest.example/catalog",
        "token": "t0ken",
        "credential": "id:secret",
        "warehouse": "team-a",
    }
    assert found.pyiceberg_properties() == expected
    own = {k.removeprefix(PREFIX): v for k, v in found.spark_properties().items()}
    assert expected.items() <= own.items()


def test_a_rest_service_chooses_its_warehouse_where_none_is_given() -> None:
    found = catalog(type="rest", uri="https://rest.example")
    assert found.warehouse is None
    assert PREFIX + "warehouse" not in found.spark_properties()
    assert "warehouse" not in found.pyiceberg_properties()


def test_a_rest_catalog_without_an_address_is_refused() -> None:
    found = catalog(type="rest")
    for properties in (found.spark_properties, found.pyiceberg_properties):
        with pytest.raises(ConfigurationError, match=r"set catalogs\.cold\.uri"):
            properties()


@pytest.mark.parametrize("scheme", ["s3", "s3a", "s3n"])
def test_tables_on_s3_are_read_by_icebergs_own_client(scheme: str) -> None:
    found = catalog(warehouse=f"{scheme}://bucket/cold", s3=S3)
    assert found.on_s3
    keys = {
        "s3.endpoint": "http://127.0.0.1:8333",
        "s3.access-key-id": "AKIA",
        "s3.secret-access-key": "sesame",
        "s3.session-token": "open",
        "s3.path-style-access": "true",
    }
    own = {k.removeprefix(PREFIX): v for k, v in found.spark_properties().items()}
    assert keys.items() <= own.items()
    assert own["io-impl"] == "org.apache.iceberg.aws.s3.S3FileIO"
    assert own["client.region"] == "eu-central-1"
    assert {**keys, "s3.region": "eu-central-1"}.items() <= found.pyiceberg_properties().items()


@pytest.mark.parametrize("path_style", [True, False])
def test_pyiceberg_addresses_buckets_as_spark_does(*, path_style: bool) -> None:
    found = catalog(warehouse="s3://bucket", s3={"path_style": path_style})
    properties = found.pyiceberg_properties()
    virtual = property_as_bool(properties, "s3.force-virtual-addressing", path_style)
    assert virtual is not path_style
    assert (PREFIX + "s3.path-style-access" in found.spark_properties()) is path_style


def test_unset_s3_values_are_left_to_the_environment() -> None:
    found = spark(warehouse="s3://bucket")
    assert not [key for key in found if key.startswith(("s3.", "client."))]


def test_secrets_of_s3_stand_under_keys_that_are_masked() -> None:
    found = catalog(warehouse="s3://bucket", s3=S3).spark_properties()
    assert not {"sesame", "open", "AKIA"} & {v for k, v in found.items() if not is_secret(k)}


def test_s3_settings_of_a_catalog_that_is_not_there_are_not_handed_on() -> None:
    assert not [key for key in spark(s3=S3) if key.startswith("s3.")]


def test_a_rest_service_may_keep_a_named_warehouse_on_s3() -> None:
    rest = {"type": "rest", "uri": "https://rest.example", "warehouse": "team-a"}
    assert catalog(**rest, s3={"region": "eu"}).on_s3
    assert not catalog(**rest).on_s3
    assert not catalog(**{**rest, "warehouse": "gs://bucket"}, s3={"region": "eu"}).on_s3


def test_further_properties_come_last_and_reach_both() -> None:
    given = {"cache-enabled": "true", "x.y": "z"}
    assert given.items() <= spark(properties=given).items()
    assert given.items() <= catalog(properties=given).pyiceberg_properties().items()


@pytest.mark.parametrize(
    ("given", "location"),
    [
        ("/elsewhere/tables", "file:///elsewhere/tables"),
        ("file:///elsewhere", "file:///elsewhere"),
        ("s3://bucket/prefix", "s3://bucket/prefix"),
        ("/with space/ü", "file:///with space/ü"),
    ],
)
def test_a_warehouse_is_a_location(given: str, location: str) -> None:
    assert catalog(warehouse=given).warehouse == location


def test_a_relative_warehouse_is_made_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/bob")
    assert catalog(warehouse="tables").warehouse == f"file://{tmp_path}/tables"
    assert catalog(warehouse="~/tables").warehouse == "file:///home/bob/tables"
