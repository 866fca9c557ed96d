package io.iomete.spark.governance.commands

import scala.util.Try

import io.iomete.spark.governance.GovernedSession
import io.iomete.spark.governance.decisions.{ResourceNames, TableResource}
import io.iomete.spark.governance.plan.BaseTables
import org.apache.spark.sql.classic.{SparkSession => ClassicSession}
import org.apache.spark.sql.connector.catalog.{Identifier, Table, TableCatalog}
import org.apache.spark.sql.types.StructType

/** How a principal sees a table as a whole. */
private[governance] final class SeenTables(governed: GovernedSession) {
  private val session = governed.session.asInstanceOf[ClassicSession]

  /** Whether all of a table's columns are seen, those that it once had too, as they are in all rows:
    * only then may what describes its data and files be shown.
    */
  def isPlain(table: TableResource, loaded: Table): Boolean = {
    val base = BaseTables.ofTable(loaded, table)
    val decision = governed.decide(table, base.columns, governed.rights, base.fields, base.bound)
    decision.isReadable && decision.broken.isEmpty && decision.isPlain(base.columns)
  }

  def isPlain(catalog: String, namespace: Seq[String], name: String): Boolean =
    session.sessionState.catalogManager.catalog(catalog) match {
      case tables: TableCatalog =>
        Try(tables.loadTable(Identifier.of(namespace.toArray, name))).toOption
          .exists(isPlain(ResourceNames.table(catalog, namespace, name), _))
      case _ => false
    }

  /** The columns that a query of the principal's would find, as it would find them.
    *
    * Raises: what such a query would.
    */
  def schema(parts: Seq[String]): StructType = session.table(ResourceNames.quoted(parts)).schema
}
