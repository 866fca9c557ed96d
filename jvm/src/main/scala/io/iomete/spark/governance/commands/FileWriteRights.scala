package io.iomete.spark.governance.commands

import java.util.Locale

import io.iomete.spark.governance.GovernedSession
import io.iomete.spark.governance.decisions.TableResource
import io.iomete.spark.governance.plan.{DeltaTargets, Source}
import org.apache.hadoop.fs.Path
import org.apache.spark.sql.SaveMode
import org.apache.spark.sql.catalyst.TableIdentifier
import org.apache.spark.sql.catalyst.catalog.{CatalogTable, CatalogTableType}
import org.apache.spark.sql.catalyst.plans.logical.Command
import org.apache.spark.sql.classic.{SparkSession => ClassicSession}
import org.apache.spark.sql.delta.sources.DeltaDataSource
import org.apache.spark.sql.execution.command._
import org.apache.spark.sql.execution.datasources._

/** What Spark's own commands on files need: tables of the session catalog, and paths. */
private[commands] final class FileWriteRights(governed: GovernedSession, rights: Rights) {
  import rights.{named, need, needOptions, needOptionsOfFiles, needPath, needPlace, needPlain, needProperty, needProvider, refuse, stored}

  /** Whether `command` is one of these, and then may run. Raises: IOMETE_ACCESS_DENIED. */
  def judge(command: Command): Boolean = {
    val isOurs = judged.isDefinedAt(command)
    if (isOurs) judged(command)
    isOurs
  }

  private val judged: PartialFunction[Command, Unit] = {
    case create: CreateDataSourceTableCommand => checkCreate(create.table, Seq("create"))
    case create: CreateDataSourceTableAsSelectCommand => checkSave(create.table, create.mode)
    case SavedTable(table, mode)                      => checkSave(table, mode)
    case like: CreateTableLikeCommand                 => checkLike(like)
    case insert: InsertIntoHadoopFsRelationCommand    => checkInsert(insert)
    case insert: InsertIntoDataSourceCommand          => checkInsert(insert)
    case save: SaveIntoDataSourceCommand              => checkSave(save)
    case save: InsertIntoDataSourceDirCommand         => checkDirectory(save)
    case drop: DropTableCommand                       => need("drop", named(drop.tableName))
    case truncate: TruncateTableCommand               => needAsItIs("delete", truncate.tableName)
    case add: AlterTableAddColumnsCommand             => needAsItIs("alter", add.table)
    case change: AlterTableChangeColumnCommand        => needAsItIs("alter", change.tableName)
    case set: AlterTableSetPropertiesCommand if !set.isView =>
      set.properties.foreach { case (key, value) => needProperty(key, value) }
      needAsItIs("alter", set.tableName)
    case unset: AlterTableUnsetPropertiesCommand if !unset.isView =>
      unset.propKeys.foreach(needProperty(_, ""))
      needAsItIs("alter", unset.tableName)
    case set: AlterTableSetLocationCommand =>
      needPlace(set.location)
      needAsItIs("alter", set.tableName)
    case add: AlterTableAddPartitionCommand =>
      add.partitionSpecsAndLocs.flatMap(_._2).foreach(needPlace)
      needAsItIs("alter", add.tableName)
    case drop: AlterTableDropPartitionCommand =>
      needAsItIs("delete", drop.tableName)
      need("alter", named(drop.tableName))
    case rename: AlterTableRenamePartitionCommand => needAsItIs("alter", rename.tableName)
    case repair: RepairTableCommand               => needAsItIs("alter", repair.tableName)
    case rename: AlterTableRenameCommand if !rename.isView =>
      needAsItIs("alter", rename.oldName)
      need("drop", named(rename.oldName))
      val parts = rename.newName
      need("create", named(parts.copy(database = parts.database.orElse(rename.oldName.database))))
  }

  /** The tables that a command makes, by the path of their files. */
  def made(command: Command): Map[String, TableResource] = command match {
    case create: CreateDataSourceTableAsSelectCommand =>
      val place = create.table.storage.locationUri.getOrElse(catalog.defaultTablePath(create.table.identifier))
      Map(new Path(place).toString -> named(create.table.identifier))
    case _ => Map.empty
  }

  private def catalog = governed.session.asInstanceOf[ClassicSession].sessionState.catalog

  private def needAsItIs(action: String, table: TableIdentifier): Unit = {
    val found = catalog.getTableMetadata(table)
    val resource = named(found.identifier)
    need(action, resource)
    needPlain(resource, found.schema)
  }

  private def checkCreate(table: CatalogTable, actions: Seq[String]): Unit = {
    actions.foreach(need(_, named(table.identifier)))
    needProvider(table.provider)
    stored.checkGiven(table.storage.properties)
    (table.properties ++ table.storage.properties).foreach { case (key, value) => needProperty(key, value) }
    if (table.tableType == CatalogTableType.EXTERNAL) {
      table.storage.locationUri.map(_.toString).foreach(needPlace)
    }
  }

  /** What is there already takes rows; what isn't is made. Unknown tables are as if they weren't there. */
  private def checkSave(table: CatalogTable, mode: SaveMode): Unit = {
    val resource = named(table.identifier)
    val isThere = governed.engine.isKnown(governed.principal, resource) &&
      catalog.tableExists(table.identifier)
    if (isThere && mode == SaveMode.Append) need("insert", resource)
    else {
      val isReplaced = isThere && mode == SaveMode.Overwrite
      checkCreate(table, Seq("create", "insert") ++ Option.when(isReplaced)("drop"))
      if (isReplaced) needAsItIs("drop", table.identifier)
    }
  }

  /** The source's columns become the new table's. */
  private def checkLike(like: CreateTableLikeCommand): Unit = {
    need("create", named(like.targetTable))
    like.fileFormat.locationUri.map(_.toString).foreach(needPlace)
    like.properties.foreach { case (key, value) => needProperty(key, value) }
    stored.checkGiven(like.fileFormat.properties)
    if (!catalog.isTempView(like.sourceTable)) {
      val source = catalog.getTableMetadata(like.sourceTable)
      needProvider(like.provider.orElse(source.provider))
      stored.checkGiven(source.storage.properties)
    }
  }

  private def checkInsert(insert: InsertIntoHadoopFsRelationCommand): Unit = {
    val own = insert.catalogTable.filter(stored.isOfAdmin).fold(Set.empty[String])(optionsOf)
    needOptionsOfFiles(insert.options.filterNot { case (key, _) => own(key.toLowerCase(Locale.ROOT)) })
    insert.catalogTable.filter(_.identifier.database.isDefined) match {
      case Some(table) =>
        stored.check(table)
        val resource = named(table.identifier)
        need("insert", resource)
        if (insert.mode == SaveMode.Overwrite) replaced(table)
      // CREATE TABLE … AS SELECT names the table only once its files are written.
      case None if DeltaTargets.isMade(governed.principal, insert.outputPath.toString) => ()
      case None => needPath("write", insert.outputPath.toString)
    }
  }

  private def optionsOf(table: CatalogTable): Set[String] =
    table.storage.properties.keySet.map(_.toLowerCase(Locale.ROOT))

  /** What a table's rows are replaced by takes the place of what isn't seen. */
  private def replaced(table: CatalogTable): Unit = {
    need("delete", named(table.identifier))
    // A table that is being made has nothing to be seen.
    if (catalog.tableExists(table.identifier)) needPlain(named(table.identifier), table.schema)
  }

  private def checkInsert(insert: InsertIntoDataSourceCommand): Unit =
    Source.of(insert.logicalRelation) match {
      case source: Source.OfTable =>
        stored.check(insert.logicalRelation)
        need("insert", source.table)
        if (insert.overwrite) {
          need("delete", source.table)
          needPlain(source)
        }
      case _ => refuse(insert.nodeName)
    }

  private def checkSave(save: SaveIntoDataSourceCommand): Unit = save.dataSource match {
    case _: DeltaDataSource =>
      needOptions(save.options)
      save.options.collectFirst { case (key, path) if key.equalsIgnoreCase("path") => path } match {
        case Some(path) => needPath("write", path)
        case None       => refuse("SAVE")
      }
    case other => refuse(s"SAVE to ${other.getClass.getSimpleName}")
  }

  private def checkDirectory(save: InsertIntoDataSourceDirCommand): Unit = {
    needProvider(Some(save.provider))
    needOptionsOfFiles(save.storage.properties)
    save.storage.locationUri match {
      case Some(location) => needPath("write", location.toString)
      case None           => refuse("INSERT OVERWRITE DIRECTORY")
    }
  }
}

/** `saveAsTable` to a table that isn't of Delta or Iceberg; Spark keeps the class to itself. */
private object SavedTable {
  private val name = "org.apache.spark.sql.execution.command.SaveAsV1TableCommand"

  def unapply(command: Command): Option[(CatalogTable, SaveMode)] =
    if (command.getClass.getName != name) None
    else {
      val parts = command.productIterator.toSeq
      parts.collectFirst { case table: CatalogTable => table }.zip(parts.collectFirst { case m: SaveMode => m })
    }
}

/** Sources whose tables are files below a location: what they read is what their location holds. */
private[commands] object FileProviders {
  private val names = Set("delta", "iceberg", "parquet", "orc", "csv", "json", "text", "avro", "xml")

  def contains(provider: String): Boolean = names(provider.toLowerCase(Locale.ROOT))
}
