package io.iomete.spark.governance.commands

import io.iomete.spark.governance.plan.{HiddenRelation, RelationName}
import io.iomete.spark.governance.{GovernedSession, Governing, ReadAudit}
import org.apache.spark.sql.SparkSession
import org.apache.spark.sql.catalyst.analysis.{UnresolvedTable, UnresolvedTableOrView, UnresolvedView}
import org.apache.spark.sql.catalyst.plans.logical.{LogicalPlan, LeafNode}
import org.apache.spark.sql.catalyst.rules.Rule
import org.apache.spark.sql.delta.UnresolvedPathBasedDeltaTable

/** What a command names and its author may not know of doesn't exist: Spark's own check says so. */
final case class HideCommandTargets(session: SparkSession) extends Rule[LogicalPlan] {

  override def apply(plan: LogicalPlan): LogicalPlan = Governing.of(session).fold(plan) { governed =>
    plan.resolveOperatorsUp {
      case table: UnresolvedTable       => known(governed, table, table.multipartIdentifier)
      case either: UnresolvedTableOrView => known(governed, either, either.multipartIdentifier)
      case delta: UnresolvedPathBasedDeltaTable =>
        requirePath(governed, delta.path)
        delta
      case view: UnresolvedView         => known(governed, view, view.multipartIdentifier)
    }
  }

  private def known(governed: GovernedSession, leaf: LeafNode, parts: Seq[String]): LogicalPlan =
    RelationName.of(session, parts) match {
      case Some(name) if name.path.isDefined =>
        name.path.foreach(requirePath(governed, _))
        leaf
      case Some(name) if !governed.mayKnow(name) =>
        new ReadAudit(governed).hidden(name)
        HiddenRelation.instead(leaf, parts)
      case _ => leaf
    }

  /** Before Delta looks whether there is a table. */
  private def requirePath(governed: GovernedSession, path: String): Unit =
    new ReadAudit(governed).refusals(governed.requirePath("read", path))
}
