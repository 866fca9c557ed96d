"""What a principal sees of a table with masks and filters."""

from __future__ import annotations

import pytest
from pyspark.errors import AnalysisException

import iomete
from iomete.errors import InvalidPolicyError, QueryDeniedError
from spark.governance.conftest import Newcomer


@pytest.fixture
def reader_name(lake: iomete.Lakehouse, people: str, newcomer: Newcomer) -> str:
    name = newcomer(attributes={"region": "EU", "levels": [7, 9]})
    lake.policies.grant("select", on=people, to=name)
    return name


@pytest.fixture
def reader(lake: iomete.Lakehouse, reader_name: str) -> iomete.Lakehouse:
    return lake.as_principal(reader_name)


def rows(lake: iomete.Lakehouse, query: str) -> list[tuple[object, ...]]:
    return [tuple(row) for row in lake.sql(query).collect()]


def test_a_masked_value_is_masked_in_every_clause(
    lake: iomete.Lakehouse, people: str, reader: iomete.Lakehouse, reader_name: str
) -> None:
    lake.policies.mask(people, "ssn", "partial", show_last=2, to=reader_name)
    assert rows(reader, f"SELECT ssn FROM {people} WHERE id = 1") == [("*********11",)]
    assert rows(reader, f"SELECT id FROM {people} WHERE ssn = '111-11-1111'") == []
    assert rows(reader, f"SELECT id FROM {people} WHERE ssn = '*********11'") == [(1,)]
    grouped = rows(reader, f"SELECT ssn, count(*) FROM {people} GROUP BY ssn ORDER BY ssn LIMIT 1")
    assert grouped == [("*********11", 1)]


def test_fields_of_structs_are_masked_one_by_one(
    lake: iomete.Lakehouse, people: str, reader: iomete.Lakehouse, reader_name: str
) -> None:
    lake.policies.mask(people, "home.zip", "redact", to=reader_name)
    assert rows(reader, f"SELECT home.city, home.zip FROM {people} WHERE id = 1") == [
        ("Rome", "nnnnn")
    ]
    assert rows(reader, f"SELECT id FROM {people} WHERE home.zip LIKE '0%'") == []


def test_a_mask_that_nullifies_makes_a_column_nullable(
    lake: iomete.Lakehouse, people: str, reader: iomete.Lakehouse, reader_name: str
) -> None:
    lake.policies.mask(people, "score", "nullify", to=reader_name)
    assert rows(reader, f"SELECT score, score + 1, coalesce(score, -1) FROM {people} LIMIT 1") == [
        (None, None, -1)
    ]
    assert rows(reader, f"SELECT count(*) FROM {people} WHERE score IS NULL") == [(3,)]


def test_attributes_of_the_user_are_typed_literals(
    lake: iomete.Lakehouse, people: str, reader: iomete.Lakehouse, reader_name: str
) -> None:
    lake.policies.filter_rows(
        people,
        "region = ${{USER.region}} AND array_contains(user_attribute('levels'), score)",
        to=reader_name,
    )
    assert rows(reader, f"SELECT id FROM {people}") == [(1,)]
    lake.principals.set_attribute(reader_name, "region", "' OR true OR '")
    assert rows(reader, f"SELECT id FROM {people}") == []


def test_a_missing_attribute_hides_all_rows(
    lake: iomete.Lakehouse, people: str, reader: iomete.Lakehouse, reader_name: str
) -> None:
    lake.policies.filter_rows(people, "region <> user_attribute('nope')", to=reader_name)
    assert rows(reader, f"SELECT id FROM {people}") == []


def test_a_filter_that_fails_on_a_row_hides_it_and_shows_nothing(
    lake: iomete.Lakehouse, people: str, reader: iomete.Lakehouse, reader_name: str
) -> None:
    lake.policies.filter_rows(people, "10 / (score - 8) > 0", to=reader_name)
    assert rows(reader, f"SELECT id FROM {people}") == [(3,)]


def test_a_custom_mask_that_fails_gives_null_and_no_raw_value(
    lake: iomete.Lakehouse, people: str, reader: iomete.Lakehouse, reader_name: str
) -> None:
    lake.policies.mask(people, "ssn", "custom", expression="CAST({col} AS INT)", to=reader_name)
    assert rows(reader, f"SELECT DISTINCT ssn FROM {people}") == [(None,)]


def test_a_custom_mask_on_a_field_of_a_struct_sees_what_other_masks_left(
    lake: iomete.Lakehouse, people: str, reader: iomete.Lakehouse, reader_name: str
) -> None:
    shown = "concat(left({col}, 2), '-', home.city, '-', region)"
    lake.policies.mask(people, "home.zip", "custom", expression=shown, to=reader_name)
    assert rows(reader, f"SELECT home.zip, home.city FROM {people} WHERE id = 1") == [
        ("00-Rome-EU", "Rome")
    ]
    lake.policies.mask(people, "home.city", "redact", to=reader_name)
    assert rows(reader, f"SELECT home.zip, home FROM {people} WHERE id = 1") == [
        ("00-Xxxx-EU", ("Xxxx", "00-Xxxx-EU"))
    ]
    lake.sql(f"INSERT INTO {people} (id, score) VALUES (9, 1)")
    assert rows(reader, f"SELECT home, home.zip FROM {people} WHERE id = 9") == [(None, None)]
    assert rows(reader, f"SELECT id FROM {people} WHERE home.zip = '00100'") == []


@pytest.mark.parametrize(
    ("column", "expression", "told"),
    [
        ("home.zip", "nothing", "nothing"),
        ("home.street", "left({col}, 1)", "home.street` is not in"),
        ("stays.city", "left({col}, 1)", "inside of arrays"),
    ],
)
def test_a_custom_mask_on_a_field_is_checked_when_it_is_written(
    lake: iomete.Lakehouse,
    people: str,
    reader_name: str,
    column: str,
    expression: str,
    told: str,
) -> None:
    lake.sql(f"ALTER TABLE {people} ADD COLUMN stays ARRAY<STRUCT<city: STRING>>")
    with pytest.raises(InvalidPolicyError, match=told):
        lake.policies.mask(people, column, "custom", expression=expression, to=reader_name)


def test_a_predicate_never_meets_a_hidden_row(
    lake: iomete.Lakehouse, people: str, reader: iomete.Lakehouse, reader_name: str
) -> None:
    lake.policies.filter_rows(people, "region rlike '^E'", to=reader_name)
    assert rows(reader, f"SELECT id FROM {people} WHERE 1 / (id - 3) < 0 ORDER BY id") == [
        (1,),
        (2,),
    ]


def test_settings_and_objects_of_the_asker_do_not_change_a_policy(
    lake: iomete.Lakehouse, people: str, reader: iomete.Lakehouse, reader_name: str
) -> None:
    namespace = people.rsplit(".", 1)[0]
    lake.sql(f"CREATE TABLE {namespace}.allowed (who STRING, region STRING) USING iceberg")
    lake.sql(f"INSERT INTO {namespace}.allowed VALUES ('{reader_name}', 'US')")
    lake.policies.filter_rows(
        people,
        f"lower(region) IN (SELECT lower(a.region) FROM {namespace}.allowed a "
        "WHERE a.who = current_user())",
        to=reader_name,
    )
    reader.sql("CREATE TEMPORARY VIEW allowed AS SELECT 'x' AS who, 'EU' AS region")
    reader.sql("SET spark.sql.ansi.enabled = false")
    assert rows(reader, f"SELECT id FROM {people}") == [(3,)]


@pytest.mark.parametrize("adaptive", ["true", "false"])
def test_a_lookup_may_be_joined_with_filters_made_at_run_time(
    lake: iomete.Lakehouse, namespace: str, newcomer: Newcomer, adaptive: str
) -> None:
    who, staff, teams = newcomer(), f"{namespace}.staff", f"{namespace}.teams"
    lake.sql(
        f"CREATE TABLE {staff} USING iceberg PARTITIONED BY (team) AS "
        "SELECT id, 'n' || id AS name, id % 5 AS team, id % 3 AS grade FROM range(30)"
    )
    lake.sql(
        f"CREATE TABLE {teams} USING iceberg PARTITIONED BY (team) AS "
        "SELECT id AS team, id % 2 AS site FROM range(5)"
    )
    lake.policies.grant("select", on=staff, to=who)
    lake.policies.mask(staff, "name", "redact", to=who)
    lake.policies.filter_rows(
        staff, f"grade = 1 AND team IN (SELECT t.team FROM {teams} t WHERE t.site = 0)", to=who
    )
    reader = lake.as_principal(who)
    seen = [(n,) for n in range(30) if n % 3 == 1 and n % 5 % 2 == 0]
    for pruning in ("false", "true"):
        for key, value in {
            "spark.sql.adaptive.enabled": adaptive,
            "spark.sql.autoBroadcastJoinThreshold": "-1",
            "spark.sql.optimizer.runtime.bloomFilter.applicationSideScanSizeThreshold": "0",
            "spark.sql.optimizer.dynamicPartitionPruning.enabled": pruning,
            "spark.sql.optimizer.dynamicPartitionPruning.reuseBroadcastOnly": "false",
        }.items():
            reader.spark.conf.set(key, value)
        assert sorted(rows(reader, f"SELECT id FROM {staff}")) == seen
        assert sorted(rows(reader, f"SELECT id FROM {staff} WHERE name LIKE 'x%'")) == seen


def test_a_renamed_column_is_masked_in_old_snapshots(
    lake: iomete.Lakehouse, people: str, reader: iomete.Lakehouse, reader_name: str
) -> None:
    before = lake.sql(f"SELECT snapshot_id FROM {people}.snapshots").collect()[0][0]
    lake.sql(f"ALTER TABLE {people} RENAME COLUMN ssn TO social")
    lake.sql(f"INSERT INTO {people} SELECT * FROM {people} WHERE id = 1")
    lake.policies.mask(people, "social", "redact", to=reader_name)
    seen = rows(reader, f"SELECT DISTINCT * FROM {people} VERSION AS OF {before} WHERE id = 1")
    assert "111" not in str(seen)
    assert "nnn-nn-nnnn" in str(seen)


def test_metadata_tables_need_the_whole_table(
    lake: iomete.Lakehouse, people: str, reader: iomete.Lakehouse, reader_name: str
) -> None:
    assert reader.sql(f"SELECT count(*) FROM {people}.files").collect()[0][0] > 0
    lake.policies.mask(people, "ssn", "redact", to=reader_name)
    with pytest.raises(QueryDeniedError) as caught:
        reader.sql(f"SELECT * FROM {people}.files").collect()
    assert caught.value.condition == "IOMETE_ACCESS_DENIED.METADATA"


@pytest.mark.parametrize(
    ("predicate", "told"),
    [
        ("region = ", "syntax"),
        ("no_such_column = 1", "no_such_column"),
        ("id + 1", "BOOLEAN|filter"),
        ("rand() > 0.5", "another result"),
    ],
)
def test_an_unusable_filter_is_refused_when_it_is_written(
    lake: iomete.Lakehouse, people: str, reader_name: str, predicate: str, told: str
) -> None:
    with pytest.raises(InvalidPolicyError, match=f"(?i){told}"):
        lake.policies.filter_rows(people, predicate, to=reader_name)


def test_a_filter_that_became_unusable_closes_the_table_and_tells_admins_why(
    lake: iomete.Lakehouse, people: str, reader: iomete.Lakehouse, reader_name: str
) -> None:
    lake.policies.filter_rows(people, "score > 0", to=reader_name)
    lake.sql(f"ALTER TABLE {people} DROP COLUMN score")
    with pytest.raises(AnalysisException) as caught:
        reader.sql(f"SELECT id FROM {people}").collect()
    assert caught.value.getCondition() == "IOMETE_POLICY_UNUSABLE.ASK"
    assert "score" not in str(caught.value)
    events = lake.audit.events(principal=reader_name, verdict="denied")
    assert "score" in (events[-1].reason or "")


def test_custom_masks_of_a_views_creator_and_of_its_reader_apply_one_after_the_other(
    lake: iomete.Lakehouse, people: str, newcomer: Newcomer
) -> None:
    creator, reader = newcomer(), newcomer()
    view = f"{people}_seen"
    lake.policies.grant("select", on=people, to=creator)
    lake.policies.grant("create", on=people.rpartition(".")[0], to=creator)
    lake.policies.mask(people, "name", "custom", expression="concat({col}, '-c')", to=creator)
    lake.policies.mask(people, "name", "custom", expression="concat({col}, '-r')", to=reader)
    lake.as_principal(creator).sql(f"CREATE VIEW {view} AS SELECT id, name FROM {people}")
    lake.policies.grant("select", on=view, to=reader)
    rows = lake.as_principal(reader).sql(f"SELECT name FROM {view} WHERE id = 1").collect()
    assert [row.name for row in rows] == ["Ann-c-r"]


def test_settings_of_a_function_s_body_do_not_change_a_custom_mask(
    lake: iomete.Lakehouse, people: str, newcomer: Newcomer
) -> None:
    name = newcomer()
    lake.policies.grant("select", on=people, to=name)
    lake.policies.mask(
        people, "ssn", "custom", expression=r"regexp_replace({col}, '\\d', '*')", to=name
    )
    spark = lake.as_principal(name).spark
    spark.conf.set("spark.sql.parser.escapedStringLiterals", "true")
    spark.sql(
        f"CREATE TEMPORARY FUNCTION peek() RETURNS BIGINT RETURN (SELECT count(ssn) FROM {people})"
    )
    spark.conf.unset("spark.sql.parser.escapedStringLiterals")
    assert spark.sql("SELECT peek()").collect()[0][0] == 3
    assert {row.ssn for row in spark.table(people).collect()} == {"***-**-****"}
