package io.iomete.spark.governance.commands

import scala.jdk.CollectionConverters._

import org.apache.spark.sql.SparkSession
import org.apache.spark.sql.catalyst.plans.logical._
import org.apache.spark.sql.connector.catalog.Table
import org.apache.spark.sql.delta.DeltaDynamicPartitionOverwriteCommand
import org.apache.spark.sql.execution.datasources.v2.DataSourceV2Relation

/** The rights that a statement on rows uses: those of its own actions. */
private[commands] object RowLevelActions {
  import MergeRows._

  def of(write: RowLevelWrite): Seq[String] = write.operation.command.toString match {
    case "DELETE" => Seq("delete")
    case "UPDATE" => Seq("update")
    case _ =>
      write.query.collectFirst { case merge: MergeRows => of(merge) }.getOrElse(all)
  }

  private val all = Seq("update", "delete", "insert")

  private def of(merge: MergeRows): Seq[String] =
    (merge.matchedInstructions ++ merge.notMatchedInstructions ++ merge.notMatchedBySourceInstructions)
      .flatMap {
        case keep: Keep => of(keep.context)
        case _: Discard => Seq("delete")
        case _: Split   => Seq("update")
        case _          => all
      }
      .distinct

  private def of(context: Context): Seq[String] = context match {
    case Copy   => Nil
    case Update => Seq("update")
    case Insert => Seq("insert")
    case Delete => Seq("delete")
    case _      => all
  }
}

/** Spark's sink `noop`, which drops what it is given. */
private[commands] object Nowhere {
  private val prefix = "org.apache.spark.sql.execution.datasources.noop."

  def unapply(table: Table): Boolean = table.getClass.getName.startsWith(prefix)
}

/** A write whose rows go nowhere. */
private[commands] object Dropped {
  def unapply(write: V2WriteCommand): Boolean = write.table match {
    case relation: DataSourceV2Relation => Nowhere.unapply(relation.table)
    case _                              => false
  }
}

/** What a write says besides its rows. */
private[commands] object WriteOptions {
  private val evolving = Set("mergeschema", "merge-schema", "overwriteschema")
  private val settings =
    Seq("spark.databricks.delta.schema.autoMerge.enabled", "spark.sql.iceberg.merge-schema")

  def of(write: V2WriteCommand): Map[String, String] = stated(write) ++ (write.table match {
    case relation: DataSourceV2Relation => relation.options.asCaseSensitiveMap.asScala
    case _                              => Map.empty
  })

  private def stated(write: V2WriteCommand): Map[String, String] = write match {
    case append: AppendData                             => append.writeOptions
    case overwrite: OverwriteByExpression               => overwrite.writeOptions
    case overwrite: OverwritePartitionsDynamic          => overwrite.writeOptions
    case overwrite: DeltaDynamicPartitionOverwriteCommand => overwrite.writeOptions
    case _                                              => Map.empty
  }

  /** Whether the table is to take up columns that it doesn't have. */
  def mayEvolve(write: V2WriteCommand, session: SparkSession): Boolean =
    of(write).exists { case (key, value) =>
      evolving(key.toLowerCase(java.util.Locale.ROOT)) && value.equalsIgnoreCase("true")
    } || settings.exists(session.conf.get(_, "false").equalsIgnoreCase("true"))
}
