package io.iomete.spark.catalog

import scala.util.control.NonFatal

import org.apache.spark.sql.catalyst.catalog.ExternalCatalog

/** Puts stored objects back into Spark's catalog, without touching a file.
  *
  * A row that can't be replayed is reported and left as it is: the rest of the lakehouse works, and
  * the row is there for whoever can read it.
  */
final class CatalogReplay(
    catalog: ExternalCatalog,
    definitions: Definitions,
    warehouse: java.net.URI
) {

  /** Replays one row; the problem, if there is one. */
  def replay(row: StoredObject): Option[String] =
    try {
      row.key.kind match {
        case ObjectKind.Database                => replayDatabase(row)
        case ObjectKind.Table | ObjectKind.View => replayTable(row)
        case ObjectKind.Function                => replayFunction(row)
      }
      None
    } catch {
      case NonFatal(error) =>
        Some(s"${row.key.kind.label} `${row.key.fullName}`: ${error.getMessage}")
    }

  /** Spark's in-memory catalog makes the folder of a database that it creates: so create it where a folder
    * is already, and move it by an alteration, which touches none.
    */
  private def replayDatabase(row: StoredObject): Unit = {
    val database = definitions.readDatabase(row)
    catalog.createDatabase(database.copy(locationUri = warehouse), ignoreIfExists = true)
    catalog.alterDatabase(database)
  }

  private def replayTable(row: StoredObject): Unit = {
    val table = definitions.readTable(row)
    if (row.key.kind == ObjectKind.Table && table.storage.locationUri.isEmpty) {
      throw new Unreadable("it has no location")
    }
    if (catalog.tableExists(row.key.database, row.key.name)) catalog.alterTable(table)
    else catalog.createTable(table, ignoreIfExists = false)
  }

  private def replayFunction(row: StoredObject): Unit = {
    val function = definitions.readFunction(row)
    if (catalog.functionExists(row.key.database, row.key.name)) {
      catalog.alterFunction(row.key.database, function)
    } else {
      catalog.createFunction(row.key.database, function)
    }
  }
}
