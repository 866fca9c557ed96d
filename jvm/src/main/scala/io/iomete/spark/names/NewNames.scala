package io.iomete.spark.names

import io.iomete.spark.governance.decisions.ResourceNames
import org.apache.spark.sql.SparkSession
import org.apache.spark.sql.catalyst.analysis.UnresolvedTableOrView
import org.apache.spark.sql.catalyst.plans.logical.{LogicalPlan, RenameTable}
import org.apache.spark.sql.catalyst.rules.Rule
import org.apache.spark.sql.catalyst.trees.TreeNodeTag
import org.apache.spark.sql.classic.{SparkSession => ClassicSession}

/** Lets a new name be written as any other, with the catalog in front: `RENAME TO lake.sales.orders`.
  *
  * Spark hands it to the catalog as it is: Iceberg's JDBC catalog takes `lake.sales` for a namespace,
  * and the session catalog refuses three parts. Nothing is renamed into another catalog, so the
  * catalog's own name says nothing more. Iceberg reads the names of its views with their catalog itself.
  */
final case class NewNames(session: SparkSession) extends Rule[LogicalPlan] {

  override def apply(plan: LogicalPlan): LogicalPlan = plan match {
    case rename @ RenameTable(UnresolvedTableOrView(parts, _, _), name, isView)
        if name.size > 2 && rename.getTagValue(NewNames.isRead).isEmpty =>
      val catalog = if (parts.size > 2) parts.head else current
      if (name.head.equalsIgnoreCase(catalog) && (!isView || catalog.equalsIgnoreCase(ResourceNames.sessionCatalog)))
        read(rename.copy(newName = name.tail))
      else rename
    case other => other
  }

  /** Once: a namespace may be called like its catalog, and this rule runs until nothing changes. */
  private def read(rename: RenameTable): RenameTable = {
    rename.setTagValue(NewNames.isRead, ())
    rename
  }

  private def current: String =
    session.asInstanceOf[ClassicSession].sessionState.catalogManager.currentCatalog.name
}

object NewNames {
  private val isRead = TreeNodeTag[Unit]("iomete.newName")
}
