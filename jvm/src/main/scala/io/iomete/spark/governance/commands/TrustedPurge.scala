package io.iomete.spark.governance.commands

import io.iomete.spark.governance.GovernedSession
import io.iomete.spark.governance.decisions.ResourceNames
import io.iomete.spark.identity.PrincipalBinding
import org.apache.spark.sql.catalyst.analysis.ResolvedIdentifier
import org.apache.spark.sql.catalyst.plans.logical.{DropTable, LogicalPlan}
import org.apache.spark.sql.classic.{SparkSession => ClassicSession}
import org.apache.spark.sql.connector.catalog.{Identifier, Table, TableCatalog, TableChange}
import org.apache.spark.sql.util.CaseInsensitiveStringMap

/** A catalog whose tables are dropped along with their files.
  *
  * Iceberg finds the files by queries about the table's metadata, as relations without a name, and does so
  * once the table is gone. As for [[TrustedProcedure]]s, a session of their own may read them, in which
  * nothing else runs.
  */
private[commands] final class TrustedPurge(caller: ClassicSession, principal: String, catalog: TableCatalog)
    extends TableCatalog {

  override def purgeTable(table: Identifier): Boolean = {
    val session = caller.newSession()
    PrincipalBinding.bindTrusted(session, principal)
    ActiveSession.during(session)(catalog.purgeTable(table))
  }

  override def name: String = catalog.name
  override def initialize(name: String, options: CaseInsensitiveStringMap): Unit = ()
  override def listTables(namespace: Array[String]): Array[Identifier] = catalog.listTables(namespace)
  override def loadTable(table: Identifier): Table = catalog.loadTable(table)
  override def tableExists(table: Identifier): Boolean = catalog.tableExists(table)
  override def invalidateTable(table: Identifier): Unit = catalog.invalidateTable(table)
  override def dropTable(table: Identifier): Boolean = catalog.dropTable(table)
  override def alterTable(table: Identifier, changes: TableChange*): Table =
    catalog.alterTable(table, changes: _*)
  override def renameTable(from: Identifier, to: Identifier): Unit = catalog.renameTable(from, to)
}

private[commands] object TrustedPurge {

  def of(governed: GovernedSession, plan: LogicalPlan): Option[LogicalPlan] = plan match {
    case drop @ DropTable(named @ ResolvedIdentifier(tables: TableCatalog, _), _, true)
        if !tables.isInstanceOf[TrustedPurge] && !tables.name.equalsIgnoreCase(ResourceNames.sessionCatalog) =>
      val session = governed.session.asInstanceOf[ClassicSession]
      Some(drop.copy(child = named.copy(catalog = new TrustedPurge(session, governed.principal, tables))))
    case _ => None
  }
}
