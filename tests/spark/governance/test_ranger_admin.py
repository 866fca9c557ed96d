"""Policies that come from a Ranger Admin, sent to it and fetched from it, on real tables.

One script lives through all of it and tells what it saw: a lakehouse whose policies are pushed,
which then goes by Ranger's, loses the server, starts without it, finds it again, loses the service,
and pulls the policies back.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from support.scripts import RunScript

TESTS = Path(__file__).parents[2]

LIFE = """
import json, stat, sys, time
import iomete
from iomete.errors import IometeError
from pyspark.errors import PySparkException
sys.path.insert(0, sys.argv[1])
from support.ranger_admin import RangerServer

PEOPLE = ("alice", "bob", "carol")
SERVICE = "our lake"
seen = {}

def connect(folder="lakehouse", **governance):
    return iomete.connect(folder, master="local[2]", **governance)

def rows(lake, who):
    try:
        return [list(r) for r in lake.as_principal(who).sql(
            "SELECT * FROM lake.crm.customers ORDER BY id").collect()]
    except IometeError as error:
        return error.condition
    except PySparkException as error:  # policies changed between the plan and its execution
        return error.getCondition()

def all_rows(lake):
    return {who: rows(lake, who) for who in PEOPLE}

def wait(condition):
    end = time.monotonic() + 10
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)
    return condition()

def refused(call):
    try:
        call()
    except (IometeError, PySparkException) as error:
        return [type(error).__name__, str(error)]

with RangerServer() as ranger:
    where = dict(url=ranger.url, service=SERVICE, user=ranger.user, password=ranger.password)
    settings = {"governance": ranger.settings(SERVICE)}

    with connect() as lake:
        lake.sql("CREATE NAMESPACE lake.crm")
        lake.sql("CREATE TABLE lake.crm.customers AS SELECT * FROM VALUES "
                 "(1, 'ann@x.org', '111', 'EU'), (2, 'ben@y.org', '222', 'US') "
                 "AS t (id, email, ssn, region)")
        lake.sql("CREATE TABLE lake.crm.odd AS SELECT 1 AS id")
        lake.principals.add_group("analysts")
        lake.principals.add_user("alice", groups=["analysts"], attributes={"region": "EU"})
        lake.principals.add_user("bob", groups=["analysts"])
        lake.principals.add_user("carol")
        lake.principals.add_role("auditor")
        lake.principals.grant_role("auditor", "user:carol")
        on = "lake.crm.customers"
        lake.policies.grant("select", on=on, to="group:analysts", name="reading")
        lake.policies.grant("select", on=on, columns=["id", "ssn"], to="role:auditor", name="audit")
        lake.policies.grant("select", on="lake.crm.odd", to="group:analysts", name="odd")
        lake.policies.mask(on, "email", "partial", show_last=4, to="group:analysts", name="mask")
        lake.policies.filter_rows(on, "region = ${{USER.region}}", to="user:alice", name="own")
        lake.tags.define("SECRET")
        lake.tags.attach("SECRET", "lake.crm.customers.ssn")
        lake.policies.mask_tag("SECRET", "nullify", to="group:analysts", name="secret")
        seen["store"] = all_rows(lake)
        seen["report"] = lake.policies.push(**where).created
        seen["store status"] = lake.policies.status().source

    ranger.add_user("alice", "analysts", region="EU")
    ranger.add_user("bob", "analysts")
    ranger.add_user("carol")

    with connect(**settings) as lake:
        seen["ranger"] = all_rows(lake)
        status = lake.policies.status()
        seen["status"] = [status.source, status.problem, sorted(status.versions)]
        seen["listed"] = [policy.name for policy in lake.policies.list()]
        seen["grant"] = refused(lambda: lake.policies.grant("select", on=on, to="carol"))
        seen["tag"] = refused(lambda: lake.tags.detach("SECRET", "lake.crm.customers.ssn"))
        seen["settings"] = repr(lake.settings.settings)
        reading = next(p for p in ranger.policies.values() if p["name"] == "reading")
        ranger.put_policy(reading | {"isEnabled": False})
        seen["revoked"] = wait(lambda: rows(lake, "bob") == "TABLE_OR_VIEW_NOT_FOUND")
        ranger.put_policy(reading)
        seen["again"] = wait(lambda: rows(lake, "bob") == seen["store"]["bob"])
        truncating = [{"accesses": [{"type": "truncate", "isAllowed": True}], "users": ["bob"]}]
        odd = next(p for p in ranger.policies.values() if p["name"] == "odd")
        ranger.put_policy(odd | {"denyPolicyItems": truncating})
        seen["told"] = wait(lambda: any("truncate" in b for b in lake.policies.status().broken))
        seen["closed"] = refused(
            lambda: lake.as_principal("bob").sql("SELECT * FROM lake.crm.odd").collect())
        seen["others"] = all_rows(lake)
        ranger.put_policy(odd)
        seen["sound"] = wait(lambda: not lake.policies.status().broken)
        ranger.stop()
        seen["told away"] = wait(lambda: lake.policies.status().problem)
        seen["away"] = all_rows(lake)

    with connect(**settings) as lake:
        seen["away again"] = all_rows(lake)
        cache = lake.folder / "policies" / "ranger.json"
        seen["mode"] = stat.filemode(cache.stat().st_mode)
        seen["kept secret"] = ranger.password in cache.read_text()
        ranger.start()
        seen["back"] = wait(lambda: lake.policies.status().problem is None)
        service = ranger.services.pop(SERVICE)
        seen["dropped"] = wait(lambda: rows(lake, "bob") == "TABLE_OR_VIEW_NOT_FOUND")
        seen["told dropped"] = lake.policies.status().problem
        seen["admin"] = lake.table("lake.crm.customers").count()
        ranger.services[SERVICE] = service
        seen["restored"] = wait(lambda: rows(lake, "bob") == seen["store"]["bob"])

    with connect() as lake:
        for policy in lake.policies.list():
            lake.policies.delete(policy.id)
        seen["deleted"] = all_rows(lake)
        lake.policies.pull(**where)
        seen["pulled"] = all_rows(lake)

    ranger.stop()
    seen["nothing"] = refused(lambda: connect("another", **settings))
    print(json.dumps(seen))
"""

HIDDEN = "TABLE_OR_VIEW_NOT_FOUND"


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    run = RunScript(tmp_path_factory.mktemp("ranger"))
    told: dict[str, Any] = json.loads(run(LIFE, TESTS).stdout.splitlines()[-1])
    return told


def test_the_policies_restrict_before_they_are_pushed(seen: dict[str, Any]) -> None:
    masked = seen["store"]
    assert masked["alice"] == [[1, "*****.org", None, "EU"]]
    assert masked["bob"] == [[1, "*****.org", None, "EU"], [2, "*****.org", None, "US"]]
    assert masked["carol"] == [[1, "111"], [2, "222"]]
    assert seen["store status"] == "store"


def test_what_was_pushed_decides_the_same(seen: dict[str, Any]) -> None:
    assert set(seen["report"]) == {"reading", "audit", "odd", "mask", "own", "secret"}
    assert seen["ranger"] == seen["store"]
    source, problem, parts = seen["status"]
    assert "service `our lake` of Ranger Admin `http://127.0.0.1:" in source
    assert (problem, parts) == (None, ["policies", "roles", "tags", "users"])


def test_what_is_in_force_is_listed_and_changed_in_ranger_only(seen: dict[str, Any]) -> None:
    assert set(seen["listed"]) == set(seen["report"])
    for error, message in (seen["grant"], seen["tag"]):
        assert error == "PoliciesElsewhereError"
        assert "service `our lake`" in message


def test_a_change_in_ranger_is_in_force_within_a_poll(seen: dict[str, Any]) -> None:
    assert seen["revoked"]
    assert seen["again"]


def test_a_policy_that_cannot_be_enforced_closes_its_table_only(seen: dict[str, Any]) -> None:
    assert seen["told"]
    assert seen["closed"] is not None
    assert "truncate" not in seen["closed"][1]
    assert seen["others"] == seen["store"]
    assert seen["sound"]


def test_policies_stay_while_the_server_is_away(seen: dict[str, Any]) -> None:
    assert "can't be asked" in seen["told away"] or "HTTP" in seen["told away"]
    assert seen["away"] == seen["store"]


def test_policies_stay_across_a_restart_without_the_server(seen: dict[str, Any]) -> None:
    assert seen["away again"] == seen["store"]
    assert seen["mode"] == "-rw-------"
    assert seen["back"]


def test_a_service_that_is_gone_grants_nothing(seen: dict[str, Any]) -> None:
    assert seen["dropped"]
    assert "There is no service `our lake`" in seen["told dropped"]
    assert seen["admin"] == 2
    assert seen["restored"]


def test_pulled_policies_decide_the_same(seen: dict[str, Any]) -> None:
    assert set(seen["deleted"].values()) == {HIDDEN}
    assert seen["pulled"] == seen["store"]


def test_without_server_and_kept_policies_nothing_starts(seen: dict[str, Any]) -> None:
    error, message = seen["nothing"]
    assert error == "EngineError"
    assert "Governance can't start" in message
    assert "see that Ranger Admin can be reached" in message


def test_credentials_are_shown_and_kept_nowhere(seen: dict[str, Any]) -> None:
    assert not seen["kept secret"]
    assert "s3cret" not in seen["settings"]
