package io.iomete.spark.catalog

import org.apache.spark.sql.catalyst.catalog._
import org.apache.spark.sql.catalyst.catalog.CatalogTypes.TablePartitionSpec
import org.apache.spark.sql.catalyst.expressions.Expression

/** What [[DurableCatalog]] hands on unchanged: reads, and partitions.
  *
  * Partitions of file tables are found in the files (`spark.sql.hive.manageFilesourcePartitions` is
  * off), so those that the catalog is told of need no record.
  */
abstract class DelegatingCatalog(delegate: ExternalCatalog) extends ExternalCatalog {

  override def getDatabase(db: String): CatalogDatabase = delegate.getDatabase(db)

  override def databaseExists(db: String): Boolean = delegate.databaseExists(db)

  override def listDatabases(): Seq[String] = delegate.listDatabases()

  override def listDatabases(pattern: String): Seq[String] = delegate.listDatabases(pattern)

  override def setCurrentDatabase(db: String): Unit = delegate.setCurrentDatabase(db)

  override def getTable(db: String, table: String): CatalogTable = delegate.getTable(db, table)

  override def getTablesByName(db: String, tables: Seq[String]): Seq[CatalogTable] =
    delegate.getTablesByName(db, tables)

  override def tableExists(db: String, table: String): Boolean = delegate.tableExists(db, table)

  override def listTables(db: String): Seq[String] = delegate.listTables(db)

  override def listTables(db: String, pattern: String): Seq[String] =
    delegate.listTables(db, pattern)

  override def listViews(db: String, pattern: String): Seq[String] = delegate.listViews(db, pattern)

  override def getFunction(db: String, funcName: String): CatalogFunction =
    delegate.getFunction(db, funcName)

  override def functionExists(db: String, funcName: String): Boolean =
    delegate.functionExists(db, funcName)

  override def listFunctions(db: String, pattern: String): Seq[String] =
    delegate.listFunctions(db, pattern)

  override def loadTable(
      db: String,
      table: String,
      loadPath: String,
      isOverwrite: Boolean,
      isSrcLocal: Boolean
  ): Unit = delegate.loadTable(db, table, loadPath, isOverwrite, isSrcLocal)

  override def loadPartition(
      db: String,
      table: String,
      loadPath: String,
      partition: TablePartitionSpec,
      isOverwrite: Boolean,
      inheritTableSpecs: Boolean,
      isSrcLocal: Boolean
  ): Unit = delegate.loadPartition(
    db,
    table,
    loadPath,
    partition,
    isOverwrite,
    inheritTableSpecs,
    isSrcLocal
  )

  override def loadDynamicPartitions(
      db: String,
      table: String,
      loadPath: String,
      partition: TablePartitionSpec,
      replace: Boolean,
      numDP: Int
  ): Unit = delegate.loadDynamicPartitions(db, table, loadPath, partition, replace, numDP)

  override def createPartitions(
      db: String,
      table: String,
      parts: Seq[CatalogTablePartition],
      ignoreIfExists: Boolean
  ): Unit = delegate.createPartitions(db, table, parts, ignoreIfExists)

  override def dropPartitions(
      db: String,
      table: String,
      parts: Seq[TablePartitionSpec],
      ignoreIfNotExists: Boolean,
      purge: Boolean,
      retainData: Boolean
  ): Unit = delegate.dropPartitions(db, table, parts, ignoreIfNotExists, purge, retainData)

  override def renamePartitions(
      db: String,
      table: String,
      specs: Seq[TablePartitionSpec],
      newSpecs: Seq[TablePartitionSpec]
  ): Unit = delegate.renamePartitions(db, table, specs, newSpecs)

  override def alterPartitions(db: String, table: String, parts: Seq[CatalogTablePartition]): Unit =
    delegate.alterPartitions(db, table, parts)

  override def getPartition(
      db: String,
      table: String,
      spec: TablePartitionSpec
  ): CatalogTablePartition = delegate.getPartition(db, table, spec)

  override def getPartitionOption(
      db: String,
      table: String,
      spec: TablePartitionSpec
  ): Option[CatalogTablePartition] = delegate.getPartitionOption(db, table, spec)

  override def listPartitionNames(
      db: String,
      table: String,
      partialSpec: Option[TablePartitionSpec]
  ): Seq[String] = delegate.listPartitionNames(db, table, partialSpec)

  override def listPartitions(
      db: String,
      table: String,
      partialSpec: Option[TablePartitionSpec]
  ): Seq[CatalogTablePartition] = delegate.listPartitions(db, table, partialSpec)

  override def listPartitionsByFilter(
      db: String,
      table: String,
      predicates: Seq[Expression],
      defaultTimeZoneId: String
  ): Seq[CatalogTablePartition] =
    delegate.listPartitionsByFilter(db, table, predicates, defaultTimeZoneId)
}
