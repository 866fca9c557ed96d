"""`iomete policies` as CI jobs and people run it; a lakehouse without Spark."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from iomete import offline
from iomete.cli import main
from iomete.cli.app import app
from iomete.errors import EngineError, InvalidPolicyError
from iomete.governance import Policies
from iomete.governance.as_code.plan import Effect
from support.audit import events_in
from support.governed_world import CUSTOMERS_FILE, World


@pytest.fixture
def lake(lakehouse: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """A lakehouse in ./lakehouse with a group, and policy files in ./policies."""
    monkeypatch.setenv("COLUMNS", "200")
    files(CUSTOMERS_FILE)
    lakehouse.principals.add_group("analysts")
    lakehouse.principals.add_user("alice", groups="analysts")
    return lakehouse


def files(text: str, name: str = "crm.yaml") -> None:
    Path("policies").mkdir(exist_ok=True)
    (Path("policies") / name).write_text(text, "utf-8")


def run(*arguments: str) -> str:
    """Run a command that is to work, and return what it prints."""
    result = CliRunner().invoke(app, ["policies", *arguments], catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


def fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str
) -> tuple[int, str, str]:
    """Run a command that is to fail; return its exit code, what it prints, and its error."""
    monkeypatch.setattr(sys, "argv", ["iomete", "policies", *arguments])
    with pytest.raises(SystemExit) as caught:
        main()
    printed = capsys.readouterr()
    assert "Traceback" not in printed.err
    assert isinstance(caught.value.code, int)
    return caught.value.code, printed.out, printed.err


class Opened:
    """A lakehouse whose policies are those of a store, without Spark."""

    def __init__(self, world: World) -> None:
        self.policies = world.policies

    def __enter__(self) -> Opened:
        return self

    def __exit__(self, *_: object) -> None:
        """Leave it open."""


def test_a_plan_is_read_key_by_key(lake: World) -> None:
    assert run("plan").splitlines() == [
        "+ customers  policies/crm.yaml:2",
        "    grant: select",
        "    on: lake.crm.customers",
        "    columns: [id, email]",
        "    to: group:analysts",
        "",
        "+ emails  policies/crm.yaml:7",
        "    mask: partial",
        "    show_last: 4",
        "    on: lake.crm.customers",
        "    columns: email",
        "    to: group:analysts",
        "",
        "Who gains, who loses:",
        "  may change tables that Spark hasn't met  (not judged)",
        "  may change policy `customers`: nothing that is known is under it  (not judged)",
        "  may change policy `emails`: nothing that is known is under it  (not judged)",
        "",
        (
            f"Policies of project `default` at version {lake.policies.version}: 2 to create, "
            "0 unchanged."
        ),
    ]


def test_a_terminal_shows_a_plan_in_colours(lake: World) -> None:
    program = "import sys, iomete.cli; sys.argv = ['iomete', 'policies', 'plan']; iomete.cli.main()"
    reader, writer = os.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=writer,
        stderr=writer,
        env=os.environ | {"TERM": "xterm"},
    ) as process:
        os.close(writer)
        printed = b""
        with contextlib.suppress(OSError):  # which is how a terminal ends
            while found := os.read(reader, 65536):
                printed += found
    os.close(reader)
    assert process.returncode == 0
    assert b"\x1b[32m+ \x1b[0m\x1b[1mcustomers\x1b[0m\x1b[2m  policies/crm.yaml:2\x1b[0m" in printed


def test_changes_and_deletions_are_told_apart(lake: World) -> None:
    run("apply", "--future", "--yes")
    files(CUSTOMERS_FILE.partition("  - name: emails")[0].replace("[id, email]", "id"))
    assert run("plan").splitlines()[:8] == [
        "~ customers  policies/crm.yaml:2",
        "    columns: [id, email] → id",
        "",
        "- emails  (mask)",
        "    mask: partial",
        "    show_last: 4",
        "    on: lake.crm.customers",
        "    columns: email",
    ]


def test_after_applying_there_is_nothing_to_do(lake: World) -> None:
    printed = run("apply", "--future", "--yes")
    assert printed.endswith(f"Done: in force since version {lake.policies.version}.\n")
    assert run("plan", "--check").endswith("nothing to do, 2 unchanged.\n")
    assert run("drift").endswith("nothing to do, 2 unchanged.\n")
    assert "Done" not in run("apply", "--future", "--yes")
    assert [policy.author for policy in lake.policies.list()] == [lake.admin] * 2
    actions = {event["action"] for event in events_in(lake.spool)}
    assert "policy.create" in actions


@pytest.mark.parametrize("command", [("plan", "--check"), ("drift",)])
def test_policies_that_are_not_those_of_the_files_end_with_15(
    lake: World,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: tuple[str, ...],
) -> None:
    run("apply", "--future", "--yes")
    lake.policies.update("emails", mask="hash")
    code, out, err = fails(monkeypatch, capsys, *command)
    assert code == 15
    assert "    mask: hash → partial\n" in out
    assert err.startswith("Error: 1 policy in force differs from the files in `policies`.\nHint: ")


def test_the_step_after_a_drift_is_for_the_lakehouse_and_the_files_that_were_named(
    lake: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("policies").rename("my policies")
    for options in ((), ("-l", "lakehouse")):
        _, _, err = fails(monkeypatch, capsys, "drift", "my policies", *options)
        named = " --lakehouse lakehouse" if options else ""
        assert f"in force: iomete policies apply 'my policies'{named}; or" in err
    lake.policies.grant("select", on="lake.sales.orders", to="alice", name="emails")
    _, _, err = fails(monkeypatch, capsys, "drift", "my policies")
    assert "iomete policies apply 'my policies' --adopt; or" in err


def test_a_plan_that_changes_nobodys_rights_says_so(
    lake: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("iomete.session.connect", lambda _: Opened(lake))
    run("apply", "--yes")
    files(CUSTOMERS_FILE.replace("- name: emails", "- name: emails\n    description: Changed."))
    printed = run("plan", "--tables")
    assert "\nNobody's rights change.\n" in printed
    assert "Who gains" not in printed
    files(CUSTOMERS_FILE)
    assert "Nobody's rights" not in run("plan", "--tables")


def test_a_plan_for_programs_is_json(lake: World) -> None:
    content = json.loads(run("plan", "-o", "json"))
    assert [change["name"] for change in content["changes"]] == ["customers", "emails"]
    assert content["changes"][0]["fields"][0] == {"key": "grant", "before": None, "after": "select"}


def test_a_saved_plan_is_applied_without_a_question_and_once(
    lake: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run("plan", "--out", "plan.json")
    assert "Done" in run("apply", "plan.json", "--future")
    code, _, err = fails(monkeypatch, capsys, "apply", "plan.json", "--future")
    assert code == 14
    assert "nothing was changed" in err
    Path("plan.json").write_text(Path("plan.json").read_text().replace("emails", "mails"))
    code, out, err = fails(monkeypatch, capsys, "apply", "plan.json", "--future")
    assert (code, out) == (2, "")
    assert "isn't as it was when it was made" in err


def test_a_folder_is_applied_only_once_somebody_has_agreed(
    lake: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    code, out, err = fails(monkeypatch, capsys, "apply", "--future")
    assert code == 2
    assert "to create" in out
    assert "pass --yes" in err
    assert lake.policies.list() == []


def test_an_outdated_plan_is_refused_though_it_changes_nothing(
    lake: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run("apply", "--future", "--yes")
    run("plan", "--out", "plan.json")
    assert "nothing to do" in run("apply", "plan.json", "--future")
    lake.policies.delete("emails")
    for more in ((), ("--future",)):
        code, _, err = fails(monkeypatch, capsys, "apply", "plan.json", *more)
        assert code == 14
        assert "The plan was made at version" in err


def test_at_a_terminal_it_is_asked(lake: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("iomete.cli.policies.is_terminal", lambda: True)
    refused = CliRunner().invoke(app, ["policies", "apply", "--future"], input="n\n")
    assert refused.exit_code == 1
    assert lake.policies.list() == []
    agreed = CliRunner().invoke(app, ["policies", "apply", "--future"], input="y\n")
    assert "Put this in force?" in agreed.stdout
    assert len(lake.policies.list()) == 2


def test_spark_is_started_only_if_there_is_something_to_do(
    lake: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    started = []

    def connect(_: object) -> Opened:
        started.append(True)
        return Opened(lake)

    monkeypatch.setattr("iomete.session.connect", connect)
    assert "Done" in run("apply", "--yes")
    assert started == [True]
    assert "nothing to do" in run("apply", "--yes")
    files(CUSTOMERS_FILE.replace("crm.customers", "crm.custmers"))
    code, out, err = fails(monkeypatch, capsys, "apply", "--yes")
    assert (code, started) == (2, [True, True])
    assert "~ customers" in out
    assert "policies/crm.yaml:2: policy `customers`, on: table `lake.crm.custmers`" in err
    files("policies: [")
    assert fails(monkeypatch, capsys, "apply", "--yes")[0] == 2
    assert started == [True, True]


def test_masks_that_can_meet_are_a_line_on_stderr(lake: World) -> None:
    more = "  - {name: m, mask: hash, on: lake.crm.customers, columns: email, to: alice}\n"
    files(CUSTOMERS_FILE + more)
    result = CliRunner().invoke(app, ["policies", "apply", "--future", "--yes"])
    assert result.exit_code == 0
    assert result.stderr.startswith("Warning: Policy `emails` can meet `m`")
    assert len(result.stderr.splitlines()) == 1


def test_an_export_is_a_beginning(lake: World) -> None:
    lake.policies.grant("select", on="lake.crm", to="alice", name="by hand")
    printed = run("export", "exported").splitlines()
    assert printed == ["exported/lake.crm.yaml", "1 policy in 1 file."]
    Path("hidden/.git").mkdir(parents=True)
    Path("hidden/.git/x.yaml").write_text("")
    Path("hidden/.x.yaml").write_text("")
    assert "hidden/lake.crm.yaml" in run("export", "hidden")
    planned = run("plan", "exported", "--check")
    assert "Made by hand, and the same" in planned
    assert planned.endswith("1 to adopt, 0 unchanged.\n")


def test_names_of_policies_made_by_hand_are_taken_over_if_asked(
    lake: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lake.policies.grant("select", on="lake.crm", to="alice", name="emails")
    code, _, err = fails(monkeypatch, capsys, "plan")
    assert code == 2
    assert "policies/crm.yaml:7:5: policy `emails`, `name`:" in err
    assert "~ emails" in run("plan", "--adopt")
    assert "Done" in run("apply", "--adopt", "--future", "-y")


def test_wrong_files_are_told_a_line_each(
    lake: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    files("policies:\n  - {name: a, grnt: select}\n  - {name: a, mask: hsh, on: x, to: b}\n")
    code, out, err = fails(monkeypatch, capsys, "plan")
    assert (code, out) == (2, "")
    assert err.splitlines()[:2] == [
        "Error: The policy files are not valid:",
        "  policies/crm.yaml:2:15: policy `a`, `grnt`: there is no such key; did you mean `grant`?",
    ]
    assert err.splitlines()[-1].startswith("Hint: ")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("plan", "nowhere"), 2, "`nowhere` does not exist"),
        (("plan", "-l", "nowhere"), 6, "There is no lakehouse in `"),
        (("plan", "--out", "nowhere/plan.json"), 2, "can't be written"),
        (("apply", "nowhere", "--future"), 2, "`nowhere` does not exist"),
        (("export", "policies"), 4, "holds policy files"),
        (("export", "x", "--project", "A B"), 2, "no name of a project"),
        (("test",), 2, "hold no tests"),
    ],
)
def test_what_can_not_be_done_says_why_and_ends_with_its_code(
    lake: World,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    code: int,
    words: str,
) -> None:
    ended, out, err = fails(monkeypatch, capsys, *arguments)
    assert (ended, out) == (code, "")
    assert words in err
    assert "\nHint: " in err


def test_a_lakehouse_is_not_made_by_looking_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert fails(monkeypatch, capsys, "plan")[0] == 6
    assert list(tmp_path.iterdir()) == []
    Path("lakehouse").mkdir()
    Path("lakehouse/iomete.toml").write_text("")
    assert fails(monkeypatch, capsys, "plan")[0] == 6
    assert [path.name for path in Path("lakehouse").iterdir()] == ["iomete.toml"]


@pytest.mark.parametrize("command", ["plan", "drift", "apply", "export", "test"])
def test_who_is_no_admin_learns_nothing(
    lake: World,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: str,
) -> None:
    lake.principals.grant_role("admin", "alice")
    other = lake.act_as("alice")
    other.principals.revoke_role("admin", lake.admin)
    more = {"apply": ("--future",), "export": ("out",)}.get(command, ())
    code, out, err = fails(monkeypatch, capsys, command, *more)
    assert (code, out) == (9, "")
    assert f"`{lake.admin}` may not" in err
    assert not Path("out").exists()


def test_a_store_of_a_newer_version_is_left_alone(
    lake: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with lake.store.write() as connection:
        connection.execute(sa.text("UPDATE iomete_schema_version SET version_num = '9999'"))
    code, _, err = fails(monkeypatch, capsys, "plan")
    assert code == 8
    assert "Hint: pip install --upgrade iomete" in err


def test_policies_of_a_ranger_admin_are_planned_there(
    lake: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("IOMETE_GOVERNANCE__SOURCE", "ranger")
    for name, value in {"URL": "http://r", "SERVICE": "s", "USER": "u", "PASSWORD": "p"}.items():
        monkeypatch.setenv(f"IOMETE_GOVERNANCE__RANGER__{name}", value)
    code, _, err = fails(monkeypatch, capsys, "plan")
    assert code == 10
    assert "Ranger Admin" in err


class Granted:
    """Answers by what is planned: who is named by a grant may."""

    def __init__(self, groups: set[str]) -> None:
        self._groups = groups

    def explain(self, *_: object) -> Granted:
        return self

    allowed = property(lambda self: "analysts" in self._groups)
    mask = row_filter = None
    note = ""
    is_doubtful = False
    reason = "as the files say"


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give what is opened without Spark something that answers, and that tells effects."""

    def answering(changes: list) -> Granted:  # type: ignore[type-arg]
        items = (i for change in changes for i in change.after.get("policyItems", ()))
        return Granted({group for item in items for group in item.get("groups", ())})

    class Told:
        def of(self, changes: list, /) -> list[Effect]:  # type: ignore[type-arg]
            return [Effect(principal="user:alice", change="gains", what="select on it")] * len(
                changes
            )

    def policies(*arguments: object, **more: object) -> Policies:
        return Policies(*arguments, **more, answers=answering, effects=Told())  # type: ignore[arg-type]

    monkeypatch.setattr("iomete.governance.Policies", policies)


TESTS = """\
tests:
  - name: analysts read customers
    principal: alice
    can: select
    on: lake.crm.customers
    columns: id
"""


def test_tests_are_run_and_end_with_16(
    lake: World,
    answers: None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    files(TESTS, "tests.yaml")
    assert run("test", "--planned").splitlines() == [
        "✓ analysts read customers  policies/tests.yaml:2",
        "Tests: 1 passed.",
    ]
    code, out, err = fails(monkeypatch, capsys, "test", "--junit", "report.xml")
    assert code == 16
    assert out.splitlines() == [
        "✗ analysts read customers  policies/tests.yaml:2",
        "    expected: allowed",
        "    found:    not allowed",
        "    because:  as the files say",
        "Tests: 0 passed, 1 failed.",
    ]
    assert err.startswith("Error: Policies don't decide what their tests expect.")
    root = ET.parse("report.xml").getroot()  # noqa: S314  # our own
    assert root.attrib["failures"] == "1"


def test_results_are_printed_though_their_report_can_not_be_written(
    lake: World,
    answers: None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    files(TESTS, "tests.yaml")
    code, out, err = fails(monkeypatch, capsys, "test", "--junit", "nowhere/report.xml")
    assert (code, out.splitlines()[-1]) == (16, "Tests: 0 passed, 1 failed.")
    assert "Warning: `nowhere/report.xml` can't be written" in err
    code, out, err = fails(
        monkeypatch, capsys, "test", "--planned", "--junit", "nowhere/report.xml"
    )
    assert (code, out.splitlines()[-1]) == (2, "Tests: 1 passed.")
    assert "Error: `nowhere/report.xml` can't be written" in err


def test_a_plan_tells_who_gains(lake: World, answers: None) -> None:
    printed = run("plan")
    assert "Who gains, who loses:\n  gains select on it  (user:alice)\n" in printed


def test_the_schema_is_printed_without_a_lakehouse(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert json.loads(run("schema"))["$schema"].startswith("https://json-schema.org/")
    assert list(tmp_path.iterdir()) == []


def test_escapes_do_not_reach_the_terminal(lake: World) -> None:
    files(CUSTOMERS_FILE.replace("name: emails", 'name: emails\n    description: "a\\x1b[2Jb"'))
    printed = run("plan")
    assert "\x1b" not in printed
    assert 'description: "a\\x1b[2Jb"' in printed


def test_there_is_help_without_a_command() -> None:
    printed = CliRunner().invoke(app, ["policies"]).output
    assert all(word in printed for word in ("plan", "apply", "export", "test", "schema", "drift"))


@pytest.mark.parametrize("command", ["plan", "drift", "test", "apply --future --yes", "export out"])
def test_neither_spark_nor_java_is_loaded(lake: World, command: str) -> None:
    files(TESTS, "tests.yaml")
    program = (
        "import sys, iomete.cli\n"
        f"sys.argv = ['iomete', 'policies', *{command.split()!r}]\n"
        "try:\n    iomete.cli.main()\n"
        "finally:\n    print([m for m in ('pyspark', 'py4j', 'pyiceberg') if m in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False,
        env={**os.environ, "JAVA_HOME": "/nowhere", "SPARK_HOME": "/nowhere"},
    )  # fmt: skip
    assert done.stdout.endswith("[]\n"), done.stderr


def test_without_spark_tables_are_not_guessed(lake: World) -> None:
    with offline.open_policies() as policies:
        calls: list[Callable[[], object]] = [
            lambda: policies.plan("policies"),
            lambda: policies.grant("select", on="lake.crm.customers", to="alice"),
            lambda: policies.filter_rows("lake.crm.customers", "id > 1", to="alice"),
        ]
        for refused in calls:
            with pytest.raises(EngineError, match="can't be looked at without Spark"):
                refused()
        policies.grant("select", on="lake.crm.customers", to="alice", future=True)
    assert len(lake.policies.list()) == 1


def test_without_spark_tables_are_known_that_it_has_met(lake: World) -> None:
    for since, column in ((0, "mail"), (3, "email")):
        columns = {"1": "id", "2": column, "3": "contact.phone"}
        lake.meet_table("lake.crm.eu.customers", columns, since=since)
    with offline.open_policies() as policies:
        granted = policies.grant("select", on="lake.crm.eu.customers", columns="email", to="alice")
        nested = policies.grant("select", on="lake.crm.eu", to="alice", future=True)
        with pytest.raises(InvalidPolicyError, match="did you mean `email`"):
            policies.grant("select", on="lake.crm.eu.customers", columns="mail", to="alice")
        with pytest.raises(EngineError, match="SQL of a policy"):
            policies.filter_rows("lake.crm.eu.customers", "id > 1", to="alice")
    assert granted.document["resources"]["table"] == {"values": ["customers"]}
    assert nested.document["resources"]["namespace"] == {"values": ["crm.eu", "crm.eu.*"]}
