package io.iomete.spark.governance.plan

import org.apache.spark.sql.catalyst.expressions.Expression
import org.apache.spark.sql.catalyst.plans.logical.{LogicalPlan, RowLevelWrite}
import org.apache.spark.sql.connector.catalog.Table
import org.apache.spark.sql.connector.write.RowLevelTarget
import org.apache.spark.sql.execution.datasources.v2.{DataSourceV2Relation, DataSourceV2ScanRelation}

/** The [[GuardedCondition]]s of a plan: which raw targets stand in it by right. */
object WriteGuards {

  def in(write: RowLevelWrite): Seq[Proof] =
    (proofsIn(write) ++ write.expressions.flatMap(proofsOf)).distinct

  /** Those of the plan itself, not of its subqueries. */
  def proofsIn(plan: LogicalPlan): Seq[Proof] =
    plan.collect { case node => node.expressions.flatMap(proofsOf) }.flatten.distinct

  /** Whether a relation is what a row-level operation reads in order to write. */
  def isTarget(leaf: LogicalPlan): Boolean = leaf match {
    case relation: DataSourceV2Relation => isOperation(relation.table)
    case scan: DataSourceV2ScanRelation => isOperation(scan.relation.table)
    case _                              => false
  }

  private def isOperation(table: Table): Boolean = RowLevelTarget.unapply(table).isDefined

  private def proofsOf(expression: Expression): Seq[Proof] = expression.collect {
    case guard: GuardedCondition if guard.proof.isOurs => guard.proof
  }
}
