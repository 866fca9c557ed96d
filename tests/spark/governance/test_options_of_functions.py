"""Functions whose options name files."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyspark.errors import PySparkException

import iomete
from spark.governance.conftest import Newcomer


@pytest.mark.parametrize(
    "call",
    [
        "from_xml('<a/>', 'a INT', map('rowValidationXSDPath', '{path}'))",
        "from_xml('<a/>', 'a INT', map('mode', 'FAILFAST', 'ROWVALIDATIONXSDPATH', '{path}'))",
        "from_xml('<a/>', 'a INT', map(concat('rowValidation', 'XSDPath'), '{path}'))",
        "from_xml('<a/>', schema_of_xml('<a/>', map('rowValidationXSDPath', '{path}')))",
        "schema_of_xml('<a/>', map('rowValidationXSDPath', '{path}'))",
        "IDENTIFIER('schema_' || 'of_xml')('<a/>', map('rowValidationXSDPath', '{path}'))",
    ],
)
def test_no_function_opens_a_file_that_its_options_name(
    lake: iomete.Lakehouse, newcomer: Newcomer, tmp_path: Path, call: str
) -> None:
    spark = lake.as_principal(newcomer()).spark
    there = tmp_path / "there.xsd"
    there.write_text("not XML: secret", "utf-8")
    for path in (there, tmp_path / "missing.xsd"):
        with pytest.raises(PySparkException) as caught:
            spark.sql(f"SELECT {call.format(path=path)}").collect()
        assert caught.value.getCondition() == "IOMETE_FUNCTION_OPTION_REFUSED"


def test_other_options_of_functions_are_free(lake: iomete.Lakehouse, newcomer: Newcomer) -> None:
    spark = lake.as_principal(newcomer()).spark
    text = "from_xml('<p><a>1</a></p>', 'a INT', map('mode', 'FAILFAST')).a"
    assert spark.sql(f"SELECT {text} AS a").collect()[0].a == 1
    schema = "schema_of_xml('<p><a>1</a></p>', map('excludeAttribute', 'true'))"
    assert "BIGINT" in spark.sql(f"SELECT {schema} AS s").collect()[0].s
