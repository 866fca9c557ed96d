package io.iomete.spark.governance.ranger

import io.iomete.spark.governance.decisions.ResourceNames

import BundleBuilder._

/** Who may read which columns, and do what else. */
class AccessSuite extends EngineSuite {
  private val granted = people.policy(allow("select", "group:analysts", wholeTable("lake.crm.customers")))

  test("without a policy nothing is visible") {
    val decision = read(people, "alice")
    assert(decision.visible.isEmpty && decision.denied.isEmpty && decision.policies.isEmpty)
  }

  test("a grant to a group makes every column visible to its members only") {
    assert(read(granted, "alice").visible == columns.toSet)
    assert(read(granted, "bob").visible.isEmpty)
  }

  test("an unrestricted decision names the policy that allowed it") {
    val decision = read(granted, "alice")
    assert(decision.isUnrestricted(columns))
    assert(decision.policies == Seq(100L))
  }

  test("a user who is not listed has no rights, not even those of public") {
    val open = people.policy(allow("select", "group:public", wholeTable("lake.crm.customers")))
    assert(read(open, "bob").visible == columns.toSet)
    assert(read(open, "mallory").visible.isEmpty)
    assert(read(open, null).visible.isEmpty)
  }

  test("a disabled user has no rights") {
    assert(read(granted, "off").visible.isEmpty)
  }

  test("a grant of columns leaves the others absent, not denied") {
    val some = people.policy(allow("select", "alice", columns_("id", "email")))
    val decision = read(some, "alice")
    assert(decision.visible == Set("id", "email"))
    assert(decision.denied.isEmpty)
  }

  test("columns are compared without regard to case and answered as they were asked") {
    val some = people.policy(allow("select", "alice", columns_("eMail")))
    assert(read(some, "alice", Seq("EMAIL", "Id")).visible == Set("EMAIL"))
  }

  test("names of tables are exact") {
    withEngine(granted) { engine =>
      assert(engine.read("alice", ResourceNames.table("lake", Seq("crm"), "Customers"), columns).visible.isEmpty)
    }
  }

  test("names of the session catalog fold, in policies too") {
    val policy = allow("select", "alice", wholeTable("Spark_Catalog.Sales.Orders"))
    withEngine(people.policy(policy)) { engine =>
      assert(engine.read("alice", ResourceNames.table("SPARK_CATALOG", Seq("SALES"), "ORDERS"), columns).visible.nonEmpty)
    }
  }

  test("an explicit denial beats a grant and is told apart from a missing one") {
    val denied = granted.policy(deny("select", "alice", columns_("ssn")))
    val decision = read(denied, "alice")
    assert(decision.visible == Set("id", "email"))
    assert(decision.denied == Set("ssn"))
    assert(decision.policies == Seq(100L, 101L))
  }

  test("a grant of all but some columns") {
    val excluding = tableOnly("lake.crm.customers") + ("column" -> allBut("ssn"))
    assert(read(people.policy(allow("select", "alice", excluding)), "alice").visible == Set("id", "email"))
  }

  test("wild cards in names of tables and columns") {
    val wild = people.policy(allow("select", "alice", named("l?ke", "c*", "cust*", "*m*")))
    assert(read(wild, "alice").visible == Set("email"))
  }

  test("all implies every other access type") {
    withEngine(people.policy(allow("all", "alice", wholeTable("lake.crm.customers")))) { engine =>
      Seq("select", "insert", "update", "delete", "alter", "drop").foreach { action =>
        assert(engine.isAllowed("alice", action, customers), action)
      }
      assert(engine.read("alice", customers, columns).visible == columns.toSet)
    }
  }

  test("a denial of all takes every access type") {
    val bundle = granted.policy(deny("all", "alice", wholeTable("lake.crm.customers")))
    assert(read(bundle, "alice").denied == columns.toSet)
  }

  test("one access type does not imply another") {
    withEngine(granted) { engine =>
      assert(engine.isAllowed("alice", "select", customers))
      assert(!engine.isAllowed("alice", "insert", customers))
      assert(!engine.isAllowed("alice", "no such action", customers))
    }
  }

  test("a policy that is disabled does nothing") {
    assert(read(people.policy(granted.policies.head + ("isEnabled" -> false)), "alice").visible.isEmpty)
  }

  test("an allow exception takes someone out of a grant without denying") {
    val policy = granted.policies.head + ("allowExceptions" -> Seq(item("select", "carol")))
    val bundle = people.policy(policy)
    assert(read(bundle, "alice").visible.nonEmpty)
    assert(read(bundle, "carol").visible.isEmpty && read(bundle, "carol").denied.isEmpty)
  }

  test("a deny exception takes someone out of a denial") {
    val policy = deny("select", "group:analysts", wholeTable("lake.crm.customers")) +
      ("denyExceptions" -> Seq(item("select", "group:auditors")))
    val bundle = granted.policy(policy)
    assert(read(bundle, "alice").visible.isEmpty)
    assert(read(bundle, "carol").visible == columns.toSet)
  }

  test("a policy that denies all else refuses everybody that it does not allow") {
    val only = allow("select", "carol", columns_("ssn")) + ("isDenyAllElse" -> true)
    val bundle = granted.policy(only)
    assert(read(bundle, "alice").denied == Set("ssn"))
    assert(read(bundle, "carol").visible == columns.toSet)
  }

  test("an override beats a denial of normal priority") {
    val bundle = granted
      .policy(deny("select", "group:analysts", wholeTable("lake.crm.customers")))
      .policy(allow("select", "alice", columns_("id")) + overriding)
    assert(read(bundle, "alice").visible == Set("id"))
    assert(read(bundle, "carol").visible.isEmpty)
  }

  test("{USER} is whoever asks") {
    assert(read(people.policy(allow("select", "{USER}", wholeTable("lake.crm.customers"))), "bob").visible.nonEmpty)
  }

  test("{OWNER} is the owner of the table") {
    val bundle = people.policy(allow("select", "{OWNER}", wholeTable("lake.*.*"))).owner("lake.crm.customers", "bob")
    assert(read(bundle, "bob").visible == columns.toSet)
    assert(read(bundle, "alice").visible.isEmpty)
    withEngine(bundle)(engine => assert(engine.ownerOf(customers).contains("bob")))
  }

  test("owners are found however the name was quoted") {
    withEngine(people.owner("`lake`.`a`.b.`odd.name`", "bob")) { engine =>
      assert(engine.ownerOf(ResourceNames.table("lake", Seq("a", "b"), "odd.name")).contains("bob"))
      assert(engine.ownerOf(customers).isEmpty)
    }
  }

  test("an owner's table makes its namespace and catalog known, to the owner") {
    val bundle = people
      .policy(allow("select", "{OWNER}", wholeTable("lake.*.*")))
      .owner("lake.crm.customers", "bob")
      .owner("lake.a.b.deep", "carol")
    withEngine(bundle) { engine =>
      assert(engine.isNamespaceKnown("bob", "lake", "crm") && engine.isCatalogKnown("bob", "lake"))
      assert(!engine.isNamespaceKnown("alice", "lake", "crm") && !engine.isCatalogKnown("alice", "lake"))
      assert(engine.isNamespaceKnown("carol", "lake", "a") && engine.isNamespaceKnown("carol", "lake", "a.b"))
      assert(!engine.isNamespaceKnown("carol", "lake", "crm") && !engine.isCatalogKnown("bob", "other"))
    }
  }

  test("{OWNER} on tagged tables, and as an exception") {
    val bundle = people
      .tagPolicy(allow("iomete:select", "{OWNER}", tagged("OPEN")))
      .tag(tableOnly("lake.crm.customers"), "OPEN")
      .policy(deny("select", "group:public", columns_("ssn")) + ("denyExceptions" -> Seq(item("select", "{OWNER}"))))
      .owner("lake.crm.customers", "bob")
    assert(read(bundle, "bob").visible == columns.toSet)
    assert(read(bundle, "alice").visible.isEmpty && read(bundle, "alice").denied == Set("ssn"))
  }

  test("a namespace below that has the asker's name makes those above known") {
    val own = people.policy(allow("select", "group:public", named("lake", "home.{USER}", "*", "*")))
    withEngine(own) { engine =>
      assert(engine.read("bob", ResourceNames.table("lake", Seq("home", "bob"), "t"), columns).visible.nonEmpty)
      assert(engine.read("alice", ResourceNames.table("lake", Seq("home", "bob"), "t"), columns).visible.isEmpty)
      assert(engine.isNamespaceKnown("bob", "lake", "home") && engine.isCatalogKnown("bob", "lake"))
      assert(!engine.isNamespaceKnown("bob", "lake", "hom"))
    }
  }

  test("what is excluded is so with its fields") {
    val columns = Seq("id", "home", "home.zip")
    val denied = granted.policy(deny("select", "alice", tableOnly("lake.crm.customers") + ("column" -> allBut("id", "home"))))
    val decision = read(denied, "alice", columns)
    assert(decision.visible == columns.toSet && decision.masks.isEmpty, decision)
    val masked = granted.policy(mask("MASK", "alice", tableOnly("lake.crm.customers") + ("column" -> allBut("home"))))
    assert(read(masked, "alice", columns).masks.keySet == Set("id"))
  }

  test("all namespaces and all tables but some") {
    val others = named("lake") + ("namespace" -> allBut("hr", "hr.*")) + ("table" -> values("*")) + ("column" -> values("*"))
    val bundle = people
      .policy(allow("select", "alice", others))
      .policy(filter("id > 1", "alice", named("lake", "crm") + ("table" -> allBut("customers"))))
    withEngine(bundle) { engine =>
      def sees(namespace: Seq[String], table: String) = engine.read("alice", ResourceNames.table("lake", namespace, table), columns)
      assert(sees(Seq("crm"), "customers").visible.nonEmpty && sees(Seq("crm"), "customers").filter.isEmpty)
      assert(sees(Seq("crm"), "orders").filter.nonEmpty)
      assert(sees(Seq("hr"), "pay").visible.isEmpty && sees(Seq("hr", "eu"), "pay").visible.isEmpty)
      assert(engine.isNamespaceKnown("alice", "lake", "crm") && !engine.isNamespaceKnown("alice", "lake", "hr"))
    }
  }

  test("a policy without items that denies all else denies all, audited or not") {
    Seq(true, false).foreach { audited =>
      val nobody = access(wholeTable("lake.crm.customers")) + ("isDenyAllElse" -> true) + ("isAuditEnabled" -> audited)
      assert(read(granted.policy(nobody), "alice").denied == columns.toSet)
      assert(read(granted.policy(nobody), "root").visible == columns.toSet)
    }
  }

  test("{USER} in a resource is the name of whoever asks") {
    val own = people.policy(allow("select", "group:public", named("lake", "home", "{USER}", "*")))
    withEngine(own) { engine =>
      assert(engine.read("bob", ResourceNames.table("lake", Seq("home"), "bob"), columns).visible.nonEmpty)
      assert(engine.read("alice", ResourceNames.table("lake", Seq("home"), "bob"), columns).visible.isEmpty)
    }
  }

  test("roles reach users directly, through groups, through public and through other roles") {
    val bundle = people
      .role("inner", users = Seq("bob"), groups = Seq("analysts"))
      .role("middle", roles = Seq("inner"))
      .role("outer", roles = Seq("middle"))
      .role("everyone", groups = Seq("public"))
      .policy(allow("select", "role:outer", columns_("id")))
      .policy(allow("select", "role:everyone", columns_("email")))
    assert(read(bundle, "alice").visible == Set("id", "email"))
    assert(read(bundle, "bob").visible == Set("id", "email"))
    assert(read(bundle, "root").visible == columns.toSet)
  }

  test("roles that contain each other end") {
    val bundle = people
      .role("a", users = Seq("bob"), roles = Seq("b"))
      .role("b", roles = Seq("a"))
      .policy(allow("select", "role:b", wholeTable("lake.crm.customers")))
    assert(read(bundle, "bob").visible.nonEmpty)
  }

  test("a disabled role is no role") {
    val bundle = people
      .role("sleeping", users = Seq("bob"), enabled = false)
      .policy(allow("select", "role:sleeping", wholeTable("lake.crm.customers")))
    assert(read(bundle, "bob").visible.isEmpty)
  }

  test("a denial of a table that names no columns covers its columns") {
    assert(read(granted.policy(deny("select", "alice", tableOnly("lake.crm.customers"))), "alice").denied == columns.toSet)
    assert(read(granted.policy(deny("select", "alice", named("lake", "crm"))), "alice").visible.isEmpty)
    assert(read(granted.policy(deny("select", "alice", named("lake"))), "alice").visible.isEmpty)
    assert(read(granted.policy(deny("select", "alice", named("other"))), "alice").visible == columns.toSet)
  }

  test("a denial on a namespace covers actions on its tables") {
    val bundle = people
      .policy(allow("drop", "alice", namespace("lake", "crm")))
      .policy(deny("drop", "alice", named("lake", "crm")))
    withEngine(bundle)(engine => assert(!engine.isAllowed("alice", "drop", customers)))
  }

  test("actions on namespaces and catalogs") {
    val bundle = people
      .policy(allow("create", "alice", namespace("lake", "crm")))
      .policy(allow("create", "bob", named("lake", "*", "*", "*")))
    withEngine(bundle) { engine =>
      assert(engine.isAllowed("alice", "create", "lake", "crm"))
      assert(engine.isAllowed("alice", "create", "lake", "crm.eu"))
      assert(!engine.isAllowed("alice", "create", "lake", "hr"))
      assert(!engine.isAllowed("alice", "create", "lake", ""))
      assert(engine.isAllowed("bob", "create", "lake", ""))
      assert(!engine.isAllowed("bob", "create", "other", ""))
    }
  }

  private def columns_(names: String*) = BundleBuilder.columns("lake.crm.customers", names: _*)
}
