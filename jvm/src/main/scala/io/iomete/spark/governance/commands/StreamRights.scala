package io.iomete.spark.governance.commands

import scala.util.Try

import io.iomete.spark.errors.Refused
import io.iomete.spark.governance.plan.RelationName
import io.iomete.spark.governance.{GovernedSession, WriteAudit}
import org.apache.iceberg.spark.source.SparkTable
import org.apache.spark.sql.catalyst.catalog.CatalogTable
import org.apache.spark.sql.catalyst.parser.CatalystSqlParser
import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan
import org.apache.spark.sql.catalyst.streaming.WriteToStream
import org.apache.spark.sql.connector.catalog.Table
import org.apache.spark.sql.delta.sources.DeltaSink
import org.apache.spark.sql.execution.streaming.ConsoleTable
import org.apache.spark.sql.execution.streaming.sinks.FileStreamSink
import org.apache.spark.sql.execution.streaming.sources._
import org.apache.spark.sql.streaming.OutputMode

/** What streams need for what they write, when they start and again at each micro-batch. */
final class StreamRights(governed: GovernedSession) {
  private val rights = new Rights(governed)
  import rights.{need, needPath, needPlace, needPlain, refuse}

  /** A stream that is about to start. Raises: IOMETE_ACCESS_DENIED, IOMETE_COMMAND_REFUSED. */
  def check(plan: LogicalPlan): Unit = if (!governed.isAdmin) plan.foreach {
    case stream: WriteToStream =>
      // Spark deletes a checkpoint only if it has made up the place itself.
      if (!stream.deleteCheckpointOnStop) needPlace(stream.resolvedCheckpointLocation)
      stream.catalogAndIdent match {
        case Some((catalog, identifier)) =>
          needTable(RelationName.of(catalog, identifier), stream.sink, stream.outputMode)
        case None => needSink(stream.sink, stream.catalogTable, stream.outputMode)
      }
    case _ => ()
  }

  /** One micro-batch: rights may have been withdrawn since the last. */
  def checkBatch(plan: LogicalPlan): Unit = {
    plan.foreach {
      case batch: WriteToMicroBatchDataSource =>
        batch.relation.flatMap(r => r.catalog.zip(r.identifier)) match {
          case Some((catalog, identifier)) =>
            needTable(RelationName.of(catalog, identifier), batch.table, batch.outputMode)
          case None => needSink(batch.table, None, batch.outputMode)
        }
      case batch: WriteToMicroBatchDataSourceV1 =>
        needSink(batch.sink, batch.catalogTable, batch.outputMode)
      case _ => ()
    }
    new WriteAudit(governed).record(rights.effects.all)
  }

  private def needSink(sink: Table, table: Option[CatalogTable], mode: OutputMode): Unit = sink match {
    case _ if table.exists(_.identifier.database.isDefined) => needTable(table.get, mode)
    case delta: DeltaSink if delta.catalogTable.isDefined   => needTable(delta.catalogTable.get, mode)
    case delta: DeltaSink                                   => needPath("write", delta.path.toString)
    case files: FileStreamSink                              => needFiles(files)
    case iceberg: SparkTable if nameOf(iceberg).isDefined   => needTable(nameOf(iceberg).get, iceberg, mode)
    case _: MemorySink | _: ContinuousMemorySink | ConsoleTable => ()
    case _: ForeachBatchSink[_] | _: ForeachWriterTable[_] | Nowhere() => ()
    case other => if (!governed.isAdmin) refuse(s"a stream to ${other.getClass.getSimpleName}")
  }

  /** Spark has made the sink before anybody is asked, and with it the folder of its log. */
  private def needFiles(sink: FileStreamSink): Unit = {
    val path = FileSinks.pathOf(sink)
    try needPath("write", path)
    catch {
      case refused: Refused =>
        FileSinks.removeEmptyLog(governed.session, path)
        throw refused
    }
  }

  /** None for a table that is named by its path. */
  private def nameOf(table: SparkTable): Option[RelationName] =
    Try(CatalystSqlParser.parseMultipartIdentifier(table.table.name)).toOption
      .flatMap(RelationName.of(governed.session, _))

  private def needTable(name: RelationName, sink: Table, mode: OutputMode): Unit = {
    val resource = (name.base.toSeq :+ name.table)
      .find(governed.engine.isKnown(governed.principal, _))
      .getOrElse(name.table)
    need("insert", resource)
    if (mode != OutputMode.Append) {
      need("delete", resource)
      needPlain(resource, sink)
    }
  }

  private def needTable(table: CatalogTable, mode: OutputMode): Unit = {
    val resource = rights.named(table.identifier)
    rights.stored.check(table)
    need("insert", resource)
    if (mode != OutputMode.Append) {
      need("delete", resource)
      needPlain(resource, table.schema)
    }
  }
}

/** Sinks of files keep their place to themselves. */
private object FileSinks {
  import org.apache.hadoop.fs.Path
  import org.apache.spark.sql.SparkSession
  import org.apache.spark.sql.classic.{SparkSession => ClassicSession}

  private lazy val field = {
    val found = classOf[FileStreamSink].getDeclaredFields.find(_.getName.endsWith("path")).get
    found.setAccessible(true)
    found
  }

  def pathOf(sink: FileStreamSink): String = field.get(sink).toString

  def removeEmptyLog(session: SparkSession, path: String): Unit = {
    val log = new Path(path, FileStreamSink.metadataDir)
    val files = log.getFileSystem(session.asInstanceOf[ClassicSession].sessionState.newHadoopConf())
    if (files.exists(log) && files.listStatus(log).isEmpty) {
      val _ = files.delete(log, false)
    }
  }
}
