from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from iomete.errors import ConfigurationError, SettingsError
from iomete.settings import MASKED, LoadedSettings, Settings, is_secret, load_settings, shown
from iomete.store import StoreUrl


def load(
    folder: Path, toml: str = "", *, arguments: Any = None, **environment: str
) -> LoadedSettings:
    if toml:
        (folder / "iomete.toml").write_text(toml, "utf-8")
    return load_settings(folder, arguments=arguments, environment=environment)


def source_of(loaded: LoadedSettings, key: str) -> str:
    return next(value.source for value in loaded.values() if value.key == key)


def problems(*args: Any, **kwargs: Any) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as caught:
        load(*args, **kwargs)
    return caught.value.problems


def test_without_anything_all_settings_are_defaults(tmp_path: Path) -> None:
    loaded = load(tmp_path / "not-there")
    assert loaded.settings == Settings()
    assert list(loaded.settings.catalogs) == ["lake"]
    assert {value.source for value in loaded.values()} == {"default"}


def test_arguments_come_before_environment_before_file_before_defaults(tmp_path: Path) -> None:
    toml = '[engine]\nmaster = "local[1]"\nui_port = 1\nlog_level = "WARN"\n'
    loaded = load(
        tmp_path,
        toml,
        arguments={"engine": {"master": "local[3]"}},
        IOMETE_ENGINE__MASTER="local[2]",
        IOMETE_ENGINE__UI_PORT="2",
    )
    engine = loaded.settings.engine
    assert (engine.master, engine.ui_port, engine.log_level) == ("local[3]", 2, "WARN")
    assert engine.progress is False
    assert source_of(loaded, "engine.master") == "argument"
    assert source_of(loaded, "engine.ui_port") == "environment IOMETE_ENGINE__UI_PORT"
    assert source_of(loaded, "engine.log_level") == str(tmp_path / "iomete.toml")
    assert source_of(loaded, "engine.progress") == "default"


def test_layers_add_up_within_a_catalog(tmp_path: Path) -> None:
    toml = '[catalogs.cold]\nwarehouse = "s3://b/p"\n[catalogs.cold.s3]\nregion = "eu"\n'
    loaded = load(
        tmp_path,
        toml,
        arguments={"catalogs": {"hot": {"warehouse": "/hot"}}},
        IOMETE_CATALOGS__COLD__S3__REGION="us",
        IOMETE_CATALOGS__COLD__S3__PATH_STYLE="true",
    )
    cold = loaded.settings.catalogs["cold"]
    assert (cold.warehouse, cold.s3.region, cold.s3.path_style) == ("s3://b/p", "us", True)
    assert set(loaded.settings.catalogs) == {"lake", "cold", "hot"}
    assert source_of(loaded, "catalogs.cold.warehouse") == str(tmp_path / "iomete.toml")
    assert (
        source_of(loaded, "catalogs.cold.s3.region")
        == "environment IOMETE_CATALOGS__COLD__S3__REGION"
    )
    assert source_of(loaded, "catalogs.hot.warehouse") == "argument"


def test_a_variable_may_make_a_catalog(tmp_path: Path) -> None:
    loaded = load(tmp_path, IOMETE_CATALOGS__COLD__S3__REGION="eu")
    assert loaded.settings.catalogs["cold"].s3.region == "eu"
    assert "lake" in loaded.settings.catalogs


def test_lake_is_always_the_first_catalog(tmp_path: Path) -> None:
    loaded = load(tmp_path, '[catalogs.a]\n[catalogs.lake]\nwarehouse = "/w"\n')
    assert list(loaded.settings.catalogs) == ["lake", "a"]
    assert loaded.settings.catalogs["lake"].warehouse == "/w"


def test_spark_configuration_may_be_nested_and_becomes_text(tmp_path: Path) -> None:
    toml = '[engine.spark]\nspark.a.b = true\n"spark.c" = 3\n[engine.spark.spark.d]\ne = "f"\n'
    loaded = load(tmp_path, toml)
    expected = {"spark.a.b": "true", "spark.c": "3", "spark.d.e": "f"}
    assert loaded.settings.engine.spark == expected
    assert source_of(loaded, "engine.spark") == str(tmp_path / "iomete.toml")


def test_spark_configuration_in_a_variable_is_json(tmp_path: Path) -> None:
    loaded = load(tmp_path, IOMETE_ENGINE__SPARK='{"spark.dynamicAllocation.enabled": false}')
    assert loaded.settings.engine.spark == {"spark.dynamicAllocation.enabled": "false"}


@pytest.mark.parametrize("name", ["IOMETE_ENGINE__SPARK", "IOMETE_CATALOGS__COLD__S3"])
def test_a_variable_that_should_be_json_and_is_not_is_an_error_of_ours(
    tmp_path: Path, name: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, **{name: "hunter2"})
    assert name.split("__", maxsplit=1)[0] in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_every_problem_is_named_at_once_with_its_source(tmp_path: Path) -> None:
    toml = '[engine]\nui_port = 70000\ndriver_memory = "lots"\n[stroe]\nurl = "x"\n'
    found = problems(
        tmp_path,
        toml,
        arguments={"engine": {"log_level": "LOUD"}},
        IOMETE_ENGINE__UI="perhaps",
        IOMETE_ENGINE__MASTRE="local",
    )
    file = tmp_path / "iomete.toml"
    starts = {problem.partition(": ")[0] for problem in found}
    assert starts == {
        f"`engine.ui_port` ({file})",
        f"`engine.driver_memory` ({file})",
        "`engine.ui` (environment IOMETE_ENGINE__UI)",
        "`engine.mastre` (environment IOMETE_ENGINE__MASTRE)",
        "`engine.log_level` (argument)",
        f"`stroe` ({file})",
    }


def test_unknown_keys_are_called_that(tmp_path: Path) -> None:
    toml = "[engine]\nuix = true\n[catalogs.cold.s3]\nzone = 1\n"
    file = tmp_path / "iomete.toml"
    assert problems(tmp_path, toml) == (
        f"`engine.uix` ({file}): is not a setting",
        f"`catalogs.cold.s3.zone` ({file}): is not a setting",
    )


def test_the_hint_lists_where_settings_were_looked_for(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, arguments={"engine": {"x": 1}})
    assert "iomete settings" in str(caught.value.hint)
    assert "IOMETE_*" in str(caught.value.hint)
    assert str(tmp_path / "iomete.toml") in str(caught.value.hint)


def test_a_misspelt_section_in_a_variable_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, IOMETE_ENGIN__UI="1", IOMETE_CATALOG__A__TYPE="rest")
    assert caught.value.problems == (
        "environment variable `IOMETE_CATALOG__A__TYPE` names no section",
        "environment variable `IOMETE_ENGIN__UI` names no section",
    )
    assert caught.value.hint == "sections are audit, catalogs, engine, governance, store"


@pytest.mark.parametrize(
    "name",
    ["ENGINE", "ENGINE__UI", "IOMETE_ENGINE", "IOMETE_FOLDER", "STORE", "CATALOGS", "XIOMETE_A__B"],
)
def test_variables_that_are_not_settings_are_left_alone(tmp_path: Path, name: str) -> None:
    assert load(tmp_path, **{name: '{"ui": true}'}).settings == Settings()


def test_a_single_underscore_after_the_section_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="`IOMETE_ENGINE_MASTER` has a single `_`") as caught:
        load(tmp_path, IOMETE_ENGINE_MASTER="local")
    assert "IOMETE_ENGINE__MASTER" in str(caught.value.hint)


def test_unset_the_process_environment_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IOMETE_ENGINE__UI", "true")
    monkeypatch.setenv("ENGINE", "not a setting")
    assert load_settings(tmp_path).settings.engine.ui is True


def test_broken_toml_is_named_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"is not valid TOML: .*line 2") as caught:
        load(tmp_path, "[engine]\nmaster = local\n")
    assert caught.value.hint == f"edit {tmp_path / 'iomete.toml'}"


def test_a_file_that_is_not_utf8_is_no_toml(tmp_path: Path) -> None:
    (tmp_path / "iomete.toml").write_bytes(b"# \xff\n")
    assert "not valid TOML" in problems(tmp_path)[0]


def test_a_file_that_can_not_be_read_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "iomete.toml").mkdir()
    assert "can't be read: Is a directory" in problems(tmp_path)[0]


def test_a_folder_that_is_a_file_holds_no_settings(tmp_path: Path) -> None:
    (tmp_path / "file").touch()  # what is wrong with it, the folder says itself
    assert load(tmp_path / "file").settings == Settings()


def test_sparks_own_catalog_is_not_ours_to_name(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, "[catalogs.spark_catalog]\n")
    assert "`spark_catalog` is Spark's own" in problem


@pytest.mark.parametrize("name", ["a-b", "1a", "a.b", "", "a b", "a`b", "ü"])
def test_catalog_names_are_plain_identifiers(tmp_path: Path, name: str) -> None:
    (problem,) = problems(tmp_path, arguments={"catalogs": {name: {}}})
    assert problem.startswith(f"`catalogs.{name}`")


@pytest.mark.parametrize("uri", ["catalog.db", "db/pointers", ""])
def test_a_catalog_address_is_a_url(tmp_path: Path, uri: str) -> None:
    (problem,) = problems(tmp_path, arguments={"catalogs": {"a": {"uri": uri}}})
    assert "must be a URL" in problem


@pytest.mark.parametrize("repository", ["repo.example/maven2", "ftp://repo.example", "data:,x"])
def test_jars_come_from_http_or_a_folder(tmp_path: Path, repository: str) -> None:
    (problem,) = problems(tmp_path, arguments={"engine": {"repository": repository}})
    assert problem.startswith("`engine.repository`")


def test_settings_do_not_change_once_read(tmp_path: Path) -> None:
    with pytest.raises(ValidationError):
        load(tmp_path).settings.engine.ui = True  # type: ignore[misc]


SECRETS: dict[str, Any] = {
    "store": {"url": "postgresql://u:s3cret-1@h/db"},
    "engine": {
        "spark": {"spark.hadoop.fs.s3a.secret.key": "s3cret-2", "spark.x.password": "s3cret-3"}
    },
    "catalogs": {
        "cold": {
            "uri": "postgresql://u:s3cret-4@h/db",
            "token": "s3cret-5",
            "credential": "id:s3cret-6",
            "s3": {"secret_access_key": "s3cret-7", "session_token": "s3cret-8"},
            "properties": {"s3.secret-access-key": "s3cret-9"},
        }
    },
}


def test_secrets_are_masked_wherever_settings_are_listed(tmp_path: Path) -> None:
    loaded = load(tmp_path, arguments=SECRETS)
    listed = {value.key: value.value for value in loaded.values()}
    assert "s3cret" not in repr(loaded.values())
    for key in (
        "store.url",
        "catalogs.cold.uri",
        "catalogs.cold.token",
        "catalogs.cold.credential",
    ):
        assert listed[key] == MASKED
    assert listed["catalogs.cold.s3.secret_access_key"] == MASKED
    assert listed["engine.spark"].count(MASKED) == 2
    assert listed["catalogs.lake.token"] == ""


def test_secrets_of_secret_fields_are_masked_in_representations(tmp_path: Path) -> None:
    given = {**SECRETS, "engine": {}}
    given["catalogs"] = {"cold": {**SECRETS["catalogs"]["cold"], "properties": {}}}
    loaded = load(tmp_path, arguments=given)
    assert "s3cret" not in f"{loaded!r} {loaded.settings} {loaded.settings!r}"


def test_no_error_repeats_what_was_given(tmp_path: Path) -> None:
    wrong = {
        "store": {"url": ["s3cret"], "urll": "s3cret"},
        "catalogs": {"a": {"uri": "s3cret", "token": 5, "s3": {"session_token": {"s3cret": 1}}}},
        "engine": {"spark": "s3cret", "repository": "s3cret://x"},
    }
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, arguments=wrong)
    error = caught.value
    assert len(error.problems) >= 5
    assert "s3cret" not in f"{error} {error!r} {error.hint}"
    assert error.__cause__ is None
    assert error.__suppress_context__


@given(secret=st.text(min_size=1, max_size=20).map(lambda text: f"s3cret{text}"))
def test_what_a_secret_key_names_is_never_shown(secret: str) -> None:
    for key in ("spark.sql.catalog.a.jdbc.password", "a.Token", "s3.access-key-id", "privateKey"):
        assert is_secret(key)
        assert "s3cret" not in shown(key, secret) + shown("properties", {key: secret})
    assert shown("engine.master", "local[2]") == "local[2]"


def test_every_setting_is_listed_once_with_its_meaning(tmp_path: Path) -> None:
    values = load(tmp_path, IOMETE_CATALOGS__COLD__WAREHOUSE="/cold").values()
    keys = [value.key for value in values]
    assert len(keys) == len(set(keys))
    assert [value.key for value in values if not value.description] == []
    assert {"engine.master", "store.url", "catalogs.lake.type", "catalogs.cold.s3.region"} <= {
        *keys
    }


def test_paths_and_flags_are_listed_as_people_write_them(tmp_path: Path) -> None:
    loaded = load(tmp_path, arguments=json.loads('{"engine": {"java_home": "/jdk", "ui": true}}'))
    listed = {value.key: value.value for value in loaded.values()}
    assert listed["engine.java_home"] == "/jdk"
    assert listed["engine.driver_memory"] == ""
    assert listed["engine.ui"].lower() == "true"


@pytest.mark.parametrize("password", ["hunter/2", "a?b", "x#y/z"])
def test_a_password_that_would_end_the_host_is_refused_without_showing_it(
    tmp_path: Path, password: str
) -> None:
    uri = f"postgresql://u:{password}@h/db"
    with pytest.raises(SettingsError, match="percent-encoded") as caught:
        load_settings(tmp_path, arguments={"catalogs": {"far": {"uri": uri}}}, environment={})
    assert password not in str(caught.value)


def test_a_repository_with_a_password_is_refused_without_showing_it(tmp_path: Path) -> None:
    address = "https://u:hunter2@mirror.example/maven2"
    with pytest.raises(SettingsError, match="can't hold a user") as caught:
        load_settings(tmp_path, arguments={"engine": {"repository": address}}, environment={})
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("master", ["", "  "])
def test_a_master_is_something(tmp_path: Path, master: str) -> None:
    (problem,) = problems(tmp_path, arguments={"engine": {"master": master}})
    assert problem.startswith("`engine.master` (argument)")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "mysql://u:hunter2@h/db",
        "jdbc:postgresql://u:hunter2@h/db",
        "postgresql://u:hunter2@h:port/db",
        "sqlite://",
        "sqlite:///:memory:",
        "a\0b",
    ],
)
def test_a_store_that_can_not_be_opened_is_refused_without_showing_it(
    tmp_path: Path, url: str
) -> None:
    with pytest.raises(ConfigurationError):
        StoreUrl.parse(url)
    (problem,) = problems(tmp_path, arguments={"store": {"url": url}})
    assert problem.startswith("`store.url` (argument)")
    assert "hunter2" not in problem


@pytest.mark.parametrize("url", ["postgresql:u:hunter2@h/db", "postgresql://u:hunter2@h:70000/db"])
def test_a_store_that_is_misspelt_is_refused_without_showing_it(tmp_path: Path, url: str) -> None:
    (problem,) = problems(tmp_path, arguments={"store": {"url": url}})
    assert "hunter2" not in problem


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:p@h/db",
        "postgres://u:p@h:5432/db",
        "postgresql+psycopg://h/db?sslmode=require",
        "postgresql://u:a/b?c@[::1]:5432/db",
        "postgresql:///db?host=/run/postgresql",
        "sqlite:////data/store.db",
        "sqlite:///store.db",
        "/data/store.db",
        "store.db",
    ],
)
def test_what_the_store_opens_is_a_setting(tmp_path: Path, url: str) -> None:
    StoreUrl.parse(url)
    found = load(tmp_path, arguments={"store": {"url": url}}).settings.store.url
    assert found is not None
    assert found.get_secret_value() == url


def test_a_rest_catalog_needs_an_address(tmp_path: Path) -> None:
    toml = '[catalogs.a]\ntype = "rest"\n[catalogs.b]\ntype = "rest"\n[engine]\nui_port = -1\n'
    found = problems(tmp_path, toml)
    file = tmp_path / "iomete.toml"
    assert {problem.partition(": ")[0] for problem in found} == {
        f"`catalogs.a` ({file})",
        f"`catalogs.b` ({file})",
        f"`engine.ui_port` ({file})",
    }
    assert sum("`uri` is missing" in problem for problem in found) == 2
    assert load(
        tmp_path,
        toml,
        IOMETE_CATALOGS__A__URI="https://a",
        IOMETE_CATALOGS__B__URI="https://b",
        IOMETE_ENGINE__UI_PORT="0",
    )


@pytest.mark.parametrize("port", ["port", "0", "65536", "-1", "1,h:2"])
def test_a_port_in_a_url_is_a_number_in_range(tmp_path: Path, port: str) -> None:
    found = problems(
        tmp_path,
        arguments={
            "engine": {"repository": f"https://mirror:{port}/maven2"},
            "store": {"url": f"postgresql://u:hunter2@h:{port}/db"},
            "catalogs": {
                "a": {"uri": f"jdbc:postgresql://u:hunter2@h:{port}/db"},
                "b": {"type": "rest", "uri": f"https://h:{port}"},
                "c": {"s3": {"endpoint": f"https://h:{port}"}},
            },
        },
    )
    assert [problem.partition(" ")[0] for problem in found] == [
        "`engine.repository`",
        "`store.url`",
        "`catalogs.a.uri`",
        "`catalogs.b.uri`",
        "`catalogs.c.s3.endpoint`",
    ]
    assert all("port" in problem.partition(": ")[2] for problem in found)
    assert "hunter2" not in "".join(found)


@pytest.mark.parametrize("endpoint", ["s3.example:9000", "", "ftp://s3.example"])
def test_an_s3_server_is_a_url(tmp_path: Path, endpoint: str) -> None:
    (problem,) = problems(tmp_path, arguments={"catalogs": {"a": {"s3": {"endpoint": endpoint}}}})
    assert problem.startswith("`catalogs.a.s3.endpoint`")


RANGER = {"url": "https://ranger.example:6182/", "service": "lakehouse"}


def test_policies_may_come_from_ranger(tmp_path: Path) -> None:
    loaded = load(
        tmp_path,
        '[governance]\nsource = "ranger"\n'
        '[governance.ranger]\nurl = "https://ranger.example:6182/"\nservice = "lakehouse"\n'
        'user = "iomete"\npoll_seconds = 5\n',
        IOMETE_GOVERNANCE__RANGER__PASSWORD="hunter2",
    )
    ranger = loaded.settings.governance.ranger
    assert (ranger.url, ranger.poll_seconds) == ("https://ranger.example:6182", 5)
    assert ranger.password is not None
    assert ranger.password.get_secret_value() == "hunter2"
    assert "hunter2" not in repr(loaded) + str(loaded.values())


@pytest.mark.parametrize("missing", ["url", "service"])
def test_ranger_has_to_be_told(tmp_path: Path, missing: str) -> None:
    told = {key: value for key, value in RANGER.items() if key != missing}
    (problem,) = problems(tmp_path, arguments={"governance": {"source": "ranger", "ranger": told}})
    assert f"`ranger.{missing}` is missing" in problem


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "ranger.example"},
        {"url": "https://me:hunter2@ranger.example"},
        {"url": "https://ranger.example?token=hunter2"},
        {"url": "https://ranger.example:0"},
        {"user": "iomete"},
        {"password": "hunter2"},
        {"user": "io:mete", "password": "hunter2"},
        {"user": "iomete", "password": "hunter2", "token": "hunter2"},
        {"poll_seconds": 0},
        {"timeout_seconds": -1},
    ],
)
def test_half_a_ranger_is_refused(tmp_path: Path, wrong: dict[str, object]) -> None:
    (problem,) = problems(tmp_path, arguments={"governance": {"ranger": {**RANGER, **wrong}}})
    assert problem.startswith("`governance.ranger")
    assert "hunter2" not in problem
