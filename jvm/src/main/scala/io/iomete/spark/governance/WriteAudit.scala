package io.iomete.spark.governance

import io.iomete.spark.governance.audit.Verdict
import io.iomete.spark.governance.commands.Effect

/** Leaves the events of what a statement changes, before it does. */
final class WriteAudit(governed: GovernedSession) {
  private val audit = new ReadAudit(governed)

  /** One event an action and resource. Raises: IOMETE_AUDIT_FAILED if they must be written and can't. */
  def record(effects: Seq[Effect]): Unit = if (effects.nonEmpty) {
    val query = audit.queryId
    effects.foreach { effect =>
      audit.write(
        audit.event(effect.action, effect.resource, Verdict.Allowed, query).copy(columns = effect.columns)
      )
    }
  }
}
