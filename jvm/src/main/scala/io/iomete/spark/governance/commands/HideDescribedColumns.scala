package io.iomete.spark.governance.commands

import scala.util.Try

import io.iomete.spark.governance.{GovernedSession, Governing}
import org.apache.spark.sql.SparkSession
import org.apache.spark.sql.catalyst.analysis.{UnresolvedAttribute, UnresolvedTableOrView}
import org.apache.spark.sql.catalyst.plans.logical.{DescribeColumn, LogicalPlan}
import org.apache.spark.sql.catalyst.rules.Rule
import org.apache.spark.sql.iomete.SparkInternals

/** A column that DESCRIBE names and its author doesn't see is missing, before Spark looks for it.
  *
  * Spark's own error of a missing column suggests others, hidden ones too.
  */
final case class HideDescribedColumns(session: SparkSession) extends Rule[LogicalPlan] {

  override def apply(plan: LogicalPlan): LogicalPlan = {
    plan match {
      case DescribeColumn(table: UnresolvedTableOrView, column: UnresolvedAttribute, _, _) =>
        Governing.of(session).filterNot(_.isAdmin).foreach(require(_, table.multipartIdentifier, column))
      case _ => ()
    }
    plan
  }

  /** A table that can't be read is another rule's. */
  private def require(governed: GovernedSession, table: Seq[String], column: UnresolvedAttribute): Unit =
    Try(new SeenTables(governed).schema(table)).foreach { seen =>
      if (!seen.exists(_.name.equalsIgnoreCase(column.nameParts.head))) {
        throw SparkInternals.columnNotFound(column.name)
      }
    }
}
