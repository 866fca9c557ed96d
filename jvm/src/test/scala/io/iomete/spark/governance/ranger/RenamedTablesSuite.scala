package io.iomete.spark.governance.ranger

import io.iomete.spark.governance.decisions.{Mask, ReadDecision, ResourceNames}
import io.iomete.spark.governance.renames.{Bound, StrictestDecision}

import BundleBuilder._

/** Tables whose policies are under another name than they are asked for. */
class RenamedTablesSuite extends EngineSuite {
  private val clients = ResourceNames.table("lake", Seq("open"), "clients")
  private val all = allow("select", "alice", namespace("lake", "open"))
  private val renamedTable = Bound(Seq(customers), Map.empty, Map.empty)
  private val renamedColumn = Bound(Nil, Map("3" -> "ssn"), Map("ssn" -> "number"))

  private def decided(bundle: BundleBuilder, bound: Bound = renamedTable): ReadDecision =
    withEngine(bundle)(StrictestDecision.of(_, "alice", clients, columns, bound))

  private def former(names: String*) = BundleBuilder.columns("lake.crm.customers", names: _*)
  private def today(names: String*) = BundleBuilder.columns("lake.open.clients", names: _*)

  test("masks, denials and filters of the former name hold, whatever the new one grants") {
    val decision = decided(
      people.policy(
        all,
        mask("MASK_NULL", "alice", former("ssn")),
        deny("select", "alice", former("email")),
        filter("id = 1", "alice", tableOnly("lake.crm.customers"))
      )
    )
    assert(decision.visible == Set("id", "ssn") && decision.denied == Set("email"))
    assert(decision.masks("ssn").mask == Mask.Nullify)
    assert(decision.filter.exists(_.predicate == "id = 1"))
  }

  test("grants of the former name count") {
    assert(decided(people.policy(allow("select", "alice", former("id")))).visible == Set("id"))
  }

  test("two masks of one column become null, and two filters hold both") {
    val decision = decided(
      people.policy(
        all,
        mask("MASK_HASH", "alice", former("ssn")),
        mask("MASK", "alice", today("ssn")),
        filter("id = 1 -- first", "alice", tableOnly("lake.crm.customers")),
        filter("id = 2", "alice", tableOnly("lake.open.clients"))
      )
    )
    assert(decision.masks("ssn").mask == Mask.Nullify)
    assert(decision.filter.exists(_.predicate == "(\nid = 1 -- first\n) AND (\nid = 2\n)"))
  }

  test("a renamed column has what holds for either of its names") {
    val one = decided(people.policy(all, mask("MASK_NULL", "alice", today("number"))), renamedColumn)
    assert(one.masks("ssn").mask == Mask.Nullify)
    val other = decided(people.policy(all, deny("select", "alice", today("number"))), renamedColumn)
    assert(other.denied == Set("ssn") && !other.visible("ssn"))
  }

  test("a custom mask under the new name of a column gives null: its text may mean other columns") {
    val custom = mask("CUSTOM", "alice", today("number"), "concat({col}, email)")
    assert(decided(people.policy(all, custom), renamedColumn).masks("ssn").mask == Mask.Nullify)
  }

  test("a question about no columns is answered by the name that grants rows") {
    withEngine(people.policy(all)) { engine =>
      assert(StrictestDecision.of(engine, "alice", clients, Nil, renamedTable).filter.isEmpty)
      assert(StrictestDecision.of(engine, "bob", clients, Nil, renamedTable).filter.exists(_.predicate == "false"))
    }
  }
}
