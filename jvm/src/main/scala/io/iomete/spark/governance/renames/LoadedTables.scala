package io.iomete.spark.governance.renames

import scala.util.Try

import io.iomete.spark.governance.decisions.TableResource
import org.apache.spark.sql.SparkSession
import org.apache.spark.sql.classic.{SparkSession => ClassicSession}
import org.apache.spark.sql.connector.catalog.{Identifier, TableCatalog}

/** Tables as catalogs have them now, without anybody's rights and without a query. */
final class LoadedTables(session: SparkSession) {

  /** What is called `table`; None if nothing is, or if it has no identity. */
  def identityOf(table: TableResource): Option[TableIdentity] = {
    val classic = session.asInstanceOf[ClassicSession]
    classic.withActive {
      Try(classic.sessionState.catalogManager.catalog(table.catalog)).toOption.flatMap {
        case catalog: TableCatalog =>
          val name = Identifier.of(table.namespace.split('.'), table.table)
          Try(catalog.loadTable(name)).toOption.flatMap(TableIdentity.of)
        case _ => None
      }
    }
  }
}
