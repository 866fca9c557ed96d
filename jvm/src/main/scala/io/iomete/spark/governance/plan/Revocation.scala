package io.iomete.spark.governance.plan

import io.iomete.spark.errors.IometeErrors
import io.iomete.spark.governance.GovernedSession
import io.iomete.spark.governance.decisions.{Mask, PolicyEngine}

/** Whether what a plan was governed by still holds. */
object Revocation {

  /** Raises: the refusal of a fresh query if the table can't be read any more;
    * IOMETE_POLICIES_CHANGED if it can, but otherwise than the plan does.
    */
  def check(governed: GovernedSession, reads: QueryReads): Unit =
    if (governed.engine.epoch != reads.epoch) {
      reads.tables.foreach { read =>
        val now = governed.decide(read.table, read.asked, read.rights, read.fields, read.bound)
        if (!now.isReadable) throw Refusals.of(governed, read.table, read.rights, now)
        if (!same(now, read.decision) || !read.attributes.holdFor(governed.engine)) {
          throw IometeErrors.policiesChanged(governed.principal, read.table.fullName)
        }
      }
      reads.paths.foreach(governed.requirePath("read", _))
    }

  /** What another principal has read, read by this one.
    *
    * Raises: as [[check]], unless both see the same.
    */
  def readBy(governed: GovernedSession, reads: QueryReads): QueryReads = {
    val epoch = governed.engine.epoch // before any decision
    val tables = reads.tables.map { read =>
      val rights = read.rights.askedBy(governed.principal)
      val now = governed.decide(read.table, read.asked, rights, read.fields)
      if (!now.isReadable) throw Refusals.of(governed, read.table, rights, now)
      if (!same(now, read.decision)) throw IometeErrors.policiesChanged(governed.principal, read.table.fullName)
      read.copy(rights = rights, decision = now, attributes = UsedAttributes.of(governed.engine, now))
    }
    reads.paths.foreach(governed.requirePath("read", _))
    val now = new QueryReads(tables, reads.paths, epoch, reads.columns)
    now.expressed = reads.expressed
    now
  }

  /** Which policy says it doesn't matter, only what it says. */
  private def same(one: CombinedDecision, other: CombinedDecision): Boolean =
    essence(one) == essence(other)

  private def essence(decision: CombinedDecision): Any =
    (decision.creator.toSeq :+ decision.asker).map { each =>
      (each.visible, each.masks.map { case (k, v) => k -> v.mask }, each.filter.map(_.predicate), each.broken)
    }
}

/** The values that attributes had which the filters and masks of a decision ask for. */
final case class UsedAttributes private (values: Map[(String, String), Option[Any]]) {

  def holdFor(engine: PolicyEngine): Boolean = values.forall { case ((principal, name), value) =>
    engine.attributes(principal).get(name) == value
  }
}

object UsedAttributes {
  private val call = """(?i)\buser_attribute\s*\(\s*['"]([^'"]*)['"]""".r

  def of(engine: PolicyEngine, decision: CombinedDecision): UsedAttributes = {
    val filters = decision.principalsOfFilters.map { case (rule, who) => who -> rule.predicate }
    val masks = decision.principalsOfMasks.flatMap { case (rules, who) =>
      rules.values.map(_.mask).collect { case Mask.Custom(text) => who -> text }
    }
    new UsedAttributes((filters ++ masks).flatMap { case (who, text) =>
      call.findAllMatchIn(text).map(_.group(1)).map { name =>
        (who, name) -> engine.attributes(who).get(name)
      }
    }.toMap)
  }
}
