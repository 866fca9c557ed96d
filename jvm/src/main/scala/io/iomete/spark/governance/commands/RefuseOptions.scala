package io.iomete.spark.governance.commands

import java.util.Locale

import scala.jdk.CollectionConverters._

import io.iomete.spark.errors.IometeErrors
import io.iomete.spark.governance.{Governing, ReadAudit}
import org.apache.spark.sql.SparkSession
import org.apache.spark.sql.catalyst.plans.logical.{LogicalPlan, TableSpec, UnresolvedTableSpec}
import org.apache.spark.sql.catalyst.rules.Rule
import org.apache.spark.sql.util.CaseInsensitiveStringMap

/** Refuses options of reads and writes that are settings of Hadoop in truth: which classes open files,
  * and with which credentials.
  */
final case class RefuseOptions(session: SparkSession) extends Rule[LogicalPlan] {

  override def apply(plan: LogicalPlan): LogicalPlan = {
    Governing.of(session).filterNot(_.isAdmin).foreach { governed =>
      plan.foreachWithSubqueries { node =>
        RefuseOptions.keysIn(node).find(RefuseOptions.isUnsafe).foreach { key =>
          new ReadAudit(governed).refusals(throw IometeErrors.settingRefused(governed.principal, key))
        }
      }
    }
    plan
  }
}

object RefuseOptions {
  private val ofHadoop = Seq(
    "fs.", "spark.", "hadoop.", "dfs.", "io.", "ipc.", "yarn.", "mapred.", "mapreduce.", "hive.",
    "parquet.crypto.", "parquet.encryption.", "orc.key.", "java.", "javax."
  )

  /** Options by which a format reads another file than the one that it is asked for. */
  private val otherFiles = Set("avroschemaurl", "rowvalidationxsdpath")

  private[governance] def isUnsafe(key: String): Boolean = {
    val name = key.toLowerCase(Locale.ROOT)
    ofHadoop.exists(name.startsWith) || otherFiles(name)
  }

  private[commands] def keysIn(node: LogicalPlan): Iterator[String] = node.productIterator.flatMap {
    case options: CaseInsensitiveStringMap => options.keySet.asScala
    case options: Map[_, _]                => options.keys.collect { case key: String => key }
    case table: UnresolvedTableSpec        => table.optionExpression.options.map(_._1)
    case table: TableSpec                  => table.options.keys
    case _                                 => Nil
  }
}
