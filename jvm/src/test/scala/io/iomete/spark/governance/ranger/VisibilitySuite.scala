package io.iomete.spark.governance.ranger

import io.iomete.spark.governance.decisions.ResourceNames

import BundleBuilder._

/** What may be named at all, and which paths may be used. */
class VisibilitySuite extends EngineSuite {
  private val orders = ResourceNames.table("lake", Seq("sales"), "orders")

  test("a grant on a column makes its table, namespace and catalog known, and nothing beside") {
    val bundle = people.policy(allow("select", "alice", BundleBuilder.columns("lake.crm.customers", "id")))
    withEngine(bundle) { engine =>
      assert(engine.isKnown("alice", customers))
      assert(!engine.isKnown("alice", orders) && !engine.isKnown("bob", customers))
      assert(engine.isNamespaceKnown("alice", "lake", "crm") && !engine.isNamespaceKnown("alice", "lake", "sales"))
      assert(engine.isCatalogKnown("alice", "lake") && !engine.isCatalogKnown("alice", "other"))
      assert(!engine.isCatalogKnown("bob", "lake") && !engine.isCatalogKnown("mallory", "lake"))
    }
  }

  test("a right to insert alone makes a table known") {
    withEngine(people.policy(allow("insert", "alice", wholeTable("lake.crm.customers")))) { engine =>
      assert(engine.isKnown("alice", customers) && engine.read("alice", customers, columns).visible.isEmpty)
    }
  }

  test("a table whose every right is denied is not known") {
    val bundle = people
      .policy(allow("select", "group:public", namespace("lake", "crm")))
      .policy(deny("all", "bob", wholeTable("lake.crm.customers")))
    withEngine(bundle) { engine =>
      assert(!engine.isKnown("bob", customers) && engine.isKnown("alice", customers))
      assert(engine.isNamespaceKnown("bob", "lake", "crm"))
    }
  }

  test("a denial of one column leaves the table known") {
    val bundle = people
      .policy(allow("select", "group:public", wholeTable("lake.crm.customers")))
      .policy(deny("select", "group:public", BundleBuilder.columns("lake.crm.customers", "ssn")))
    withEngine(bundle)(engine => assert(engine.isKnown("alice", customers)))
  }

  test("namespaces above one with a grant are known") {
    val bundle = people
      .policy(allow("select", "alice", named("lake", "a.b.c", "t", "*")))
      .policy(deny("all", "alice", namespace("lake", "a.x")))
    withEngine(bundle) { engine =>
      assert(engine.isNamespaceKnown("alice", "lake", "a") && engine.isNamespaceKnown("alice", "lake", "a.b"))
      assert(engine.isNamespaceKnown("alice", "lake", "a.b.c") && !engine.isNamespaceKnown("alice", "lake", "a.b.c.d"))
      assert(!engine.isNamespaceKnown("alice", "lake", "a.x") && !engine.isNamespaceKnown("alice", "lake", "aa"))
      assert(!engine.isNamespaceKnown("alice", "other", "a"))
    }
  }

  test("namespaces above one that only a wild card names are known") {
    withEngine(people.policy(allow("select", "alice", named("lake", "a.b*", "*", "*")))) { engine =>
      assert(engine.isNamespaceKnown("alice", "lake", "a") && !engine.isNamespaceKnown("alice", "lake", "b"))
    }
  }

  test("a grant on a namespace reaches nested ones and not its namesakes") {
    withEngine(people.policy(allow("select", "alice", namespace("lake", "crm")))) { engine =>
      assert(engine.isKnown("alice", ResourceNames.table("lake", Seq("crm", "eu"), "t")))
      assert(!engine.isKnown("alice", ResourceNames.table("lake", Seq("crm2"), "t")))
    }
  }

  test("a denial of one action leaves a table known on which another is granted") {
    val both = allow("select", "alice", wholeTable("lake.crm.customers")) +
      ("policyItems" -> Seq(item("select", "alice"), item("insert", "alice")))
    val bundle = people.policy(both).policy(deny("select", "alice", named("lake", "crm", "*", "*")) + overriding)
    withEngine(bundle) { engine =>
      assert(engine.isAllowed("alice", "insert", customers) && engine.isKnown("alice", customers))
      assert(engine.isNamespaceKnown("alice", "lake", "crm") && engine.isCatalogKnown("alice", "lake"))
      assert(engine.read("alice", customers, columns).visible.isEmpty)
    }
  }

  test("a denial of a namespace leaves those nested in it known, and so itself, by name") {
    val bundle = people
      .policy(allow("select", "alice", named("lake", "*", "*", "*")))
      .policy(deny("all", "alice", named("lake", "crm", "*", "*")))
    withEngine(bundle) { engine =>
      assert(engine.isKnown("alice", ResourceNames.table("lake", Seq("crm", "eu"), "t")))
      assert(engine.isNamespaceKnown("alice", "lake", "crm.eu") && engine.isNamespaceKnown("alice", "lake", "crm"))
      assert(!engine.isKnown("alice", customers))
    }
  }

  test("what a denial of all other namespaces excepts is known, and what it is in") {
    val others = named("lake") + ("namespace" -> allBut("a.b")) + ("table" -> values("*")) + ("column" -> values("*"))
    val bundle = people
      .policy(allow("select", "alice", named("lake", "*", "*", "*")))
      .policy(deny("all", "alice", others))
    withEngine(bundle) { engine =>
      assert(engine.isKnown("alice", ResourceNames.table("lake", Seq("a", "b"), "t")))
      assert(engine.isNamespaceKnown("alice", "lake", "a.b") && engine.isNamespaceKnown("alice", "lake", "a"))
      assert(!engine.isNamespaceKnown("alice", "lake", "c") && !engine.isKnown("alice", customers))
    }
  }

  test("administrators know everything") {
    withEngine(people) { engine =>
      assert(engine.isKnown("root", customers) && engine.isCatalogKnown("root", "x") && engine.isNamespaceKnown("root", "x", "y"))
    }
  }

  // --- paths -----------------------------------------------------------------------------------

  private def paths(bundle: BundleBuilder)(checks: (String, Boolean)*): Unit = withEngine(bundle) { engine =>
    checks.foreach { case (path, allowed) => assert(engine.isPathAllowed("alice", "read", path) == allowed, path) }
  }

  test("a grant on a path reaches what is below it, and not its neighbours") {
    Seq("s3://inbox/in/", "s3://inbox/in", "s3a://inbox/in/*").foreach { location =>
      paths(people.policy(allow("read", "alice", path(location))))(
        "s3://inbox/in/a/b.csv" -> true,
        "s3a://inbox/in/a" -> true,
        "S3://inbox//in/a/" -> true,
        "s3://inbox/inner" -> false,
        "s3://inbox" -> false,
        "s3://other/in/a" -> false,
        "gs://inbox/in/a" -> false,
        "/inbox/in/a" -> false
      )
    }
  }

  test("the path of a grant itself may be read") {
    paths(people.policy(allow("read", "alice", path("s3://inbox/in"))))("s3://inbox/in" -> true, "s3://inbox/in/" -> true)
  }

  test("paths with dots and relative ones are refused") {
    paths(people.policy(allow("read", "alice", path("/data"))))(
      "/data/../etc/passwd" -> false,
      "/data/./x" -> false,
      "data/x" -> false,
      "" -> false,
      "/data/..x" -> true
    )
  }

  test("local paths are the same with and without their scheme") {
    paths(people.policy(allow("read", "alice", path("file:///data"))))(
      "/data/x" -> true,
      "file:/data/x" -> true,
      "file:///data/x" -> true,
      "hdfs:///data/x" -> false
    )
  }

  test("a star means every path of every scheme") {
    Seq("*", "/", "/*").foreach { all =>
      paths(people.policy(allow("read", "alice", path(all))))("/x" -> true, "s3://b/k" -> true)
    }
  }

  test("a denial below a path forbids the whole of it, and nothing beside") {
    val bundle = people
      .policy(allow("read", "alice", path("s3://b/data")))
      .policy(deny("read", "group:analysts", path("s3://b/data/secret")))
    paths(bundle)(
      "s3://b/data" -> false,
      "s3://b/data/secret" -> false,
      "s3://b/data/secret/x" -> false,
      "s3://b/data/open" -> true,
      "s3://b/data/secretary" -> true
    )
  }

  test("a grant that is not recursive does not reach below") {
    paths(people.policy(allow("read", "alice", path("s3://b/data", recursive = false))))(
      "s3://b/data/x" -> false,
      "s3://b/data" -> false
    )
  }

  test("reading is not writing") {
    withEngine(people.policy(allow("read", "alice", path("/data")))) { engine =>
      assert(engine.isPathAllowed("alice", "read", "/data/x") && !engine.isPathAllowed("alice", "write", "/data/x"))
      assert(!engine.isPathAllowed("bob", "read", "/data/x") && !engine.isPathAllowed("mallory", "read", "/data/x"))
    }
  }
}
