"""A folder of policy files: what it says, and everything that is wrong with it at once."""

from __future__ import annotations

import errno
import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from iomete.errors import InvalidPolicyError, PolicyFilesError
from iomete.governance.as_code import folder as folder_module
from iomete.governance.as_code.files import read_folder

Write = Callable[..., Path]

GRANT = """\
policies:
  - name: customers
    grant: select
    on: lake.crm.customers
    to: group:analysts
"""


def problems(folder: Path) -> list[str]:
    """What is wrong with files, without the path of the folder."""
    with pytest.raises(PolicyFilesError) as caught:
        read_folder(folder)
    return [problem.replace(f"{folder}/", "") for problem in caught.value.problems]


def problem_of(write: Write, policy: str) -> str:
    """What is wrong with a policy that is otherwise right, with its line and column."""
    lines = "\n".join(f"    {line}" for line in policy.splitlines())
    (found,) = problems(write(f"policies:\n  - name: a\n{lines}\n"))
    return found


def test_policies_are_ranger_documents_with_their_places(write: Write) -> None:
    declared = read_folder(write(GRANT))
    (policy,) = declared.policies
    assert (policy.name, policy.place.line, policy.place_of("on").line) == ("customers", 2, 4)
    assert policy.file.endswith("files/policies.yaml")
    assert policy.document["resources"]["table"] == {"values": ["customers"]}
    assert policy.document["policyItems"][0]["groups"] == ["analysts"]
    assert (declared.project, declared.tests) == ("default", ())


def test_all_files_count_in_folders_too_but_hidden_ones(write: Write) -> None:
    write(GRANT)
    write(GRANT.replace("customers\n    grant", "more\n    grant"), "teams/b.yml")
    write("tests: [{principal: alice, can: select, on: lake.crm.customers}]", "tests/t.yaml")
    write("not: [policies", ".git/x.yaml")
    write("not: [policies", ".hidden.yaml")
    folder = write("not: [policies", "README.md")
    declared = read_folder(folder)
    assert [policy.name for policy in declared.policies] == ["customers", "more"]
    assert [test.test.principal for test in declared.tests] == [("alice",)]


def test_everything_that_is_wrong_is_told_at_once(write: Write) -> None:
    write("policies:\n  - name: a\n    grnt: select\n    to: [alice, 3]\n", "a.yaml")
    write("polices: []\n", "b.yaml")
    write("policies:\n  - name: b\n    mask: hsh\n    on: lake.crm\n    to: alice\n", "c.yaml")
    (write("", "d.yaml") / "e.yaml").write_bytes(b"policies: []\n# caf\xe9\n")
    folder = write("policies: [\n", "f.yaml")
    assert problems(folder) == [
        "a.yaml:3:5: policy `a`, `grnt`: there is no such key; did you mean `grant`?",
        "a.yaml:4:17: policy `a`, `to.2`: it is no text; put it in quotes",
        "b.yaml:1:1: `polices`: there is no such key; did you mean `policies`?",
        (
            "c.yaml:3:5: policy `b`, `mask`: `hsh` is no mask (one of redact, partial, hash, "
            "nullify, constant, year, round, custom, none)"
        ),
        (
            "c.yaml:4:5: policy `b`, `on`: `lake.crm` is a namespace (for every table in it, write "
            "`lake.crm.*`)"
        ),
        "d.yaml:1:1: it is empty; write `policies: []` if no policies are meant",
        "e.yaml:2:6: it is not UTF-8 text; convert it, as `iconv` does",
        "f.yaml:2:1: this is no YAML: while parsing a flow node did not find expected node content",
    ]


def test_a_wrong_key_hides_nothing_that_is_wrong_with_others(write: Write) -> None:
    folder = write(
        "policies:\n"
        "  - name: a\n    mask: hsh\n    colums: email\n    on: lake.crm\n    to: alice\n"
        "  - name: b\n    mask: hash\n    on: lake.crm.t\n    colums: email\n    to: alice\n"
        "  - name: b\n    grant: selct\n    onn: lake.crm.t\n    columns: id\n    to: 3\n"
        "tests:\n  - {principal: alice, can: selct, on: lake.crm.t, enabled: true}\n",
        "a.yaml",
    )
    kinds = "(one of redact, partial, hash, nullify, constant, year, round, custom, none)"
    assert problems(folder) == [
        f"a.yaml:3:5: policy `a`, `mask`: `hsh` is no mask {kinds}",
        "a.yaml:4:5: policy `a`, `colums`: there is no such key; did you mean `columns`?",
        (
            "a.yaml:5:5: policy `a`, `on`: `lake.crm` is a namespace (for every table in it, write "
            "`lake.crm.*`)"
        ),
        "a.yaml:10:5: policy `b`, `colums`: there is no such key; did you mean `columns`?",
        "a.yaml:12:5: policy `b`: there is one of this name in a.yaml:7:5",
        "a.yaml:13:5: policy `b`, `grant`: `selct` is no action on tables (did you mean `select`?)",
        "a.yaml:14:5: policy `b`, `onn`: there is no such key; did you mean `on`?",
        "a.yaml:16:5: policy `b`, `to`: it is neither text nor a list of texts; put text in quotes",
        "a.yaml:18:24: test 1, `can`: `selct` is no action (did you mean `select`?)",
        (
            "a.yaml:18:52: test 1, `enabled`: there is no such key; there are name, principal, "
            "can, cannot, on, columns, on_path, mask, filter_rows"
        ),
    ]


def test_the_error_lists_a_problem_a_line(write: Write) -> None:
    with pytest.raises(InvalidPolicyError) as caught:
        read_folder(write("a: 1\nb: 2\n"))
    assert len(caught.value.message.splitlines()) == 3
    assert caught.value.hint


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("grant: select\non: lake.crm\nto: alice\npriority: high", "6:5: policy `a`, `priority`"),
        ("grant: select\non: lake.crm\nto: alice\ncolums: [id]", "did you mean `columns`?"),
        ("grant: select\non: lake.crm\nto: alice\nexept: bob", "did you mean `except`?"),
        ("grant: select\non: lake.crm\nto: alice\nenabled: 'no'", "neither true nor false"),
        ("grant: select\non: lake.crm\nto: alice\nenabled: no", "neither true nor false"),
        ("grant: select\non: lake.crm", "2:5: policy `a`, `to`: nobody is named"),
        ("grant: select\nto: alice", "`on`: nothing is named"),
        ("mask: hash\non: lake.crm.t\nto: alice", "`columns`: none is named"),
        ("mask: hash\non_tag: PII\ncolumns: x\nto: alice", "5:5: policy `a`, `columns`: a mask on"),
        ("grant: select\non: lake.crm\nto:", "5:5: policy `a`, `to`: nothing is given"),
        ("grant: select\non: lake.crm.t\nto: alice\ncolumns: []", "`columns`: none is named"),
        ("grant: []\non: lake.crm\nto: alice", "3:5: policy `a`, `grant`: no action is named"),
        ("grant: selct\non: lake.crm\nto: alice", "did you mean `select`?"),
        ("grant: select\non: lake..t\nto: alice", "4:5: policy `a`, `on`: Name `lake..t`"),
        ("grant: select\non: [lake]\nto: alice", "`on`: it is no text"),
        ("grant: {a: b}\non: lake\nto: alice", "`grant`: it is neither text nor a list of texts"),
        ("grant: select\non: lake\non_tag: PII\nto: alice", "a policy is on one of them"),
        ("grant: select\non: lake\non_namespace: lake.a.b\nto: alice", "one of them"),
        ("grant: select\non_namespace: lake.a.b*\nto: alice", "a pattern is no namespace"),
        ("grant: select\non: lake\nto: 'team:alice {x}'", "`to`: `team:alice {x}`"),
        ("grant: select\non: lake\nto: alice\nexcept: alice", "6:5: policy `a`, `except`"),
        ("grant: select\non: lake\nto: alice\nvalid_from: soon", "`valid_from`: `soon` is not a"),
        ("grant: select\non: lake\nto: alice\nshow_last: 3", "`show_last`: a grant has no such"),
        ("mask: partial\non: lake.a.t\ncolumns: x\nto: alice\nshow_last: 0", "3:5: policy `a`"),
        ("mask: constant\non: lake.a.t\ncolumns: x\nto: alice\nvalue: 1e999", "`mask`: `value` is"),
        ("mask: constant\non: lake.a.t\ncolumns: x\nto: alice\nvalue: [1]", "none of: text, num"),
        ("filter_rows: '${{USER.a'\non: lake.a.t\nto: alice", "`filter_rows`: it has a macro"),
        ("filter_rows: ''\non: lake.a.t\nto: alice", "`filter_rows`: it is the text of a SQL"),
        ("grant: select\ndeny: select\non: lake\nto: alice", "says `grant` and `deny`"),
        ("on: lake\nto: alice", "it says nothing; one of `grant`"),
        ("ranger: {service: iomete}", "`ranger`: resources"),
        ("ranger: {service: iomete}\nto: alice", "`ranger` holds the whole policy"),
    ],
)
def test_a_wrong_policy_names_its_place_and_what_to_do(
    write: Write, policy: str, expected: str
) -> None:
    if "ranger" in policy:
        lines = "\n".join(f"    {line}" for line in policy.splitlines())
        assert expected in " ".join(problems(write(f"policies:\n  - name: a\n{lines}\n")))
    else:
        assert expected in problem_of(write, policy)


def test_nothing_else_is_told_of_a_key_without_a_value(write: Write) -> None:
    """Left out by mistake, `columns` would mean all of them."""
    found = problem_of(write, "grant: select\non: lake.crm.t\ncolumns:\nto: alice")
    assert found == "policies.yaml:5:5: policy `a`, `columns`: nothing is given; leave the key out"


def test_what_a_policy_does_hides_nothing_that_is_wrong_with_the_rest(write: Write) -> None:
    """Nor does a name that is missing; what is wrong only for one kind isn't told of another."""
    folder = write(
        "policies:\n"
        "  - grant: selct\n    on: lake..crm\n    to: alice\n"
        "  - name: both\n    grant: selct\n    mask: hsh\n    on: lake..x\n    columns: id\n"
        "    to: 'team:alice {x}'\n"
        "  - name: nothing\n    on: lake\n    columns: id\n    priority: override\n"
        "    valid_from: tomorrow\n    show_last: 3\n"
        "  - name: mask\n    mask: partial\n    value: 5\n    show_last: -3\n"
        "    on: lake.a.t\n    columns: id\n    to: alice\n    on_namespace: lake.a\n"
    )
    found = [
        re.split(r" \(|; one|: unexp|: braces", line, maxsplit=1)[0] for line in problems(folder)
    ]
    assert [line.removeprefix("policies.yaml:") for line in found] == [
        "2:5: policy 1, `grant`: `selct` is no action on tables",
        "2:5: policy 1, `name`: it has to be given",
        "3:5: policy 1, `on`: Name `lake..crm` can't be parsed",
        "5:5: policy `both`: it says `grant` and `mask`",
        "6:5: policy `both`, `grant`: `selct` is no action on tables",
        "7:5: policy `both`, `mask`: `hsh` is no mask",
        "8:5: policy `both`, `on`: Name `lake..x` can't be parsed",
        "10:5: policy `both`, `to`: `team:alice {x}` is not a principal's name",
        "11:5: policy `nothing`: it says nothing",
        "15:5: policy `nothing`, `valid_from`: `tomorrow` is not a point in time",
        "18:5: policy `mask`, `mask`: `partial` takes no `value`",
        "18:5: policy `mask`, `mask`: `show_last` is a whole number from 1 to 10000",
        "24:5: policy `mask`, `on_namespace`: `on` is given as well; a policy is on one of them",
    ]


def test_a_section_without_a_value_is_told_once(write: Write) -> None:
    assert problems(write("policies:\n")) == [
        "policies.yaml:1:1: `policies`: nothing is given; write `policies: []` if none are meant"
    ]
    assert problems(write("policies: 5\n")) == ["policies.yaml:1:1: `policies`: it is no list"]


def test_a_name_is_given_once_in_all_files(write: Write) -> None:
    write(GRANT, "a.yaml")
    folder = write(GRANT + GRANT.partition("\n")[2], "b.yaml")
    assert [problem.replace(f"{folder}/", "") for problem in problems(folder)] == [
        "b.yaml:2:5: policy `customers`: there is one of this name in a.yaml:2:5",
        "b.yaml:6:5: policy `customers`: there is one of this name in a.yaml:2:5",
    ]


def test_a_name_is_given_once_in_a_line(write: Write) -> None:
    named = [
        {"name": "a", "grant": "select", "on": on, "to": "bob"} for on in ("lake.crm", "lake.hr")
    ]
    assert problems(write(json.dumps({"policies": named}))) == [
        "policies.yaml:1:81: policy `a`: there is one of this name in policies.yaml:1:16"
    ]


def test_a_name_is_needed_and_is_text(write: Write) -> None:
    folder = write("policies:\n  - grant: select\n  - name: 7\n    grant: select\n    to: a\n")
    assert problems(folder) == [
        "policies.yaml:2:5: policy 1, `name`: it has to be given",
        "policies.yaml:3:5: policy 2, `name`: it is no text; put it in quotes",
    ]


@pytest.mark.parametrize("text", ["[]", "policies", "- a", "policies: {}", "policies: a", "7"])
def test_a_file_of_another_shape_is_refused(write: Write, text: str) -> None:
    assert problems(write(text))


def test_files_of_a_folder_are_of_one_project(write: Write) -> None:
    write(f"project: crm\n{GRANT}", "a.yaml")
    write("tests: [{principal: alice, can: select, on: lake.crm.customers}]", "t.yaml")
    folder = write("project: hr\npolicies: []\n", "b.yaml")
    (found,) = problems(folder)
    assert found.startswith("b.yaml:1:1: `project` is `hr`, and `crm` in ")
    write("project: crm\npolicies: []\n", "b.yaml")
    assert read_folder(folder).project == "crm"


@pytest.mark.parametrize("project", ["CRM", "a b", "", "../x", "x" * 64])
def test_a_project_has_a_simple_name(write: Write, project: str) -> None:
    assert "`project`: it is no name" in problems(write(f"project: '{project}'\npolicies: []\n"))[0]


def test_a_folder_that_is_none_is_told(folder: Path, write: Write) -> None:
    with pytest.raises(PolicyFilesError, match="does not exist"):
        read_folder(folder)
    write("x", "notes.txt")
    with pytest.raises(PolicyFilesError, match=r"holds no files that end in \.yaml") as caught:
        read_folder(folder)
    assert "policies: []" in str(caught.value.hint)
    with pytest.raises(PolicyFilesError, match="is a file, not a folder"):
        read_folder(folder / "notes.txt")


def test_no_policies_at_all_have_to_be_said(write: Write) -> None:
    assert read_folder(write("policies: []\n")).policies == ()


def test_symbolic_links_in_the_folder_are_refused(write: Write, tmp_path: Path) -> None:
    """Who reviews the folder would not have seen what they lead to."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "p.yaml").write_text(GRANT)
    folder = write("policies: []\n")
    (folder / "link.yaml").symlink_to(outside / "p.yaml")
    (folder / "linked").symlink_to(outside)
    (folder / "gone.yaml").symlink_to(outside / "nothing")
    assert [found.partition(":")[0] for found in problems(folder)] == [
        "gone.yaml", "link.yaml", "linked",
    ]  # fmt: skip


def test_the_folder_itself_may_be_a_symbolic_link(write: Write, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(write(GRANT))
    assert len(read_folder(tmp_path / "link").policies) == 1


def test_a_device_is_not_read(write: Write) -> None:
    folder = write("policies: []\n")
    os.mkfifo(folder / "pipe.yaml")
    assert problems(folder) == ["pipe.yaml:1:1: it is no ordinary file"]


def test_a_huge_file_is_not_read(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder_module, "MAX_FILE_BYTES", 100)
    assert "and 100 are read; divide it" in problems(write("# " + "x" * 200))[0]
    monkeypatch.setattr(folder_module, "MAX_FILES", 0)
    with pytest.raises(PolicyFilesError, match="holds 1 files, and 0 are read"):
        read_folder(write(GRANT))


def test_a_file_that_can_not_be_read_is_told(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write(GRANT)

    def refuse(_: Path) -> bytes:  # root reads whatever its mode is
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    assert problems(folder) == ["policies.yaml:1:1: it can't be read: Permission denied"]


def test_a_byte_order_mark_and_windows_lines_are_fine(write: Write) -> None:
    folder = write("")
    (folder / "policies.yaml").write_bytes(GRANT.replace("\n", "\r\n").encode("utf-8-sig"))
    assert read_folder(folder).policies[0].name == "customers"


def test_an_escape_in_a_file_s_name_does_not_reach_the_terminal(write: Write) -> None:
    folder = write("a: 1", "\x1b[2J.yaml")
    assert "\x1b" not in problems(folder)[0]


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        ("principal: alice\n    on: lake.a.t", "one of `can` and `cannot`"),
        ("principal: alice\n    can: select", "give `on` or `on_path`"),
        ("principal: alice\n    cannot: select\n    on: lake.a.t\n    mask: hash", "go with `can`"),
        (
            "principal: alice\n    can: select\n    on: lake.a.t.c\n    mask: hsh",
            "`hsh` is no mask",
        ),
        ("principal: a\n    can: read\n    on_path: /a\n    columns: [x]", "`columns` are those"),
        ("principal: a\n    can: insert\n    on: lake.a.t\n    mask: false", "`can: select` alone"),
        (
            "principal: a\n    can: [select, use]\n    on: lake.a.t\n    filter_rows: false",
            "`can: select` alone",
        ),
        ("principal: a\n    can: read\n    on_path: /a\n    mask: true", "`can: select` alone"),
        ("can: select\n    on: lake.a.t", "`principal`: it has to be given"),
        (
            "principal: a\n    can: select\n    on: lake.a.t\n    masked: hash",
            "did you mean `mask`?",
        ),
    ],
)
def test_a_wrong_test_is_told_with_its_place(write: Write, test: str, expected: str) -> None:
    (found,) = problems(write(f"tests:\n  - name: t\n    {test}\n"))
    assert "test `t`" in found
    assert expected in found


def test_all_that_is_wrong_with_a_test_is_told(write: Write) -> None:
    folder = write(
        "tests:\n"
        "  - {can: select, cannot: select}\n"
        "  - {principal: 5, cannot: select, columns: id, mask: hash}\n"
        "  - {principal: a, can: [[x], insert], mask: hsh, on_path: /a, columns: id}\n"
        "  - {principal: a, cna: select, onn: lake.a.t, columns: id}\n"
    )
    assert [problem.partition(":")[2] for problem in problems(folder)] == [
        "2:5: test 1, `principal`: it has to be given",
        "2:5: test 1: nothing is named; give `on` or `on_path`",
        "2:5: test 1: one of `can` and `cannot` says what is expected",
        "3:5: test 2: `columns` are those of tables; name these by `on`, and no path",
        "3:5: test 2: `mask` and `filter_rows` go with `can`: who can't, sees nothing",
        "3:5: test 2: nothing is named; give `on` or `on_path`",
        "3:6: test 2, `principal`: it is neither text nor a list of texts; put text in quotes",
        "4:5: test 3: `columns` are those of tables; name these by `on`, and no path",
        "4:5: test 3: `mask` and `filter_rows` go with `can: select` alone: all else shows nothing",
        "4:26: test 3, `can.1`: it is no text; put it in quotes",
        (
            "4:40: test 3, `mask`: `hsh` is no mask; one of redact, partial, hash, nullify, "
            "constant, year, round, custom, or true or false"
        ),
        "5:20: test 4, `cna`: there is no such key; did you mean `can`?",
        "5:33: test 4, `onn`: there is no such key; did you mean `on`?",
    ]
