import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iomete.governance.audit.lines import BadLineError, canonical_name, parse_line
from iomete.governance.audit.tables import AnyText, storable_text
from support.audit import event, line

texts = st.text(st.characters(), max_size=20) | st.text(
    st.sampled_from('\0\ud800\udfff\\u0"a'), max_size=12
)


def read_back(stored: str) -> str | None:
    return AnyText().process_result_value(stored, None)  # type: ignore[arg-type]


@given(text=texts)
def test_any_text_can_be_stored_and_read_back(text: str) -> None:
    stored = storable_text(text)
    stored.encode()  # no half surrogate pair
    assert "\0" not in stored
    assert read_back(stored) == text


@given(one=texts, other=texts)
def test_texts_that_begin_alike_are_stored_alike(one: str, other: str) -> None:
    assert storable_text(one + other) == storable_text(one) + storable_text(other)


@given(text=texts, is_ascii=st.booleans())
def test_a_lines_text_is_stored_the_same_however_json_writes_it(
    text: str, *, is_ascii: bool
) -> None:
    if not is_ascii:
        text = text.encode(errors="replace").decode()
    document = event(principal=text, resource=text, action="read", columns=[text], reason=text)
    row = parse_line(json.dumps(document, ensure_ascii=is_ascii).encode())
    halves_joined = text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
    for column in ("principal", "resource", "resource_key", "reason"):
        assert row[column] == storable_text(halves_joined)
    assert json.loads(row["columns"]) == [halves_joined]


@pytest.mark.parametrize("member", sorted(event()))
@pytest.mark.parametrize("value", [..., 5, 5.5, True, [5.5], [["x"]], {"x": 5}, float("nan")])
def test_a_member_that_is_missing_or_of_another_type_is_named(member: str, value: object) -> None:
    document = event()
    if value is ...:
        if document.pop(member) is None or member in ("columns", "snapshot"):
            return  # may be null, and then be left out, too
    else:
        document[member] = value
    with pytest.raises(BadLineError, match=f"member `{member}` "):
        parse_line(json.dumps(document).encode())


def test_members_of_later_versions_are_left_out() -> None:
    assert parse_line(line(1, later={"a": [1]})) == parse_line(line(1))


@pytest.mark.parametrize(
    ("time", "stored"),
    [
        ("2026-01-01T00:00:00.000001Z", "2026-01-01T00:00:00.000001+00:00"),
        ("2026-01-01T02:00:00.5+02:00", "2026-01-01T00:00:00.500000+00:00"),
    ],
)
def test_times_are_stored_in_utc_with_microseconds(time: str, stored: str) -> None:
    assert parse_line(line(1, time=time))["occurred_at"] == stored


@pytest.mark.parametrize(
    ("name", "canonical"),
    [
        ("lake.sales.order", "lake.sales.`order`"),
        ("`lake`.`sales`.`customers`", "lake.sales.customers"),
        ("lake.Sales.`a b`", "lake.Sales.`a b`"),
        ("Spark_Catalog.Shop.Orders", "spark_catalog.shop.orders"),
        ("s3://inbox/a.csv", "s3://inbox/a.csv"),
        ("", ""),
        ("lake.`unclosed", "lake.`unclosed"),
    ],
)
def test_names_are_stored_in_one_spelling(name: str, canonical: str) -> None:
    assert canonical_name(name) == canonical


def test_a_path_keeps_its_spelling() -> None:
    assert parse_line(line(1, action="read", resource="`A`"))["resource"] == "`A`"
    assert parse_line(line(1, action="select", resource="`A`"))["resource"] == "A"
