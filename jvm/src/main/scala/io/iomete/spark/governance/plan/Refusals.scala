package io.iomete.spark.governance.plan

import io.iomete.spark.errors.IometeErrors
import io.iomete.spark.governance.GovernedSession
import io.iomete.spark.governance.decisions.TableResource

/** Which error a reader gets: what they may not know of doesn't exist for them. */
object Refusals {

  /** For a decision by which nothing may be read. */
  def of(
      governed: GovernedSession,
      table: TableResource,
      rights: ReadRights,
      decision: CombinedDecision
  ): Throwable = decision.broken match {
    // That a policy can't be applied is told only where the table may be known.
    case Some(reason) if !rights.isOwn || governed.engine.isKnown(rights.asker, table) =>
      IometeErrors.policyUnusable(table.fullName, reason, isAdmin = governed.isAdmin)
    case _ => notReadable(governed, table, rights)
  }

  def notReadable(governed: GovernedSession, table: TableResource, rights: ReadRights): Throwable =
    rights.views.lastOption match {
      case Some(view) if !rights.isOwn => IometeErrors.viewRightsMissing(view.fullName)
      case _ if governed.engine.isKnown(rights.asker, table) =>
        IometeErrors.accessDenied(rights.asker, "select", table.fullName)
      case _ => IometeErrors.tableNotFound(table.fullName)
    }
}
