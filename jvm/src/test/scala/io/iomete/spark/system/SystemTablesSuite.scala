package io.iomete.spark.system

import java.sql.Timestamp
import java.time.Instant

import io.iomete.spark.governance.decisions.ResourceNames
import io.iomete.spark.governance.ranger.BundleBuilder._
import io.iomete.spark.governance.ranger.EngineSuite
import org.apache.spark.sql.catalyst.util.{ArrayBasedMapData, ArrayData}
import org.apache.spark.sql.sources._
import org.apache.spark.unsafe.types.UTF8String

/** Who may read the platform's own tables, and how their texts and conditions are kept. */
class SystemTablesSuite extends EngineSuite {
  private val audit = SystemTables.audit
  private val other = ResourceNames.table("lake", Seq("system"), "other")
  private val below = ResourceNames.table("lake", Seq("system", "x"), "audit")
  private val alike = ResourceNames.table("lake", Seq("systems"), "audit")

  /** Everything is granted to everyone; carol is an auditor by her group, dan is disabled. */
  private val bundle = people
    .user("dan", enabled = false)
    .role("auditor", users = Seq("dan"), groups = Seq("auditors"))
    .policy(allow("select", "group:public", wholeTable("lake.*.*")))

  private def engine[A](body: SystemTablesEngine => A): A =
    withEngine(bundle)(policies => body(new SystemTablesEngine(policies)))

  test("the audit trail is for auditors and admins, whatever is granted") {
    engine { engine =>
      for (who <- Seq("root", "carol")) {
        assert(engine.read(who, audit, columns).isUnrestricted(columns), who)
        assert(engine.isKnown(who, audit) && engine.isNamespaceKnown(who, "lake", "system"), who)
      }
      for (who <- Seq("alice", "dan", "nobody", null)) {
        assert(engine.read(who, audit, columns).visible.isEmpty, s"for $who")
        assert(engine.read(who, audit, Nil).filter.isDefined, s"for $who")
        assert(!engine.isKnown(who, audit) && !engine.isNamespaceKnown(who, "lake", "system"), s"for $who")
      }
      assert(engine.read("alice", alike, columns).visible == columns.toSet)
    }
  }

  test("nobody does anything but read there, and nothing else is there") {
    engine { engine =>
      for (who <- Seq("root", "carol", "alice"); table <- Seq(audit, other, below)) {
        for (action <- Seq("insert", "update", "delete", "create", "drop", "alter")) {
          assert(!engine.isAllowed(who, action, table), s"$who $action $table")
        }
        if (table != audit) assert(!engine.isKnown(who, table), s"$who $table")
      }
      assert(!engine.isAllowed("root", "create", "lake", "system"))
      assert(engine.isAllowed("root", "create", "lake", "systems"))
      assert(engine.isAllowed("carol", "select", audit) && !engine.isAllowed("alice", "select", audit))
    }
  }

  test("an auditor may know of the catalog, though nothing is granted") {
    val bare = people.role("auditor", users = Seq("bob"))
    withEngine(bare) { policies =>
      val engine = new SystemTablesEngine(policies)
      assert(engine.isCatalogKnown("bob", "lake") && !engine.isCatalogKnown("bob", "other"))
      assert(!engine.isCatalogKnown("alice", "lake"))
    }
  }

  test("any text comes back as it was, and valid text is stored as it is") {
    val texts = Seq("", "plain", "a\\b", "\\", "nul\u0000", "\ud800", "a\udc80b", "🦆", "\\u0000", "ü'\"%_")
    for (text <- texts) assert(StoredText.read(StoredText.of(text)) == text)
    assert(StoredText.of("🦆ü") == "🦆ü")
    assert(StoredText.of("\\\u0000\ud800") == "\\\\\\u0000\\ud800")
  }

  test("texts become values of their columns' types") {
    def read(name: String, text: String): Any = AuditColumn.named(name).get.read(text)
    assert(read("time", "2026-01-01T00:00:00.000001+00:00") == 1767225600000001L)
    assert(read("columns", """["id","a\"b"]""").asInstanceOf[ArrayData].getUTF8String(1) == UTF8String.fromString("a\"b"))
    assert(read("policies", "[100,9007199254740993]").asInstanceOf[ArrayData].getLong(1) == 9007199254740993L)
    val masks = read("masks", """{"email":"MASK"}""").asInstanceOf[ArrayBasedMapData]
    assert(masks.keyArray.getUTF8String(0) == UTF8String.fromString("email"))
    assert(read("resource", "a\\\\b") == UTF8String.fromString("a\\b"))
    assert(read("snapshot", null) == null)
  }

  test("conditions become the database's, or are left to Spark") {
    val time = Instant.parse("2026-01-01T00:00:00.000001Z")
    val text = "2026-01-01T00:00:00.000001+00:00"
    assert(AuditConditions.of(GreaterThan("time", time)).contains(Condition("occurred_at > ?", Seq(text))))
    assert(AuditConditions.of(LessThan("time", Timestamp.from(time))).contains(Condition("occurred_at < ?", Seq(text))))
    val equal = AuditConditions.of(EqualTo("resource", "a\\b")).get
    assert(equal == Condition("(resource_key = ? AND resource = ?)", Seq("a\\\\b", "a\\\\b")))
    val both = AuditConditions.of(And(EqualTo("principal", "x"), EqualTo("principal", "y"))).get
    assert(both == Condition("(principal = ? AND principal = ?)", Seq("x", "y")))
    val prefix = AuditConditions.of(StringStartsWith("principal", "al")).get
    assert(prefix == Condition("(principal >= ? AND principal < ?)", Seq("al", "am")))
    for (filter <- Seq(
        Not(EqualTo("principal", "x")), IsNotNull("time"), EqualTo("columns", "x"), In("principal", Array()),
        And(EqualTo("principal", "x"), Not(EqualTo("principal", "y"))), StringStartsWith("principal", "a\\"),
        StringStartsWith("principal", ""), StringStartsWith("principal", "ü"), GreaterThan("principal", "x")
      )) {
      assert(AuditConditions.of(filter).isEmpty, filter)
    }
  }

  test("a resource's key counts characters as Python does") {
    val long = "🦆" * 401
    val found = AuditConditions.of(EqualTo("resource", long)).get
    assert(found.values == Seq("🦆" * 400, long))
  }
}
