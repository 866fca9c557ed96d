package io.iomete.spark.governance.commands

import scala.util.Try

import io.iomete.spark.errors.IometeErrors
import io.iomete.spark.governance.plan.{BaseTables, RelationName}
import io.iomete.spark.governance.{GovernedSession, Governing, ReadAudit}
import org.apache.spark.sql.SparkSession
import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan
import org.apache.spark.sql.catalyst.rules.Rule
import org.apache.spark.sql.connector.catalog.{Table, TableCatalog}
import org.apache.spark.sql.execution.command.CreateTableLikeCommand

/** CREATE TABLE LIKE tells all columns of its source, so its author has to see all of them.
  *
  * Asked before Delta replaces the statement by one that holds the columns, and not their table.
  */
final case class CopiedTables(session: SparkSession) extends Rule[LogicalPlan] {

  override def apply(plan: LogicalPlan): LogicalPlan = {
    plan match {
      case like: CreateTableLikeCommand =>
        Governing.of(session).filterNot(_.isAdmin).foreach { governed =>
          new ReadAudit(governed).refusals(check(governed, like))
        }
      case _ => ()
    }
    plan
  }

  /** No name at all is a temporary view, whose columns its owner has seen. */
  private def check(governed: GovernedSession, like: CreateTableLikeCommand): Unit =
    RelationName.of(session, like.sourceTable.nameParts).foreach { name =>
      val source = Option.when(governed.mayKnow(name))(name).flatMap(loaded)
      requireSeen(governed, name, source.getOrElse(throw IometeErrors.tableNotFound(name.table.fullName)))
    }

  private def loaded(name: RelationName): Option[Table] = name.catalog match {
    case tables: TableCatalog => Try(tables.loadTable(name.identifier)).toOption
    case _                    => None
  }

  private def requireSeen(governed: GovernedSession, name: RelationName, source: Table): Unit = {
    val today = BaseTables.asItIs(source, name.table)
    val decision = governed.decide(name.table, today.columns, governed.rights, today.fields, today.bound)
    if (!today.columns.forall(decision.isVisible)) {
      throw IometeErrors.accessDenied(governed.principal, "select", name.table.fullName)
    }
  }
}
