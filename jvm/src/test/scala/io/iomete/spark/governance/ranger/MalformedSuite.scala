package io.iomete.spark.governance.ranger

import org.scalatest.Assertion

import io.iomete.spark.governance.decisions.ResourceNames

import BundleBuilder._

/** What Ranger would pass over: the tables concerned are refused, other tables are not. */
class MalformedSuite extends EngineSuite {
  private val granted = people.policy(allow("all", "group:public", namespace("lake", "*")))
  private val email = BundleBuilder.columns("lake.crm.customers", "email")
  private val table = tableOnly("lake.crm.customers")
  private val orders = ResourceNames.table("lake", Seq("sales"), "orders")

  private def refuses(policy: Json, otherTables: Boolean = true): Assertion = refuses(granted.policy(policy), otherTables)

  private def refuses(bundle: BundleBuilder, otherTables: Boolean): Assertion = withEngine(bundle) { engine =>
    val decision = engine.read("alice", customers, columns)
    assert(decision.broken.exists(_.contains("policy 10")), engine.brokenPolicies)
    assert(decision.visible.isEmpty && decision.masks.isEmpty && decision.filter.isEmpty)
    assert(!engine.isAllowed("alice", "insert", customers), "insert")
    assert(engine.read("alice", orders, columns).broken.isEmpty == otherTables, "other tables")
    assert(engine.read("root", customers, columns).isUnrestricted(columns), "administrators")
    assert(engine.read("mallory", customers, columns).broken.isEmpty, "people without rights")
  }

  private def changed(policy: Json, items: String, change: Json => Json): Json =
    policy + (items -> policy(items).asInstanceOf[Seq[Json]].map(change))

  private def maskInfo(info: (String, Any)*): Json =
    changed(mask("MASK", "bob", email), "dataMaskPolicyItems", _ + ("dataMaskInfo" -> info.toMap))

  test("an unknown mask type") { refuses(mask("MASK_NOBODY_KNOWS", "bob", email)) }

  test("a mask type of Ranger's other services") { refuses(mask("mask", "bob", email)) }

  test("masks that lack their value, or have an impossible one") {
    Seq("MASK_SHOW_LAST", "MASK_SHOW_FIRST", "MASK_ROUND", "MASK_CONSTANT", "CUSTOM").foreach { kind =>
      refuses(mask(kind, "bob", email))
    }
    refuses(mask("MASK_SHOW_LAST", "bob", email, "four"))
    refuses(mask("MASK_SHOW_FIRST", "bob", email, "-1"))
    refuses(mask("MASK_ROUND", "bob", email, "1.5"))
    refuses(mask("MASK_ROUND", "bob", email, "99999999999"))
    refuses(mask("CUSTOM", "bob", email, "  "))
  }

  test("a mask without a type, or with a condition") {
    refuses(maskInfo())
    refuses(maskInfo("dataMaskType" -> "MASK", "conditionExpr" -> "x > 1"))
    refuses(changed(mask("MASK", "bob", email), "dataMaskPolicyItems", _ - "dataMaskInfo"))
  }

  test("macros that are not attributes of the user") {
    Seq("USER._groups", "REQ.user", "UGNAMES_Q", "GET_USER_ATTR('x')", "USER['x']", "USER.a.b").foreach { text =>
      refuses(filter("x = $" + s"{{$text}}", "bob", table))
    }
    refuses(filter("x = $" + "[[USER.region]]", "bob", table))
    refuses(filter(s"x = 'a ${ofUser("region")}'", "bob", table))
    refuses(filter(s"x = `${ofUser("region")}`", "bob", table))
    refuses(filter("x = $" + "{{USER.region", "bob", table))
    refuses(mask("CUSTOM", "bob", email, "$" + "{{REQ.user}}"))
    refuses(mask("MASK_CONSTANT", "bob", email, ofUser("region")))
  }

  test("a row filter without an expression, or a blank one") {
    refuses(changed(filter("", "bob", table), "rowFilterPolicyItems", _ + ("rowFilterInfo" -> Map.empty[String, Any])))
    refuses(filter(" ", "bob", table))
  }

  test("a denial of an access type that is not known, or spelt in another case") {
    refuses(deny("read_metadata", "bob", wholeTable("lake.crm.customers")))
    refuses(deny("SELECT", "bob", wholeTable("lake.crm.customers")))
    refuses(access(wholeTable("lake.crm.customers"), deny = Seq(item("", "bob"))))
    refuses(changed(deny("select", "bob", email), "denyPolicyItems", _ + ("accesses" -> Seq(Map[String, Any]("type" -> "select", "isAllowed" -> false)))))
  }

  test("a mask or filter that is not about reading") {
    refuses(mask("MASK", "bob", email, action = "insert"))
    refuses(filter("1 = 0", "bob", table, action = "update"))
  }

  test("a mask that names no column, and a filter that names one") {
    refuses(mask("MASK", "bob", table))
    refuses(filter("1 = 0", "bob", email))
  }

  test("resources that leave a level out cover whatever they may have meant") {
    refuses(deny("select", "bob", Map("catalog" -> values("lake"), "table" -> values("customers"))))
    refuses(deny("select", "bob", Map("table" -> values("customers"), "column" -> values("email"))))
  }

  test("resources that name nothing, or another service's levels, cover everything") {
    refuses(deny("select", "bob", Map.empty), otherTables = false)
    refuses(deny("select", "bob", Map("database" -> values("crm"), "table" -> values("*"))), otherTables = false)
    refuses(deny("select", "bob", named("lake", "crm", "customers") + ("column" -> values())))
    refuses(deny("select", "bob", Map("catalog" -> values(""))), otherTables = false)
  }

  test("malformed additional resources") {
    refuses(deny("select", "bob", email) + ("additionalResources" -> Seq(Map("table" -> values("customers")))))
  }

  test("macros in resources") {
    refuses(deny("select", "bob", named("lake", "crm", "$" + "{{USER.table}}", "*")))
    refuses(deny("select", "bob", named("lake", "crm", "{TABLE}", "*")))
    refuses(deny("select", "bob", named("lake", "crm", "a\\*", "*")))
  }

  test("conditions, of a policy or of an item") {
    val condition = Seq(Map[String, Any]("type" -> "expression", "values" -> Seq("true")))
    refuses(deny("select", "bob", email) + ("conditions" -> condition))
    refuses(changed(deny("select", "bob", email), "denyPolicyItems", _ + ("conditions" -> condition)))
  }

  test("items of a kind that the policy is not") {
    refuses(mask("MASK", "bob", email) + ("policyType" -> 0))
    refuses(deny("select", "bob", email) + ("policyType" -> 1))
    refuses(filter("1 = 0", "bob", table) + ("policyType" -> 0))
    refuses(deny("select", "bob", email) + ("policyType" -> 7))
  }

  test("subjects that look special and are not") {
    refuses(deny("select", "{user}", email))
    refuses(deny("select", "{GROUP}", email))
  }

  test("security zones") { refuses(deny("select", "bob", email) + ("zoneName" -> "eu")) }

  test("validity that cannot be read") {
    def valid(schedule: (String, Any)*) = deny("select", "bob", email) + ("validitySchedules" -> Seq(schedule.toMap))
    refuses(valid())
    refuses(valid("startTime" -> "2026-01-01"))
    refuses(valid("endTime" -> "2026/13/01 00:00:00"))
    refuses(valid("startTime" -> "2026/01/01 00:00:00", "timeZone" -> "Mars/Olympus"))
    refuses(valid("recurrences" -> Seq(Map("schedule" -> Map("minute" -> "0")))))
  }

  test("a malformed policy on a tag covers tables with the tag") {
    val tagged_ = granted.tag(named("lake", "crm", "customers", "email"), "PII")
    def onTag(policy: Json) = withEngine(tagged_.tagPolicy(policy)) { engine =>
      assert(engine.read("alice", customers, columns).broken.exists(_.contains("policy 100")))
      assert(engine.read("alice", orders, columns).broken.isEmpty)
    }
    onTag(mask("iomete:MASK_NOBODY_KNOWS", "bob", tagged("PII"), action = "iomete:select"))
    onTag(mask("hive:MASK", "bob", tagged("P*"), action = "iomete:select"))
    onTag(deny("iomete:nothing", "bob", tagged("PII")))
  }

  test("a malformed policy about paths closes paths") {
    val bundle = people
      .policy(allow("read", "alice", path("s3://open/")))
      .policy(deny("read", "bob", path("relative/path")))
    withEngine(bundle) { engine =>
      assert(!engine.isPathAllowed("alice", "read", "s3://open/x"))
      assert(engine.isPathAllowed("root", "read", "s3://open/x"))
    }
  }

  test("paths that are all but some, and paths of owners, close paths") {
    val but = Map("path" -> (allBut("s3://open/secret") + ("isRecursive" -> true)))
    val owned = deny("read", "alice", path("s3://open/{OWNER}"))
    Seq(allow("read", "alice", but), deny("read", "alice", but), owned).foreach { policy =>
      withEngine(people.policy(allow("read", "alice", path("s3://open/"))).policy(policy)) { engine =>
        assert(!engine.isPathAllowed("alice", "read", "s3://open") && engine.brokenPolicies.nonEmpty)
      }
    }
  }

  test("a malformed policy that is disabled does nothing") {
    withEngine(granted.policy(mask("NO_MASK", "bob", email) + ("isEnabled" -> false))) { engine =>
      assert(engine.read("alice", customers, columns).broken.isEmpty && engine.brokenPolicies.isEmpty)
    }
  }

  // --- bundles that are refused as a whole -----------------------------------------------------

  private def unusable(bundle: BundleBuilder, why: String): Assertion = {
    val error = intercept[UnusableBundle](withEngine(bundle)(_ => ()))
    assert(error.getMessage.contains(why), error.getMessage)
    assert(error.getMessage.contains("Hint: "))
  }

  test("two policies with one id, or one without") {
    unusable(granted.policy(deny("select", "bob", email) + ("id" -> 100)), "have the id 100")
    unusable(granted.policy(deny("select", "bob", email) + ("id" -> null)), "has no id")
  }

  test("members that nobody knows, at any depth") {
    unusable(granted.policy(deny("select", "bob", email) + ("denyPolicyItem" -> Seq(1))), "denyPolicyItem")
    unusable(granted.policy(changed(mask("MASK", "bob", email), "dataMaskPolicyItems", _ + ("user" -> "x"))), "user")
    unusable(granted.copy(more = Map("extra" -> 1)), "extra")
    unusable(granted.copy(users = granted.users + ("x" -> Map("enabled" -> true, "group" -> Nil))), "group")
  }

  test("tags that hang in the air") {
    unusable(granted.tag(Map("database" -> values("crm")), "PII"), "levels `database`")
    unusable(granted.tag(Map("catalog" -> values()), "PII"), "without a name")
  }

  test("attributes of kinds that are not supported") {
    unusable(granted.user("x", attributes = Map("a" -> Map("b" -> 1))), "Attribute `a` of user `x`")
    unusable(granted.user("x", attributes = Map("a" -> Seq[Any](1, "b"))), "different kinds")
    unusable(granted.user("x", attributes = Map("a" -> null)), "Attribute `a`")
  }
}
