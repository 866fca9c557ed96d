from __future__ import annotations

import os
import pwd
from dataclasses import FrozenInstanceError

import pytest

from iomete.access import Principal, operating_system_principal
from iomete.errors import ConfigurationError


@pytest.mark.parametrize("name", ["alice", "alice@example.com", "Ålice von Ö", "uid-1000", "a b"])
def test_a_principal_is_written_as_its_name(name: str) -> None:
    assert str(Principal(name)) == name


@pytest.mark.parametrize(
    "name", ["", " ", " alice", "alice ", "a\nb", "a\0b", "a\x1b[31mb", "a\u202eb"]
)
def test_names_that_look_like_others_are_refused(name: str) -> None:
    with pytest.raises(ConfigurationError, match="not a principal's name") as caught:
        Principal(name)
    assert str(caught.value).isprintable()


def test_principals_of_one_name_are_one_and_stay_so() -> None:
    assert Principal("alice") == Principal("alice")
    assert len({Principal("alice"), Principal("alice"), Principal("Alice")}) == 2
    with pytest.raises(FrozenInstanceError):
        Principal("alice").name = "bob"  # type: ignore[misc]


def test_variables_do_not_decide_who_runs_this(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("USER", "LOGNAME", "LNAME", "USERNAME", "SUDO_USER"):
        monkeypatch.setenv(variable, "mallory")
    assert operating_system_principal().name == pwd.getpwuid(os.geteuid()).pw_name


def test_a_number_without_a_user_is_a_principal_too(monkeypatch: pytest.MonkeyPatch) -> None:
    unused = max(user.pw_uid for user in pwd.getpwall()) + 1
    monkeypatch.setattr(os, "geteuid", lambda: unused)
    assert operating_system_principal() == Principal(f"uid-{unused}")
