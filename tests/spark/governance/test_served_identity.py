"""A server's sessions are of whom it has authenticated, whatever a client says.

A real server in a process of its own; stock clients in others.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from support.ports import free_ports
from support.processes import end
from support.scripts import RunScript

SERVE = """
import json
import sys

import iomete

folder, tokens, port, thrift_port = sys.argv[1:]
engine = {
    "master": "local[2]",
    "spark": {
        "spark.plugins": "org.apache.spark.sql.connect.SparkConnectPlugin",
        "spark.connect.grpc.binding.address": "127.0.0.1",
        "spark.connect.grpc.binding.port": port,
        "spark.connect.grpc.interceptor.classes": "io.iomete.spark.connect.ConnectAuthentication",
        "spark.iomete.tokens": tokens,
        "spark.sql.catalog.other": "org.apache.iceberg.spark.SparkCatalog",
        "spark.sql.catalog.other.type": "hadoop",
        "spark.sql.catalog.other.warehouse": "/secret/place",
        "spark.test.password": "hunter2",
    },
}
with iomete.connect(folder, engine=engine) as lake:
    lake.catalog.create_namespace("lake.crm")
    lake.sql(
        "CREATE TABLE lake.crm.people AS SELECT * FROM VALUES "
        "(1, 'ann@example.org', 'EU', 10), (2, 'bo@example.org', 'US', 20) "
        "AS people(id, email, region, salary)"
    )
    lake.sql("CREATE TABLE lake.crm.secret AS SELECT 1 AS id")
    lake.principals.add_user("alice", attributes={"region": "EU"})
    lake.principals.add_user("bob", attributes={"region": "US"})
    lake.policies.grant(
        "select", on="lake.crm.people", columns=["id", "email", "region"], to="alice"
    )
    lake.policies.mask("lake.crm.people", "email", "redact", to="alice")
    lake.policies.filter_rows("lake.crm.people", "region = ${{USER.region}}", to="alice")
    lake.policies.grant("select", on="lake.crm", to="bob")
    lake.principals.add_user("root_of_all", roles=["admin"])
    thrift = lake.spark._jvm.io.iomete.spark.thrift.ThriftEndpoint
    thrift.start(lake.spark._jsparkSession, "127.0.0.1", int(thrift_port))
    print("ready", flush=True)
    for _ in sys.stdin:
        events = [(e.principal, e.resource, e.verdict) for e in lake.audit.events()]
        print(json.dumps(events), flush=True)
"""

# what a client's script begins with; `answer` is its output
ANY_CLIENT = """
import json
import sys

connect_port, thrift_port, tokens = json.loads(sys.argv[1])

def answer(**values):
    print(json.dumps(values), flush=True)
"""

CONNECT_CLIENT = (
    ANY_CLIENT
    + '''
import pyspark.sql.connect.proto as proto
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

def connect(user, **more):
    options = {"token": tokens.get(user, user), **more}
    parts = ";".join(f"{key}={value}" for key, value in options.items() if value)
    return SparkSession.builder.remote(f"sc://localhost:{connect_port}/;{parts}").create()

def rows(spark, query):
    return [list(row) for row in spark.sql(query).collect()]

def error(act):
    try:
        return ["no error", str(act())]
    except PySparkException as error:
        return [error.getCondition(), str(error).split("JVM stacktrace")[0]]

def raw(call):
    """What gRPC says itself, where PySpark has no method or doesn't translate the error."""
    try:
        return ["no error", str(call())]
    except Exception as error:
        return [error.code().name, error.details()]
'''
)

THRIFT_CLIENT = (
    ANY_CLIENT
    + """
from impala.dbapi import connect as dbapi_connect

def connect(user, token=None):
    return dbapi_connect(
        host="127.0.0.1", port=thrift_port, auth_mechanism="PLAIN",
        user=user, password=tokens[user] if token is None else token,
    )

def cursor(user, **configuration):
    return connect(user).cursor(configuration=configuration, convert_types=False)

def rows(cursor, query):
    cursor.execute(query)
    return [list(row) for row in cursor.fetchall()]

def error(act):
    try:
        return "no error: " + str(act())
    except Exception as error:
        return str(error)
"""
)

USERS = ("alice", "bob", "root_of_all")


@dataclass(frozen=True)
class Server:
    """A server that runs, and whose tokens open it."""

    process: subprocess.Popen[str]
    connect_port: int
    thrift_port: int
    token_file: Path
    tokens: dict[str, str]

    def audit(self) -> list[tuple[str, str, str]]:
        """What the audit trail says so far: principal, resource, verdict."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return [tuple(event) for event in json.loads(self.process.stdout.readline())]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("served")
    tokens = {user: secrets.token_urlsafe(32) for user in USERS}
    token_file = folder / "tokens"
    write_tokens(token_file, tokens)
    ports = free_ports(2)
    process = subprocess.Popen(
        [sys.executable, "-c", SERVE, folder / "lakehouse", token_file, *map(str, ports)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout.readline() == "ready\n"
        yield Server(process, *ports, token_file, tokens)
    finally:
        process.stdin.close()
        process.stdout.close()
        end(process)


def write_tokens(file: Path, tokens: dict[str, str]) -> None:
    """Replace the file of tokens at once."""
    lines = [f"{hashlib.sha256(t.encode()).hexdigest()} {user}" for user, t in tokens.items()]
    new = file.with_suffix(".new")
    new.touch(mode=0o600)
    new.write_text("# tokens\n" + "\n".join(lines) + "\n")
    new.replace(file)


Ask = Callable[..., dict[str, Any]]


@pytest.fixture
def ask(server: Server, run_script: RunScript) -> Ask:
    """Runs a stock client's script, and returns what it answers."""

    def run(source: str, client: str = CONNECT_CLIENT) -> dict[str, Any]:
        access = json.dumps([server.connect_port, server.thrift_port, server.tokens])
        # no user of the operating system's: the token alone says who it is
        done = run_script(client + source, access, USER="", SPARK_USER="")
        return json.loads(done.stdout.splitlines()[-1])

    return run


def test_the_same_query_gives_each_what_they_may_see(ask: Ask, server: Server) -> None:
    got = ask("""
query = "SELECT * FROM lake.crm.people ORDER BY id"
alice, bob = connect("alice"), connect("bob")
answer(
    alice=rows(alice, query), bob=rows(bob, query),
    who=[rows(s, "SELECT current_user()")[0][0] for s in (alice, bob)],
    frame=[s.table("lake.crm.people").columns for s in (alice, bob)],
    hidden_column=error(lambda: rows(alice, "SELECT salary FROM lake.crm.people")),
    hidden_table=error(lambda: rows(alice, "SELECT * FROM lake.crm.secret")),
    missing_table=error(lambda: rows(alice, "SELECT * FROM lake.crm.secre")),
    shown_table=rows(bob, "SELECT * FROM lake.crm.secret"),
)
""")
    assert got["alice"] == [[1, "xxx@xxxxxxx.xxx", "EU"]]
    assert got["bob"] == [[1, "ann@example.org", "EU", 10], [2, "bo@example.org", "US", 20]]
    assert got["who"] == ["alice", "bob"]
    assert got["frame"] == [["id", "email", "region"], ["id", "email", "region", "salary"]]
    assert got["hidden_column"][0] == "UNRESOLVED_COLUMN.WITH_SUGGESTION"
    assert got["hidden_table"][0] == "TABLE_OR_VIEW_NOT_FOUND"
    assert got["hidden_table"][1].replace("secret", "secre") == got["missing_table"][1]
    assert got["shown_table"] == [[1]]
    assert {("alice", "lake.crm.people", "allowed"), ("alice", "lake.crm.secret", "denied")} <= set(
        server.audit()
    )


def test_the_counts_of_a_plan_are_shown_to_administrators_only(ask: Ask) -> None:
    got = ask("""
def measured(user):
    frame = connect(user).sql("SELECT id FROM lake.crm.people")
    seen = frame.observe("seen", F.count(F.lit(1)).alias("rows"))
    seen.collect()
    info = seen.executionInfo
    return {
        "metrics": [each.name for each in (info.metrics._metrics if info.metrics else [])],
        "observed": [list(each.pairs.values()) for each in info._observations or []],
    }
answer(**{user: measured(user) for user in ("alice", "root_of_all")})
""")
    assert got["alice"] == {"metrics": [], "observed": [[1]]}
    assert got["root_of_all"]["metrics"]
    assert got["root_of_all"]["observed"] == [[2]]


def test_nobody_comes_in_without_a_token_or_under_another_name(ask: Ask) -> None:
    got = ask("""
query = "SELECT 1"
answer(
    missing=error(lambda: rows(connect("", user_id="alice"), query)),
    wrong=error(lambda: rows(connect("guess"), query)),
    forged=error(lambda: rows(connect("alice", user_id="bob"), query)),
    cased=error(lambda: rows(connect("alice", user_id="Alice"), query)),
    admin=error(lambda: rows(connect("alice", user_id="root_of_all"), query)),
    own=rows(connect("alice", user_id="alice"), "SELECT current_user()"),
)
""")
    for case in ("missing", "wrong", "forged", "cased", "admin"):
        assert "[IOMETE_NOT_AUTHENTICATED." in got[case][1], case
        assert "Hint: " in got[case][1], case
    assert "NO_TOKEN" in got["missing"][1]
    assert "UNKNOWN_TOKEN" in got["wrong"][1]
    assert "it is of `bob`, and the token is `alice`'s" in got["forged"][1]
    assert got["own"] == [["alice"]]


def test_a_session_id_opens_nothing_of_another_principal(ask: Ask) -> None:
    got = ask("""
shared = "11111111-2222-3333-4444-555555555555"
alice, bob = connect("alice", session_id=shared), connect("bob", session_id=shared)
alice.sql("CREATE TEMPORARY VIEW mine AS SELECT 'of alice' AS whose")
alice.conf.set("spark.test.mine", "of alice")
long = alice.client._execute_plan_request_with_metadata(operation_id=shared)
long.plan.command.sql_command.sql = "SELECT 1"
stub, metadata = bob.client._stub, list(bob.client._builder.metadata())
list(alice.client._stub.ExecutePlan(long, metadata=list(alice.client._builder.metadata())))
reattach = proto.ReattachExecuteRequest(session_id=shared, operation_id=shared)

answer(
    who=[rows(s, "SELECT current_user()")[0][0] for s in (alice, bob)],
    view=error(lambda: rows(bob, "SELECT * FROM mine")),
    setting=bob.conf.get("spark.test.mine", "none"),
    reattach=raw(lambda: list(stub.ReattachExecute(reattach, metadata=metadata))),
    interrupted=bob.interruptAll(),
    released=bob.client.release_session(),
    still=rows(alice, "SELECT whose FROM mine"),
)
""")
    assert got["who"] == ["alice", "bob"]
    assert got["view"][0] == "TABLE_OR_VIEW_NOT_FOUND"
    assert got["setting"] == "none"
    assert "INVALID_HANDLE.OPERATION_NOT_FOUND" in got["reattach"][1]
    assert got["interrupted"] == []
    assert got["still"] == [["of alice"]]


def test_a_clone_is_of_the_same_principal_and_of_nobody_elses_session(ask: Ask) -> None:
    got = ask("""
alice, bob = connect("alice"), connect("bob")
rows(alice, "SELECT 1")
clone = alice.cloneSession()
unused = connect("alice")
unused.conf.set("spark.test.opened", "yes")
early = unused.cloneSession()
query = "SELECT current_user(), max(email) FROM lake.crm.people"
request = proto.CloneSessionRequest(session_id=alice.session_id)
metadata = list(bob.client._builder.metadata())
stolen = raw(lambda: bob.client._stub.CloneSession(request, metadata=metadata))
answer(clone=rows(clone, query), early=rows(early, query), stolen=stolen)
""")
    assert got["clone"] == got["early"] == [["alice", "xxx@xxxxxxx.xxx"]]
    assert "INVALID_HANDLE.SESSION_NOT_FOUND" in got["stolen"][1]


def test_protected_settings_are_neither_set_nor_shown(ask: Ask) -> None:
    got = ask("""
alice, admin = connect("alice"), connect("root_of_all")
conf = alice.conf
keys = ["spark.sql.catalog.lake", "spark.sql.extensions", "spark.hadoop.a", "spark.iomete.tokens"]
answer(
    set=[error(lambda: conf.set(key, "x")) for key in keys],
    builder=error(lambda: SparkSession.builder.remote(
        f"sc://localhost:{connect_port}/;token={tokens['alice']}"
    ).config("spark.sql.catalog.mine", "org.example.Catalog").create().sql("SELECT 1").collect()),
    unset=[error(lambda: conf.unset(key)) for key in keys],
    statement=error(lambda: alice.sql("SET spark.sql.catalog.mine = org.example.Catalog")),
    get=[error(lambda: conf.get(key)) for key in keys],
    default=error(lambda: conf.get("spark.sql.catalog.other.warehouse", "none")),
    all=sorted(conf.getAll),
    password=[conf.get("spark.test.password"), conf.getAll["spark.test.password"]],
    own=[conf.set("spark.sql.shuffle.partitions", "3"), conf.get("spark.sql.shuffle.partitions")],
    admin=[admin.conf.set("spark.sql.catalog.mine", "x"), admin.conf.get("spark.sql.catalog.mine")],
)
""")
    for refused in [*got["set"], *got["unset"], got["statement"], got["builder"]]:
        assert refused[0] == "IOMETE_SETTING_REFUSED", refused
        assert "`alice` may not set `spark." in refused[1]
    for refused in [*got["get"], got["default"]]:
        assert refused[0] == "IOMETE_SETTING_HIDDEN", refused
    guarded = ("spark.sql.catalog.", "spark.hadoop.", "spark.iomete.", "spark.sql.extensions")
    assert "spark.sql.shuffle.partitions" in got["all"]
    assert not [key for key in got["all"] if key.startswith(guarded)]
    assert "hunter2" not in "".join(got["password"])
    assert got["own"] == [None, "3"]
    assert got["admin"] == [None, "x"]


def test_jars_classes_and_files_for_the_server_are_refused(ask: Ask, tmp_path: Path) -> None:
    (tmp_path / "a.jar").write_bytes(b"PK")
    (tmp_path / "a.py").write_text("answer = 42\n")
    got = ask("""
alice = connect("alice")

def send(name):
    batch = proto.AddArtifactsRequest.Batch()
    batch.artifacts.add(name=name).data.data = b"x"
    request = proto.AddArtifactsRequest(session_id=alice.session_id, batch=batch)
    metadata = list(alice.client._builder.metadata())
    return raw(lambda: alice.client._stub.AddArtifacts(iter([request]), metadata=metadata))

names = [
    "jars/a.jar", "classes/A.class", "forward_to_fs/tmp/x", "pyfiles/../jars/a.jar", "jars",
    "./jars/a.jar", "pyfiles/..\\\\..\\\\jars\\\\a.jar", "/jars/a.jar", "other/a", "a.jar",
]
answer(
    sent={name: send(name) for name in names},
    copied=raw(lambda: alice.copyFromLocalToFs("a.py", "/tmp/a.py")),
    jar=error(lambda: alice.addArtifact("a.jar")),
    statement=error(lambda: alice.sql("ADD JAR 'a.jar'")),
    python=alice.addArtifact("a.py", pyfile=True),
    local=alice.createDataFrame([(1,)], "n INT").collect()[0].n,
)
""")
    for name, outcome in got["sent"].items():
        assert "[IOMETE_REQUEST_REFUSED]" in outcome[1], name
    assert "to take the artifact `forward_to_fs/tmp/a.py`. Hint: " in got["copied"][1]
    assert "to take the artifact `jars/a.jar`. Hint: " in got["jar"][1]
    assert got["statement"][0] == "IOMETE_COMMAND_REFUSED"
    assert got["local"] == 1


def test_code_of_ones_own_does_not_run_as_the_server(ask: Ask) -> None:
    got = ask("""
from pyspark.sql.connect.proto import Command, MlCommand, PipelineCommand

alice, admin = connect("alice"), connect("root_of_all")
double = F.udf(lambda n: n * 2, "long")
frame = lambda spark: spark.range(2)
stream = alice.readStream.table("lake.crm.people").writeStream

@F.udtf(returnType="n int")
class Numbers:
    def eval(self):
        yield (1,)

def command(**content):
    request = alice.client._execute_plan_request_with_metadata()
    request.plan.command.CopyFrom(Command(**content))
    metadata = list(alice.client._builder.metadata())
    return raw(lambda: list(alice.client._stub.ExecutePlan(request, metadata=metadata)))

attempts = {
    "udf": lambda: frame(alice).select(double("id")).collect(),
    "schema": lambda: frame(alice).select(double("id")).schema,
    "map": lambda: frame(alice).mapInPandas(lambda batches: batches, "id long").collect(),
    "group": lambda: frame(alice).groupBy("id").applyInPandas(lambda g: g, "id long").collect(),
    "registered": lambda: alice.udf.register("double", double),
    "java": lambda: alice.udf.registerJavaFunction("j", "org.example.Function"),
    "table function": lambda: alice.udtf.register("n", Numbers),
    "batches": lambda: stream.foreachBatch(lambda rows, n: None).start(),
    "rows": lambda: stream.foreach(lambda row: None).start(),
}
outcomes = {name: error(attempt) for name, attempt in attempts.items()}
outcomes["model"] = command(ml_command=MlCommand(read=MlCommand.Read(path="/tmp/model")))
outcomes["pipeline"] = command(pipeline_command=PipelineCommand())
outcomes["extension"] = command(extension={"type_url": "a", "value": b"b"})
alice.client._plan_compression_threshold = 10
alice.client._plan_compression_algorithm = "ZSTD"
padding = "-- " + "x" * 1000
outcomes["compressed"] = error(
    lambda: frame(alice).select(double("id"), F.lit(padding)).collect()
)
answer(
    outcomes=outcomes,
    compressed=rows(alice, "SELECT 1 " + padding),
    admin=[row[0] for row in frame(admin).select(double("id")).collect()],
)
""")
    assert len(got["outcomes"]) == 13
    for case, outcome in got["outcomes"].items():
        assert "[IOMETE_REQUEST_REFUSED] `alice` may not ask the server" in outcome[1], case
    assert got["compressed"] == [[1]]
    assert got["admin"] == [0, 2]


def test_a_stream_runs_as_the_principal_who_started_it(ask: Ask) -> None:
    got = ask("""
alice, bob = connect("alice"), connect("bob")

def stream(spark):
    people = spark.readStream.table("lake.crm.people").withColumn("who", F.current_user())
    written = people.writeStream.format("memory").queryName("seen").trigger(availableNow=True)
    query = written.start()
    query.awaitTermination(60)
    return rows(spark, "SELECT * FROM seen ORDER BY id") + [str(query.exception())]

answer(alice=stream(alice), bob=stream(bob))
""")
    assert got["alice"] == [[1, "xxx@xxxxxxx.xxx", "EU", "alice"], "None"]
    assert [row[-1] for row in got["bob"][:-1]] == ["bob", "bob"]
    assert [row[1] for row in got["bob"][:-1]] == ["ann@example.org", "bo@example.org"]


def test_a_token_ends_with_its_line_in_the_file(ask: Ask, server: Server) -> None:
    script = """
alice, bob = connect("alice"), connect("bob")
answer(alice=error(lambda: rows(alice, "SELECT 1")), bob=error(lambda: rows(bob, "SELECT 1")))
"""
    try:
        write_tokens(server.token_file, {"bob": server.tokens["bob"]})
        got = ask(script)
        assert "UNKNOWN_TOKEN" in got["alice"][1]
        assert got["bob"] == ["no error", "[[1]]"]
        server.token_file.chmod(0o644)
        assert "UNKNOWN_TOKEN" in ask(script)["bob"][1]
    finally:
        write_tokens(server.token_file, server.tokens)
    assert ask(script) == {"alice": ["no error", "[[1]]"], "bob": ["no error", "[[1]]"]}


def test_servers_listen_where_they_were_told_to(server: Server) -> None:
    programs = psutil.Process(server.process.pid).children(recursive=True)
    listening = {
        found.laddr.port: found.laddr.ip.removeprefix("::ffff:")
        for program in programs
        for found in program.net_connections("tcp")
        if found.status == psutil.CONN_LISTEN
    }
    assert set(listening.values()) == {"127.0.0.1"}
    assert {server.connect_port, server.thrift_port} <= set(listening)


# --- Thrift ---


def test_over_thrift_the_same_query_gives_each_what_they_may_see(ask: Ask) -> None:
    got = ask(
        """
query = "SELECT * FROM lake.crm.people ORDER BY id"
alice, bob = cursor("alice"), cursor("bob")
answer(
    alice=rows(alice, query), bob=rows(bob, query),
    who=[rows(c, "SELECT current_user()")[0][0] for c in (alice, bob)],
    database=rows(cursor("alice", **{"use:database": "crm"}), "SELECT id FROM people"),
    hidden_column=error(lambda: rows(alice, "SELECT salary FROM lake.crm.people")),
    hidden_table=error(lambda: rows(alice, "SELECT * FROM lake.crm.secret")),
    shown_table=rows(bob, "SELECT * FROM lake.crm.secret"),
)
""",
        THRIFT_CLIENT,
    )
    assert got["alice"] == [[1, "xxx@xxxxxxx.xxx", "EU"]]
    assert got["bob"] == [[1, "ann@example.org", "EU", 10], [2, "bo@example.org", "US", 20]]
    assert got["who"] == ["alice", "bob"]
    assert got["database"] == [[1]]
    assert "UNRESOLVED_COLUMN" in got["hidden_column"]
    assert "TABLE_OR_VIEW_NOT_FOUND" in got["hidden_table"]
    assert got["shown_table"] == [[1]]


def test_over_thrift_the_password_has_to_be_the_users_token(ask: Ask) -> None:
    got = ask(
        """
attempts = {
    "wrong": ("alice", "guess"), "empty": ("alice", ""), "digest": ("bob", tokens["alice"]),
    "admin": ("root_of_all", tokens["alice"]), "cased": ("Alice", tokens["alice"]),
    "domain": ("alice@example.org", tokens["alice"]),
}
answer(**{name: error(lambda: connect(*how).cursor()) for name, how in attempts.items()})
""",
        THRIFT_CLIENT,
    )
    assert len(got) == 6
    for case, outcome in got.items():
        assert "no error" not in outcome, case


def test_over_thrift_a_session_opens_with_no_protected_setting(ask: Ask) -> None:
    got = ask(
        """
keys = [
    "spark.sql.catalog.mine", "set:spark.sql.catalog.mine", "set:hiveconf:spark.sql.catalog.mine",
    "set:hivevar:spark.iomete.tokens", "set:system:user.name", "set:metaconf:a", "set:env:a",
    "hive.server2.proxy.user", "set:hiveconf:hiveconf:spark.sql.extensions",
]
answer(
    refused={key: error(lambda: cursor("alice", **{key: "bob"})) for key in keys},
    statement=error(lambda: rows(cursor("alice"), "SET spark.sql.catalog.mine = x")),
    own=rows(
        cursor("alice", **{"set:hiveconf:spark.sql.shuffle.partitions": "3"}),
        "SET spark.sql.shuffle.partitions",
    ),
    filtered=error(lambda: rows(
        cursor("alice", **{"set:hiveconf:spark.sql.columnNameOfCorruptRecord": "x"}),
        "SELECT * FROM lake.crm.people",
    )),
)
""",
        THRIFT_CLIENT,
    )
    assert "IOMETE_SETTING_CHANGES_RESULTS" in got["filtered"]
    for key, outcome in got["refused"].items():
        assert "[IOMETE_SETTING_REFUSED] `alice` may not set `" in outcome, key
    assert "IOMETE_SETTING_REFUSED" in got["statement"]
    assert got["own"] == [["spark.sql.shuffle.partitions", "3"]]


def test_over_thrift_names_and_sessions_of_others_stay_theirs(ask: Ask) -> None:
    got = ask(
        """
alice, bob = cursor("alice"), cursor("bob")
alice.execute("CREATE TEMPORARY VIEW mine AS SELECT 'of alice' AS whose")
alices, bobs = alice.session.handle, bob.session.handle
bob.session.handle = alices
stolen = error(lambda: rows(bob, "SELECT * FROM mine"))
bob.session.handle = bobs
answer(
    stolen=stolen,
    view=error(lambda: rows(bob, "SELECT * FROM mine")),
    still=rows(alice, "SELECT * FROM mine"),
    tables=error(lambda: alice.get_tables()),
    columns=error(lambda: alice.get_table_schema("people", "crm")),
    databases=error(lambda: alice.get_databases()),
    functions=error(lambda: alice.get_functions()),
)
""",
        THRIFT_CLIENT,
    )
    assert "to use a session that isn't theirs" in got["stolen"]
    assert "TABLE_OR_VIEW_NOT_FOUND" in got["view"]
    assert got["still"] == [["of alice"]]
    for request in ("tables", "columns", "databases", "functions"):
        assert (
            "[IOMETE_REQUEST_REFUSED] `alice` may not ask the server for this: Get" in got[request]
        )
