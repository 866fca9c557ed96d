package io.iomete.spark.governance.ranger.admin

import java.nio.file.{Files, Path}
import java.nio.file.attribute.PosixFilePermissions

import scala.jdk.CollectionConverters._

import org.scalatest.Assertion

import io.iomete.spark.governance.decisions.ResourceNames
import io.iomete.spark.governance.ranger.{BundleBuilder, EngineSuite, RangerPolicyEngine, UnusableBundle}
import io.iomete.spark.governance.ranger.BundleBuilder._

import AdminServer.Fault

/** Policies of a Ranger Admin: what is asked for, what counts, and what happens when it is away. */
class AdminSourceSuite extends EngineSuite {
  private val local = BundleBuilder().user("root").user("off", enabled = false).role("admin", users = Seq("root"))
  private val granted = people.policy(allow("select", "alice", wholeTable("lake.crm.customers")))

  private def connection(server: AdminServer, more: (String, String)*): AdminConnection = AdminConnection.of(
    (Map(
      "url" -> server.url,
      "service" -> AdminServer.service,
      "user" -> "lake",
      "password" -> "s3cret",
      "cluster" -> "here & there",
      "poll_seconds" -> "0.1",
      "timeout_seconds" -> "1"
    ) ++ more).asJava
  )

  private def sees(engine: RangerPolicyEngine, who: String = "alice"): Boolean =
    engine.read(who, customers, columns).visible.nonEmpty

  private def engineOf[A](file: Path, admin: AdminConnection)(body: RangerPolicyEngine => A): A = {
    val engine = RangerPolicyEngine.start(file, admin)
    try body(engine)
    finally engine.close()
  }

  private def started[A](content: BundleBuilder)(body: (Path, AdminServer, RangerPolicyEngine) => A): A =
    inFolder { file =>
      val server = new AdminServer()
      try {
        server.content = content
        local.write(file)
        engineOf(file, connection(server))(body(file, server, _))
      } finally server.close()
    }

  private def eventually(condition: => Boolean): Assertion = {
    val deadline = System.nanoTime() + 10000000000L
    while (!condition && System.nanoTime() < deadline) Thread.sleep(10)
    assert(condition)
  }

  private def afterPolls[A](server: AdminServer, polls: Int)(body: => A): A = {
    val seen = server.requests.size
    eventually(server.requests.size >= seen + polls * 4)
    body
  }

  test("a change in Ranger is in force within a poll, and the same answer is no new epoch") {
    started(granted) { (_, server, engine) =>
      assert(sees(engine) && engine.problem.isEmpty)
      val epoch = engine.epoch
      afterPolls(server, 3)(assert(engine.epoch == epoch))
      server.publish(people)
      eventually(!sees(engine))
      server.publish(granted)
      eventually(sees(engine))
      assert(engine.epoch > epoch)
    }
  }

  test("each part is asked for as Ranger's own plugins do") {
    started(granted) { (_, server, _) =>
      eventually(server.statuses.asScala.count(_._2 == 304) >= 8)
      val asked = server.requests.asScala.toSeq
      val first = asked.take(4)
      assert(first.map(_.getRawPath).forall(_.endsWith("/our%20lake")))
      val queries = first.map(_.getQuery.split('&').toSet)
      assert(queries.head("lastKnownVersion=-1") && queries.head("supportsPolicyDeltas=false"))
      assert(first.head.getRawQuery.contains("clusterName=here%20%26%20there"))
      assert(queries(1)("supportsTagDeltas=false"))
      assert(queries(2)("lastKnownRoleVersion=-1") && queries(3)("lastKnownUserStoreVersion=-1"))
      assert(queries.forall(q => q("lastActivationTime=0") && q.exists(_.startsWith("pluginId=iomete@"))))
      assert(queries.forall(_.exists(_.startsWith("pluginCapabilities="))))
      assert(asked(4).getQuery.contains("lastKnownVersion=1") && !asked(4).getQuery.contains("lastActivationTime=0"))
    }
  }

  test("without credentials the paths that ask for none are used, and a token is sent as such") {
    inFolder { file =>
      val server = new AdminServer()
      try {
        local.write(file)
        server.authorization = None
        val open = connection(server, "user" -> "")
        intercept[UnusableBundle](engineOf(file, open)(identity))
        assert(server.requests.peek.getPath == "/service/plugins/policies/download/our lake")
        server.authorization = Some("Bearer t0ken")
        engineOf(file, connection(server, "user" -> "", "token" -> "t0ken"))(engine => assert(engine.problem.isEmpty))
      } finally server.close()
    }
  }

  test("what can't be used keeps the last good policies, is told, and is got over") {
    val faults: Seq[(String, Fault)] = Seq(
      "500"        -> new Fault(status = 500),
      "503"        -> new Fault(status = 503),
      "401"        -> new Fault(status = 401),
      "302"        -> new Fault(status = 302),
      "404"        -> new Fault(status = 404, change = _ => "<html>not found</html>"),
      "404"        -> new Fault(status = 404, change = _ => "RANGER_ERROR_SERVICE_NOT_FOUND: ServiceName=another"),
      "can't be"   -> new Fault(change = _ => "<html>login</html>"),
      "can't be"   -> new Fault(change = right => right.take(right.length / 2)),
      "can't be"   -> new Fault(change = right => right.take(right.length / 2), cut = true),
      "can't be"   -> new Fault(change = _ => ""),
      "can't be"   -> new Fault(change = _ => "null"),
      "can't be"   -> new Fault(change = _ => "{}"),
      "can't be"   -> new Fault(change = _.replaceFirst("ersion\":", "ersion\":9,\"denyPolicyItem\":1,\"x\":")),
      "within"     -> new Fault(delayMillis = 1500),
      "version 0"  -> new Fault(change = _.replaceAll("(policy|tag|role|userStore)Version\":[0-9]+", "$1Version\":0"))
    )
    started(granted) { (_, server, engine) =>
      for (part <- Seq("policies", "tags", "roles", "users"); (told, fault) <- faults) {
        server.fault = asked => Option.when(asked == part)(fault)
        eventually(engine.problem.isDefined)
        assert(sees(engine), s"$part, $told")
        eventually(engine.problem.exists(_.contains(told)))
        assert(!engine.problem.get.contains("s3cret"))
        server.fault = _ => None
        eventually(engine.problem.isEmpty)
      }
      server.publish(people)
      eventually(!sees(engine))
    }
  }

  test("policies of another service, of another kind, and mere changes are refused") {
    def renamed(from: String, to: String) = new Fault(change = _.replace(from, to))
    val faults = Seq(
      "of service `other`"          -> renamed("\"serviceName\":\"our lake\"", "\"serviceName\":\"other\""),
      "is called `hive`"            -> renamed("\"name\":\"iomete\"", "\"name\":\"hive\""),
      "has no resource `namespace`" -> renamed("\"name\":\"namespace\"", "\"name\":\"database\""),
      "has no access type `drop`"   -> renamed("\"name\":\"drop\"", "\"name\":\"discard\""),
      "changes of policies"         -> renamed("\"serviceId\":1", "\"policyDeltas\":[{\"changeType\":1}],\"serviceId\":1"),
      "security zones"              -> renamed("\"serviceId\":1", "\"securityZones\":{\"z\":{}},\"serviceId\":1")
    )
    started(granted) { (_, server, engine) =>
      faults.foreach { case (told, fault) =>
        server.fault = part => Option.when(part == "policies")(fault)
        withClue(s"$told: ")(eventually(engine.problem.exists(_.contains(told))))
        assert(sees(engine))
      }
    }
  }

  test("a policy that can't be carried out closes its table, and nothing else") {
    val odd = allow("truncate", "alice", wholeTable("lake.crm.customers"))
    val other = allow("select", "alice", wholeTable("lake.crm.orders"))
    started(granted.policy(odd, other)) { (_, _, engine) =>
      assert(!sees(engine) && engine.brokenPolicies.exists(_.contains("`truncate`")))
      assert(engine.read("alice", ResourceNames.table("lake", Seq("crm"), "orders"), columns).visible.nonEmpty)
      assert(sees(engine, "root"))
    }
  }

  test("a service that isn't there any more grants nothing, and may come back with lower versions") {
    started(granted) { (file, server, engine) =>
      server.publish(granted)
      server.isThere = false
      eventually(!sees(engine))
      eventually(engine.problem.exists(_.contains("There is no service `our lake`")))
      assert(sees(engine, "root"))
      server.close()
      engineOf(file, connection(server))(again => assert(!sees(again)))
    }
    started(granted) { (_, server, engine) =>
      server.publish(granted)
      eventually(engine.problem.isEmpty)
      server.isThere = false
      eventually(!sees(engine))
      server.versions = server.versions.map { case (part, _) => part -> 1L }
      server.isThere = true
      eventually(sees(engine) && engine.problem.isEmpty)
    }
  }

  test("a server that is away changes nothing, across a restart too, and is found again") {
    inFolder { file =>
      local.write(file)
      val server = new AdminServer()
      server.content = granted
      val admin = connection(server)
      val port = server.address
      engineOf(file, admin) { engine =>
        server.close()
        eventually(engine.problem.isDefined)
        assert(sees(engine))
      }
      engineOf(file, admin) { engine =>
        assert(sees(engine) && engine.problem.isDefined)
        val back = new AdminServer(port)
        try {
          back.versions = back.versions.map { case (part, _) => part -> 2L }
          back.content = people
          eventually(!sees(engine) && engine.problem.isEmpty)
        } finally back.close()
      }
    }
  }

  test("without server and cache there is no start, and it is said what to do") {
    inFolder { file =>
      local.write(file)
      val server = new AdminServer()
      server.close()
      val error = intercept[UnusableBundle](RangerPolicyEngine.start(file, connection(server)))
      assert(error.problem.contains(server.url) && error.hint.contains("governance.ranger"))
    }
  }

  test("the cache is its owner's, and neither a damaged one nor another service's is used") {
    started(granted) { (file, server, engine) =>
      val cache = file.resolveSibling("ranger.json")
      eventually(Files.exists(cache))
      assert(PosixFilePermissions.toString(Files.getPosixFilePermissions(cache)) == "rw-------")
      assert(!new String(Files.readAllBytes(cache)).contains("s3cret"))
      engine.close()
      server.close()
      def refused(admin: AdminConnection): Assertion =
        assert(intercept[UnusableBundle](RangerPolicyEngine.start(file, admin)).problem.nonEmpty)
      refused(connection(server, "service" -> "another"))
      val sound = Files.readAllBytes(cache)
      Files.write(cache, sound.updated(sound.length / 2, (sound(sound.length / 2) ^ 1).toByte))
      refused(connection(server))
      Files.write(cache, sound)
      engineOf(file, connection(server))(again => assert(sees(again)))
      assert(Files.list(file.getParent).iterator.asScala.forall(!_.toString.endsWith(".partial")))
    }
  }

  test("groups, roles and attributes are Ranger's; admins and the disabled are the lakehouse's") {
    val other = people.user("mallory").role("admin", users = Seq("mallory")).role("reader", groups = Seq("analysts"))
    val content = other.policy(allow("select", "role:reader", wholeTable("lake.crm.customers")))
    started(content) { (file, _, engine) =>
      assert(sees(engine) && sees(engine, "carol") && !sees(engine, "bob"))
      assert(!sees(engine, "off") && !sees(engine, "nobody"))
      assert(engine.isAdmin("root") && !engine.isAdmin("mallory") && !sees(engine, "mallory"))
      assert(engine.attributes("alice") == Map("region" -> "EU", "level" -> "3"))
      local.copy(version = 2).user("alice", enabled = false).role("x").write(file)
      assert(engine.refresh() == 2)
      assert(!sees(engine) && sees(engine, "carol"))
    }
  }

  test("owners are the lakehouse's own") {
    val content = people.policy(allow("select", "{OWNER}", wholeTable("lake.crm.*")))
    started(content) { (file, _, engine) =>
      assert(!sees(engine))
      local.copy(version = 2, owners = Map("lake.crm.customers" -> "alice")).write(file)
      engine.refresh()
      assert(sees(engine) && !sees(engine, "carol"))
    }
  }

  test("tags and policies on them come along") {
    val masked = granted.tagPolicy(mask("iomete:MASK", "alice", tagged("PII"), action = "iomete:select"))
    started(granted) { (_, server, engine) =>
      assert(engine.read("alice", customers, columns).masks.isEmpty)
      server.publish(masked.tag(named("lake", "crm", "customers"), "PII"))
      eventually(engine.read("alice", customers, columns).masks.nonEmpty)
    }
  }
}
