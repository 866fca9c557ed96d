package io.iomete.spark.governance.plan

import scala.collection.concurrent.TrieMap

import io.iomete.spark.governance.decisions.{ResourceNames, TableResource}
import org.apache.spark.sql.catalyst.analysis.ResolvedTable
import org.apache.spark.sql.catalyst.catalog.CatalogTable
import org.apache.spark.sql.catalyst.plans.logical.{AppendData, LogicalPlan, V2WriteCommand}
import org.apache.spark.sql.connector.catalog.Table
import org.apache.spark.sql.delta.catalog.DeltaTableV2
import org.apache.spark.sql.delta.commands._
import org.apache.spark.sql.delta.files.TahoeFileIndex
import org.apache.spark.sql.execution.datasources.v2.DataSourceV2Relation
import org.apache.spark.sql.execution.datasources.{HadoopFsRelation, LogicalRelation}

/** Delta tables that commands are working on.
  *
  * A command of Delta reads its table in queries of its own, which name the table's files and not the
  * table. While it runs, these files stand for the table, to the principal who runs it: what they may
  * see of the table decides, and nothing is read that a query of theirs could not read. A table that
  * is restricted for them is never read so, for what it shows would be written in place of what it
  * holds.
  */
object DeltaTargets {
  private final case class Running(table: TableResource, commands: Int)

  private val running = TrieMap.empty[(String, String), Running]

  /** Runs `body`, a command of `principal` on these tables. */
  def during[T](principal: String, tables: Map[String, TableResource])(body: => T): T = {
    tables.foreach { case (path, table) => change(principal, path, table, 1) }
    try body
    finally tables.foreach { case (path, table) => change(principal, path, table, -1) }
  }

  private def change(principal: String, path: String, table: TableResource, by: Int): Unit =
    running.synchronized {
      val commands = running.get((principal, path)).fold(0)(_.commands) + by
      if (commands > 0) running((principal, path)) = Running(table, commands)
      else {
        val _ = running.remove((principal, path))
      }
    }

  /** The table that a relation's files stand for, if a command of `principal` works on it. */
  def of(principal: String, leaf: LogicalPlan): Option[TableResource] =
    if (running.isEmpty) None
    else pathOf(leaf).flatMap(path => running.get((principal, path))).map(_.table)

  /** Whether a command of `principal` makes the table whose files are to be here. */
  def isMade(principal: String, path: String): Boolean = running.contains((principal, path))

  private def pathOf(leaf: LogicalPlan): Option[String] = leaf match {
    case LogicalRelation(files: HadoopFsRelation, _, _, _, _) =>
      files.location match {
        case index: TahoeFileIndex => Some(index.deltaLog.dataPath.toString)
        case _                     => None
      }
    case _ => None
  }

  /** The tables of a catalog that a command works on, by the path of their files. */
  def in(command: LogicalPlan): Map[String, TableResource] =
    command.collect { case node => tablesOf(node) }.flatten.toMap

  private def tablesOf(node: LogicalPlan): Seq[(String, TableResource)] = node match {
    case ResolvedTable(_, _, table, _)            => ofTable(table)
    case relation: DataSourceV2Relation           => ofTable(relation.table)
    case update: UpdateCommand                    => ofFiles(update.tahoeFileIndex, update.catalogTable)
    case merge: MergeIntoCommand                  => ofFiles(merge.targetFileIndex, merge.catalogTable)
    case delete: DeleteCommand =>
      delete.catalogTable.flatMap(named).map(delete.deltaLog.dataPath.toString -> _).toSeq
    case restore: RestoreTableCommand                 => ofTable(restore.sourceTable)
    case insert: DeltaInsertReplaceOnOrUsingCommand   => ofTable(insert.deltaTable)
    case _: AppendData                                => Nil // reads nothing of its table
    case write: V2WriteCommand                        => tablesOf(write.table)
    case _                                            => Nil
  }

  private def ofFiles(files: TahoeFileIndex, table: Option[CatalogTable]): Seq[(String, TableResource)] =
    table.flatMap(named).map(files.deltaLog.dataPath.toString -> _).toSeq

  private def ofTable(table: Table): Seq[(String, TableResource)] = table match {
    case delta: DeltaTableV2 =>
      delta.catalogTable.flatMap(named).map(delta.deltaLog.dataPath.toString -> _).toSeq
    case _ => Nil
  }

  /** None for a table that is named by its path. */
  def named(table: CatalogTable): Option[TableResource] = table.identifier.database.collect {
    case database if database != "delta" =>
      ResourceNames.table(
        table.identifier.catalog.getOrElse(ResourceNames.sessionCatalog),
        Seq(database),
        table.identifier.table
      )
  }
}
