package io.iomete.spark.governance.plan

import io.iomete.spark.errors.IometeErrors
import io.iomete.spark.governance.GovernedSession

/** Whether what a plan was governed by still holds. */
object Revocation {

  /** Raises: the refusal of a fresh query if the table can't be read any more;
    * IOMETE_POLICIES_CHANGED if it can, but otherwise than the plan does.
    */
  def check(governed: GovernedSession, reads: QueryReads): Unit =
    if (governed.engine.epoch != reads.epoch) {
      reads.tables.foreach { read =>
        val now = governed.decide(read.table, read.asked, read.rights, read.fields)
        if (!now.isReadable) throw Refusals.of(governed, read.table, read.rights, now)
        if (!same(now, read.decision)) {
          throw IometeErrors.policiesChanged(governed.principal, read.table.fullName)
        }
      }
      reads.paths.foreach { path =>
        if (!governed.engine.isPathAllowed(governed.principal, "read", path)) {
          throw IometeErrors.pathDenied(governed.principal, "read", path)
        }
      }
    }

  /** Which policy says it doesn't matter, only what it says. */
  private def same(one: CombinedDecision, other: CombinedDecision): Boolean =
    essence(one) == essence(other)

  private def essence(decision: CombinedDecision): Any =
    (decision.creator.toSeq :+ decision.asker).map { each =>
      (each.visible, each.masks.map { case (k, v) => k -> v.mask }, each.filter.map(_.predicate), each.broken)
    }
}
