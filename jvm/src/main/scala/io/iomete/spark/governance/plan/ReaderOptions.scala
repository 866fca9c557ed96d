package io.iomete.spark.governance.plan

import java.util.Locale

import scala.jdk.CollectionConverters._

import io.iomete.spark.errors.IometeErrors
import io.iomete.spark.governance.GovernedSession
import org.apache.spark.sql.catalyst.catalog.CatalogTable
import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan
import org.apache.spark.sql.delta.files.TahoeFileIndex
import org.apache.spark.sql.execution.datasources.orc.OrcFileFormat
import org.apache.spark.sql.execution.datasources.parquet.ParquetFileFormat
import org.apache.spark.sql.execution.datasources.{HadoopFsRelation, LogicalRelation}
import org.apache.spark.sql.util.CaseInsensitiveStringMap

/** Options that a statement gives along with a relation: `spark.read.option(…)`, `t WITH (…)`.
  *
  * What a policy says of a name or a path holds for the data that is there. Some options make a reader
  * look somewhere else, or take other bytes for a column.
  *
  * Raises: IOMETE_OPTION_REFUSED.
  */
final class ReaderOptions(governed: GovernedSession) {
  import ReaderOptions._

  /** Of a table or view that is named: its place is the catalog's business. */
  def checkNamed(options: CaseInsensitiveStringMap): Unit = {
    val keys = options.keySet.asScala
    keys.find(key => places(key)).foreach(refuse)
    checkKeys(keys)
  }

  /** Spark hands options on to Hadoop, whose settings have dots in their names, and no reader's own
    * have: one of them tells which file system to take for a path, and that one what is where.
    */
  def checkKeys(keys: Iterable[String]): Unit = keys.find(_.contains('.')).foreach(refuse)

  /** Of files that are named by their location, also in a temporary view. */
  def checkFiles(leaf: LogicalPlan): Unit = leaf match {
    case relation: LogicalRelation =>
      relation.relation match {
        case files: HadoopFsRelation => checkKeys(files.options.keys)
        case _                       => ()
      }
    case _ => ()
  }

  /** Of a table of text files, by which a line is cut into columns: any option may move what is hidden
    * or masked into a column that isn't.
    */
  def checkColumns(leaf: LogicalPlan, names: Seq[String], decision: CombinedDecision): Unit =
    leaf match {
      case TextTable(files, table) if !decision.isPlain(names) =>
        val own = (table.storage.properties.keys ++ table.properties.keys).map(folded).toSet ++ ofSpark
        files.options.keys.find(key => !own(folded(key))).foreach(refuse)
        val column = governed.session.conf.get(badLines)
        if (names.exists(folded(_) == folded(column))) refuse(badLines)
      case _ => ()
    }

  /** A table of text that is seen in part, read as it was judged: Spark asks the session once more when
    * it opens the files, which may be long after.
    */
  def settled(leaf: LogicalPlan): LogicalPlan = leaf match {
    case relation @ LogicalRelation(files: HadoopFsRelation, _, _, _, _) if isOfText(relation) =>
      val column = ofBadLines -> governed.session.conf.get(badLines)
      val options = if (files.options.keys.exists(folded(_) == folded(ofBadLines))) files.options
        else files.options + column
      relation.copy(relation = files.copy(options = options)(files.sparkSession))
    case other => other
  }

  private def isOfText(leaf: LogicalPlan): Boolean = TextTable.unapply(leaf).isDefined

  private def refuse(key: String): Unit =
    if (!governed.isAdmin) throw IometeErrors.optionRefused(governed.principal, key)
}

object ReaderOptions {
  private val places = Set("path", "paths")
  private val ofSpark = Set("path", "serialization.format")

  /** Names the column that takes whole lines which can't be read. */
  private val badLines = "spark.sql.columnNameOfCorruptRecord"

  /** The same as an option of a table, which comes before the setting. */
  private val ofBadLines = "columnNameOfCorruptRecord"

  private def folded(key: String): String = key.toLowerCase(Locale.ROOT)

  /** Formats other than these have no columns of their own in their files. */
  private object TextTable {
    def unapply(leaf: LogicalPlan): Option[(HadoopFsRelation, CatalogTable)] = leaf match {
      case relation: LogicalRelation =>
        (relation.relation, relation.catalogTable) match {
          case (files: HadoopFsRelation, Some(table)) if !hasColumns(files) => Some(files -> table)
          case _                                                            => None
        }
      case _ => None
    }

    private def hasColumns(files: HadoopFsRelation): Boolean = files.fileFormat match {
      case _: ParquetFileFormat | _: OrcFileFormat => true
      case _                                       => files.location.isInstanceOf[TahoeFileIndex]
    }
  }
}
