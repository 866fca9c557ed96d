package io.iomete.spark.system

import io.iomete.spark.errors.IometeErrors
import io.iomete.spark.governance.{Governing, ReadAudit}
import org.apache.spark.sql.SparkSession
import org.apache.spark.sql.catalyst.analysis.{
  ResolvedIdentifier,
  ResolvedNamespace,
  ResolvedPersistentView,
  ResolvedTable
}
import org.apache.spark.sql.catalyst.plans.logical._
import org.apache.spark.sql.catalyst.plans.logical.views.ResolvedV2View
import org.apache.spark.sql.catalyst.rules.Rule
import org.apache.spark.sql.connector.catalog.{CatalogPlugin, Identifier}

/** Refuses to create, rename to or drop what would be in the platform's own namespace.
  *
  * Administrators too: a table that is put there would be taken for what the platform says.
  */
final case class ReservedNames(session: SparkSession) extends Rule[LogicalPlan] {

  override def apply(plan: LogicalPlan): LogicalPlan = {
    plan.foreach {
      case CreateNamespace(ResolvedNamespace(catalog, namespace, _), _, _) => check(catalog, namespace)
      case RenameTable(ResolvedTable(catalog, _, _, _), newName, _)     => checkRename(catalog, newName)
      case RenameTable(ResolvedPersistentView(catalog, _, _), newName, _) => checkRename(catalog, newName)
      case RenameTable(ResolvedV2View(catalog, _), newName, _) => checkRename(catalog, newName) // Iceberg's
      // What is to be created or dropped has its name as a resolved identifier.
      case command: Command =>
        command.children.foreach {
          case ResolvedIdentifier(catalog, identifier: Identifier) =>
            check(catalog, identifier.namespace.toSeq)
          case _ => ()
        }
      case _ => ()
    }
    plan
  }

  /** A new name may leave out the catalog, which stays the same. */
  private def checkRename(catalog: CatalogPlugin, newName: Seq[String]): Unit =
    check(catalog, (if (newName.head.equalsIgnoreCase(catalog.name)) newName.tail else newName).dropRight(1))

  private def check(catalog: CatalogPlugin, namespace: Seq[String]): Unit =
    if (SystemTables.holds(catalog.name, namespace.mkString("."))) {
      Governing.of(session).foreach { governed =>
        new ReadAudit(governed).refusals {
          throw IometeErrors.reservedName((catalog.name +: namespace).mkString("."))
        }
      }
    }
}
