"""Two machines with one metadata database, and a folder each."""

from __future__ import annotations

import json
from pathlib import Path

from support.scripts import RunScript

TESTS = Path(__file__).parents[2]
FOLLOWED_SECONDS = 5.0  # generous: the bound is half a second, machines of CI are busy


def test_a_running_lakehouse_follows_what_another_machine_changes(
    tmp_path: Path, run_script: RunScript, postgres_url: str
) -> None:
    script = f"""
import json, time
from pathlib import Path
from pyspark.errors import AnalysisException
import iomete
from iomete.errors import QueryError
from iomete.store import Store
from support.governed_world import World

url = {postgres_url!r}
lake = iomete.connect({str(tmp_path / "here")!r}, master="local[1]", store={{"url": url}})
lake.sql("CREATE NAMESPACE lake.n")
lake.sql("CREATE TABLE lake.n.t AS SELECT 1 AS id")
lake.principals.add_user("ana")
ana = lake.as_principal("ana")

def seconds_until(holds):
    begin = time.monotonic()
    while not holds():
        assert time.monotonic() - begin < 20
        time.sleep(0.02)
    return time.monotonic() - begin

def sees():
    try:
        return ana.sql("SELECT * FROM lake.n.t").count() == 1
    except (QueryError, AnalysisException):
        return False

with Store.open(url) as store:  # the other machine, which needs no Spark for this
    other = World(Path({str(tmp_path / "there")!r}), store)
    other.act_as(lake.principal)
    assert not sees()
    grant = other.policies.grant("select", on="lake.n.t", to="ana", future=True)
    granted = seconds_until(sees)
    other.policies.delete(grant.id)
    revoked = seconds_until(lambda: not sees())
lake.close()
print(json.dumps([granted, revoked]))
"""
    done = run_script(script, PYTHONPATH=str(TESTS))
    assert max(json.loads(done.stdout.splitlines()[-1])) < FOLLOWED_SECONDS
    assert "can't be followed" not in done.stderr
