package io.iomete.spark.catalog

import scala.util.control.NonFatal

import io.iomete.spark.errors.IometeErrors
import org.apache.hadoop.fs.Path
import org.apache.spark.sql.catalyst.catalog._
import org.apache.spark.sql.types.StructType

/** Spark's session catalog, with every change recorded in the metadata database.
  *
  * What touches files (create, rename, drop) is recorded first and then done: a store that fails
  * leaves files and catalog as they were, and where the doing fails the record is taken back. What
  * only changes memory is done first, recorded as it came out, and undone if that fails.
  *
  * One change at a time: two threads must not record in one order and do in another.
  */
final class DurableCatalog(
    private[spark] val memory: ExternalCatalog,
    val store: SessionObjectStore,
    definitions: Definitions,
    replay: CatalogReplay
) extends DelegatingCatalog(memory) {
  import StoreStep._

  override def createDatabase(definition: CatalogDatabase, ignoreIfExists: Boolean): Unit =
    synchronized {
      val name = definition.name
      create(s"CREATE DATABASE `$name`", definitions.database(definition), databaseExists(name)) {
        memory.createDatabase(definition, ignoreIfExists)
      }(definitions.database(memory.getDatabase(name)))
    }

  override def dropDatabase(db: String, ignoreIfNotExists: Boolean, cascade: Boolean): Unit =
    synchronized {
      val drop = () => memory.dropDatabase(db, ignoreIfNotExists, cascade)
      if (databaseExists(db) && (cascade || isEmpty(db))) {
        val back = contentOf(db).map(Put(_))
        recordThenDo(s"DROP DATABASE `$db`", Seq(RemoveDatabase(db)), back)(drop())
      } else {
        drop()
      }
    }

  override def alterDatabase(definition: CatalogDatabase): Unit = synchronized {
    val before = memory.getDatabase(definition.name)
    doThenRecord(s"ALTER DATABASE `${definition.name}`") {
      memory.alterDatabase(definition)
      Seq(Put(definitions.database(memory.getDatabase(definition.name))))
    }(memory.alterDatabase(before))
  }

  override def createTable(definition: CatalogTable, ignoreIfExists: Boolean): Unit = synchronized {
    val (db, name) = (definition.database, definition.identifier.table)
    // See TableDefinitions.read.
    val untracked = definition.copy(tracksPartitionsInCatalog = false)
    if (databaseExists(db)) {
      val stored = definitions.table(withLocation(untracked))
      create(s"CREATE of `$db`.`$name`", stored, tableExists(db, name)) {
        memory.createTable(untracked, ignoreIfExists)
      }(definitions.table(memory.getTable(db, name)))
    } else {
      memory.createTable(untracked, ignoreIfExists)
    }
  }

  override def dropTable(
      db: String,
      table: String,
      ignoreIfNotExists: Boolean,
      purge: Boolean
  ): Unit = synchronized {
    val drop = () => memory.dropTable(db, table, ignoreIfNotExists, purge)
    if (tableExists(db, table)) {
      val stored = definitions.table(memory.getTable(db, table))
      recordThenDo(s"DROP of `$db`.`$table`", Seq(Remove(stored.key)), Seq(Put(stored)))(drop())
    } else {
      drop()
    }
  }

  override def renameTable(db: String, oldName: String, newName: String): Unit = synchronized {
    val rename = () => memory.renameTable(db, oldName, newName)
    if (tableExists(db, oldName) && !tableExists(db, newName)) {
      val before = memory.getTable(db, oldName)
      val (old, renamed) = (definitions.table(before), definitions.table(movedTo(before, newName)))
      val change = s"RENAME of `$db`.`$oldName` to `$newName`"
      val back = Seq(Remove(renamed.key), Put(old))
      recordThenDo(change, Seq(Remove(old.key), Insert(renamed)), back)(rename())
      correct(change, renamed, definitions.table(memory.getTable(db, newName)))
    } else {
      rename()
    }
  }

  override def alterTable(definition: CatalogTable): Unit =
    alter(definition.database, definition.identifier.table)(memory.alterTable(definition))

  /** Deprecated in Spark, and still an abstract method of its trait. */
  override def alterTableDataSchema(db: String, table: String, newDataSchema: StructType): Unit =
    alter(db, table) {
      val partitions = memory.getTable(db, table).partitionSchema
      memory.alterTableSchema(db, table, StructType(newDataSchema ++ partitions))
    }

  override def alterTableSchema(db: String, table: String, newSchema: StructType): Unit =
    alter(db, table)(memory.alterTableSchema(db, table, newSchema))

  override def alterTableStats(db: String, table: String, stats: Option[CatalogStatistics]): Unit =
    alter(db, table)(memory.alterTableStats(db, table, stats))

  override def createFunction(db: String, definition: CatalogFunction): Unit = synchronized {
    val name = definition.identifier.funcName
    val stored = definitions.function(qualified(db, definition))
    if (databaseExists(db)) {
      create(s"CREATE FUNCTION `$db`.`$name`", stored, functionExists(db, name)) {
        memory.createFunction(db, definition)
      }(stored)
    } else {
      memory.createFunction(db, definition)
    }
  }

  override def dropFunction(db: String, name: String): Unit = synchronized {
    val before = definitions.function(qualified(db, memory.getFunction(db, name)))
    val change = s"DROP FUNCTION `$db`.`$name`"
    recordThenDo(change, Seq(Remove(before.key)), Seq(Put(before)))(memory.dropFunction(db, name))
  }

  override def alterFunction(db: String, definition: CatalogFunction): Unit = synchronized {
    val name = definition.identifier.funcName
    val before = memory.getFunction(db, name)
    doThenRecord(s"ALTER FUNCTION `$db`.`$name`") {
      memory.alterFunction(db, definition)
      Seq(Put(definitions.function(qualified(db, definition))))
    }(memory.alterFunction(db, before))
  }

  override def renameFunction(db: String, oldName: String, newName: String): Unit = synchronized {
    val before = definitions.function(qualified(db, memory.getFunction(db, oldName)))
    doThenRecord(s"RENAME of function `$db`.`$oldName` to `$newName`") {
      memory.renameFunction(db, oldName, newName)
      val renamed = definitions.function(qualified(db, memory.getFunction(db, newName)))
      Seq(Remove(before.key), Insert(renamed))
    }(memory.renameFunction(db, newName, oldName))
  }

  private def alter(db: String, table: String)(change: => Unit): Unit = synchronized {
    val before = memory.getTable(db, table)
    doThenRecord(s"ALTER of `$db`.`$table`") {
      change
      Seq(Put(definitions.table(memory.getTable(db, table))))
    }(memory.alterTable(before))
  }

  /** Creates an object that is new to the store, too.
    *
    * Where another application took the name, its object is adopted, and Spark then answers as for
    * any object that exists.
    */
  private def create(change: String, stored: StoredObject, exists: Boolean)(
      body: => Unit
  )(result: => StoredObject): Unit =
    if (exists) {
      body
    } else {
      try {
        recordThenDo(change, Seq(Insert(stored)), Seq(Remove(stored.key)))(body)
        correct(change, stored, result)
      } catch {
        case taken: NameTaken =>
          adopt(taken.key)
          body
      }
    }

  private def adopt(key: ObjectKey): Unit =
    for (row <- store.find(key); problem <- replay.replay(row)) {
      throw IometeErrors.catalogObjectUnreadable(key.kind.label, key.fullName, problem)
    }

  private def recordThenDo(change: String, steps: Seq[StoreStep], back: Seq[StoreStep])(
      body: => Unit
  ): Unit = {
    record(change, steps)
    try body
    catch {
      case NonFatal(error) =>
        // The statement's own error is the one to show.
        try store.write(back)
        catch { case NonFatal(second) => error.addSuppressed(second) }
        throw error
    }
  }

  private def doThenRecord(change: String)(body: => Seq[StoreStep])(undo: => Unit): Unit = {
    val steps = body
    try record(change, steps)
    catch {
      case NonFatal(error) =>
        undo
        throw error
    }
  }

  /** Spark may store more than it was given (an owner, a cleaned property); the record follows. */
  private def correct(change: String, stored: StoredObject, actual: StoredObject): Unit =
    if (actual != stored) record(change, Seq(Put(actual)))

  private def record(change: String, steps: Seq[StoreStep]): Unit =
    try store.write(steps)
    catch {
      case taken: NameTaken => throw taken
      case NonFatal(error)  => throw IometeErrors.catalogStoreFailed(change, error)
    }

  private def isEmpty(db: String): Boolean =
    memory.listTables(db).isEmpty && memory.listFunctions(db, "*").isEmpty

  private def contentOf(db: String): Seq[StoredObject] = {
    val tables = memory.listTables(db).map(t => definitions.table(memory.getTable(db, t)))
    val functions = memory.listFunctions(db, "*").map { name =>
      definitions.function(qualified(db, memory.getFunction(db, name)))
    }
    definitions.database(memory.getDatabase(db)) +: (tables ++ functions)
  }

  /** The location that Spark's in-memory catalog is about to give a managed table. */
  private def withLocation(table: CatalogTable): CatalogTable =
    if (table.tableType == CatalogTableType.MANAGED && table.storage.locationUri.isEmpty) {
      located(table, table.identifier.table)
    } else {
      table
    }

  private def movedTo(table: CatalogTable, newName: String): CatalogTable = {
    val renamed = table.copy(identifier = table.identifier.copy(table = newName))
    if (table.tableType == CatalogTableType.MANAGED) located(renamed, newName) else renamed
  }

  private def located(table: CatalogTable, name: String): CatalogTable = {
    val folder = new Path(new Path(memory.getDatabase(table.database).locationUri), name)
    table.withNewStorage(locationUri = Some(folder.toUri))
  }

  private def qualified(db: String, function: CatalogFunction): CatalogFunction =
    function.copy(identifier = function.identifier.copy(database = Some(db)))
}
