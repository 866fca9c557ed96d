from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from iomete.errors import ConfigurationError
from iomete.governance.audit.trail import Audit, AuditEvent, Consumption, Reader, Verdict
from iomete.names import CatalogName, ColumnName, NamespaceName, TableName
from iomete.store import Store
from support.audit import DRIVER, events_in, line, spool_file, trail_in

Report = Callable[..., None]


def at(hour: int, minute: int = 0, day: int = 1) -> datetime:
    return datetime(2026, 1, day, hour, minute, tzinfo=UTC)


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture
def questions(tmp_path: Path) -> Path:
    """Where questions are recorded: a spool that nobody reads."""
    return tmp_path / "questions"


@pytest.fixture
def audit(store: Store, spool: Path, questions: Path) -> Audit:
    return Audit(store, spool, may_read=lambda: None, trail=trail_in(questions, "carol"))


@pytest.fixture
def report(spool: Path) -> Report:
    """Report an event as a driver would; they are numbered from 1."""
    count = 0

    def add(**changes: object) -> None:
        nonlocal count
        count += 1
        moment = changes.pop("at", at(count))
        assert isinstance(moment, datetime)
        text = moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
        with spool_file(spool).open("ab") as file:
            file.write(line(count, time=text, **changes))

    return add


def numbers(events: list[AuditEvent]) -> list[int]:
    return [int(event.query.removeprefix("q-")) for event in events]


def test_an_event_has_all_that_was_reported(audit: Audit, report: Report) -> None:
    report(at=at(9, 30))
    assert audit.events() == [
        AuditEvent(
            id=f"{DRIVER}-1",
            time=at(9, 30),
            principal="alice",
            action="select",
            resource="lake.sales.customers",
            columns=("id", "email"),
            verdict=Verdict.ALLOWED,
            policies=(100,),
            masks={"email": "MASK_HASH"},
            filters=(7,),
            snapshot="4711",
            query="q-1",
            session="s-1",
            application="local-1",
            via=("lake.mart.v",),
            reason=None,
        )
    ]
    assert audit.events()[0].time.tzinfo is UTC


def test_what_is_not_known_is_none(audit: Audit, report: Report) -> None:
    report(columns=None, snapshot=None, verdict="denied", reason="no policy", via=[], masks={})
    (found,) = audit.events()
    assert (found.columns, found.snapshot, found.via, found.masks) == (None, None, (), {})
    assert (found.verdict, found.reason) == (Verdict.DENIED, "no policy")


def test_an_answer_holds_what_was_reported_up_to_the_question(audit: Audit, report: Report) -> None:
    assert audit.events() == []
    for number in range(1, 4):
        report()
        assert len(audit.events()) == number
        assert sum(row.executions for row in audit.summary()) == number
        assert audit.readers("lake")[0].executions == number


def test_the_newest_event_comes_last_and_limit_keeps_the_newest(
    audit: Audit, report: Report
) -> None:
    for hour in (3, 1, 2):
        report(at=at(hour))
    for _ in range(12):  # in one microsecond, so that ids decide: 10 comes after 9
        report(at=at(5))
    assert numbers(audit.events()) == [2, 3, 1, *range(4, 16)]
    assert numbers(audit.events(limit=8)) == list(range(8, 16))
    assert numbers(audit.events(until=at(4), limit=2)) == [3, 1]


def test_filters_of_events_meet(audit: Audit, report: Report) -> None:
    report(principal="alice")
    report(principal="bob", verdict="denied")
    report(principal="bob", action="insert")
    report(principal="bob")
    report(principal="Bob")
    assert numbers(audit.events(principal="bob")) == [2, 3, 4]
    assert numbers(audit.events(principal="user:bob")) == [2, 3, 4]
    assert numbers(audit.events(principal="bob", verdict="denied")) == [2]
    assert numbers(audit.events(verdict=Verdict.ALLOWED, principal="bob")) == [3, 4]
    assert numbers(audit.events(action="insert")) == [3]
    assert numbers(audit.events(principal="bob", since=at(3))) == [3, 4]
    assert numbers(audit.events(principal="bob", since=at(2), until=at(4))) == [2, 3]
    assert numbers(audit.events(principal="bo_")) == []


RESOURCES = [
    "lake.sales.customers",  # 1
    "lake.sales.`order`",  # 2
    "lake.sales.order",  # 3: as the JVM quotes it
    "lake.Sales.customers",  # 4
    "lake.sales2.customers",  # 5
    "lake.sales.eu.customers",  # 6
    "lake.sales",  # 7
    "lake",  # 8
    "lake2.sales.customers",  # 9
    "spark_catalog.shop.orders",  # 10
    "lake.sales.`x%y`",  # 11
    "lake.sales.`x_y`",  # 12
    "lake.`sales.eu`.t",  # 13
]


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        ("lake.sales.customers", [1]),
        ("lake.sales.order", [2, 3]),
        (("lake", "sales", "order"), [2, 3]),
        (TableName("lake", ("sales",), "order"), [2, 3]),
        ("lake.sales", [1, 2, 3, 6, 7, 11, 12]),
        (NamespaceName("lake", ("sales",)), [1, 2, 3, 6, 11, 12]),
        ("lake.sales.eu", [6]),
        ("lake.Sales", [4]),
        ("lake.SALES", []),
        (CatalogName("lake"), [1, 2, 3, 4, 5, 6, 7, 11, 12, 13]),
        ("lake", [1, 2, 3, 4, 5, 6, 7, 8, 11, 12, 13]),
        ("lake2", [9]),
        ("spark_catalog.SHOP.Orders", [10]),
        ("SPARK_CATALOG", [10]),
        ("lake.sales.`x%y`", [11]),
        ("lake.sales.x_y", [12]),
        ("lake.sal", []),
    ],
)
def test_a_resource_stands_for_itself_and_all_below(
    audit: Audit, report: Report, resource: str, expected: list[int]
) -> None:
    for name in RESOURCES:
        report(resource=name)
    assert numbers(audit.events(resource=resource)) == expected


COLUMNS: list[list[str] | None] = [
    ["id", "email"],  # 1
    ["email"],  # 2
    ["mail", "e_mail"],  # 3
    None,  # 4
    [],  # 5
    ["contact.email"],  # 6
    ["contact"],  # 7
    ['a"b', 'x,"email'],  # 8
    ["größe", "a\\"],  # 9
]


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ("lake.sales.customers.email", [1, 2]),
        ("lake.sales.customers.EMail", [1, 2]),
        (ColumnName(TableName("lake", ("sales",), "customers"), ("email",)), [1, 2]),
        ("lake.sales.customers.e_mail", [3]),
        ("lake.sales.customers.`e%`", []),
        ("lake.sales.customers.contact", [6, 7]),
        ("lake.sales.customers.contact.email", [6, 7]),
        ("lake.sales.customers.contact.phone", [7]),
        ("lake.sales.customers.b", []),
        ('lake.sales.customers.`a"b`', [8]),
        ("lake.sales.customers.`GRÖSSE`", []),
        ("lake.sales.customers.`GRÖßE`", [9]),
        ("lake.sales.customers.`a\\`", [9]),
        ("lake.other.customers.email", []),
    ],
)
def test_a_column_stands_for_the_events_that_used_it(
    audit: Audit, report: Report, column: str, expected: list[int]
) -> None:
    for columns in COLUMNS:
        report(columns=columns)
    report(columns=["email"], resource="lake.sales.others")
    assert numbers(audit.events(resource=column)) == expected


def test_a_path_stands_for_all_below(audit: Audit, report: Report) -> None:
    for path in ("s3://inbox/", "s3://inbox/a/b", "s3://inbox", "s3://inbox2/a", "S3://inbox/a"):
        report(resource=path, action="read", columns=None)
    assert numbers(audit.events(resource="s3://inbox/")) == [1, 2, 3]
    assert numbers(audit.events(resource="s3://inbox")) == [1, 2, 3]
    assert numbers(audit.events(resource="s3://inbox/a")) == [2]


def test_names_longer_than_an_index_takes_are_told_apart(audit: Audit, report: Report) -> None:
    long = "x" * 1000
    report(resource=f"lake.sales.{long}1")
    report(resource=f"lake.sales.{long}2")
    report(resource=f"lake.{long}.t1")
    report(resource=f"lake.{long}.t2")
    assert numbers(audit.events(resource=f"lake.sales.{long}2")) == [2]
    assert numbers(audit.events(resource="lake.sales")) == [1, 2]
    assert numbers(audit.events(resource=f"lake.{long}")) == [3, 4]
    assert numbers(audit.events(resource=f"lake.{long}.t2")) == [4]


def test_readers_are_those_who_were_shown_data(audit: Audit, report: Report) -> None:
    report(principal="alice", columns=["id", "email"], at=at(1))
    report(principal="alice", columns=["name"], at=at(9))
    report(principal="alice", columns=None, query="q-1", at=at(2))  # of the same execution
    report(principal="bob", at=at(10), columns=None)
    report(principal="carol", verdict="denied")
    report(principal="dave", action="insert")
    report(principal="erin", resource="lake.sales.orders")
    alice = Reader(
        principal="alice",
        first_read=at(1),
        last_read=at(9),
        executions=2,
        columns=("email", "id", "name"),
    )
    bob = Reader(principal="bob", first_read=at(10), last_read=at(10), executions=1, columns=())
    assert audit.readers("lake.sales.customers") == [bob, alice]
    assert [reader.principal for reader in audit.readers("lake.sales.customers.name")] == ["alice"]
    assert [reader.principal for reader in audit.readers("lake.sales")] == ["bob", "alice", "erin"]
    assert [reader.first_read for reader in audit.readers("lake.sales.customers", since=at(3))] == [
        at(10),
        at(9),
    ]


def test_readers_of_a_path_are_found(audit: Audit, report: Report) -> None:
    report(action="read", resource="s3://inbox/a", columns=None)
    report(action="write", resource="s3://inbox/a", columns=None, principal="bob")
    assert [reader.principal for reader in audit.readers("s3://inbox")] == ["alice"]


def test_a_summary_counts_executions_by_day_principal_and_resource(
    audit: Audit, report: Report
) -> None:
    report(at=at(0))
    report(at=at(23, 59))
    report(at=at(23, 59), query="q-2")
    report(at=at(12), verdict="denied")
    report(at=at(0, day=2), principal="bob", resource="lake.sales.orders")
    customers, orders = "lake.sales.customers", "lake.sales.orders"
    first = Consumption(
        day=date(2026, 1, 1), principal="alice", resource=customers, executions=2, denied=1
    )
    second = Consumption(
        day=date(2026, 1, 2), principal="bob", resource=orders, executions=1, denied=0
    )
    assert audit.summary() == [first, second]
    assert audit.summary(since=at(0, day=2)) == [second]
    assert audit.summary(until=at(0, day=2)) == [first]


def test_who_may_not_read_learns_nothing(store: Store, spool: Path, questions: Path) -> None:
    def refuse() -> None:
        raise PermissionError("for auditors")

    audit = Audit(store, spool, may_read=refuse, trail=trail_in(questions))
    for question in (audit.events, audit.summary, lambda: audit.readers("lake")):
        with pytest.raises(PermissionError, match="for auditors"):
            question()
    audit.ingest()
    assert events_in(questions) == []


def test_each_question_is_itself_recorded(audit: Audit, questions: Path) -> None:
    audit.events()
    audit.readers("lake")
    audit.summary()
    found = events_in(questions)
    assert [(e["principal"], e["action"], e["resource"]) for e in found] == [
        ("carol", "select", "lake.system.audit")
    ] * 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"verdict": "maybe"}, r"`maybe` is not a verdict.*Hint: use `allowed`"),
        ({"limit": 0}, r"limit of `0`.*Hint"),
        ({"principal": "group:analysts"}, r"knows users.*Hint"),
        ({"resource": ""}, r"can't be empty.*Hint"),
        ({"since": datetime(2026, 1, 1)}, r"no time zone.*Hint"),  # noqa: DTZ001  # the point
        ({"until": datetime(2026, 1, 1)}, r"no time zone.*Hint"),  # noqa: DTZ001
    ],
)
def test_a_wrong_argument_says_what_to_do(
    audit: Audit, arguments: dict[str, object], message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        audit.events(**arguments)
