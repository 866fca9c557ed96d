package io.iomete.spark.governance.plan

import java.net.URI

import scala.jdk.CollectionConverters._
import scala.util.Using

import io.iomete.spark.governance.{GovernedSession, Places}
import org.apache.hadoop.fs.Path
import org.apache.iceberg.spark.source.SparkTable
import org.apache.iceberg.{BaseMetadataTable, HasTableOperations, ManifestContent, ManifestFile, ManifestFiles, Table}
import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan
import org.apache.spark.sql.delta.actions.AddFile
import org.apache.spark.sql.delta.files.{TahoeFileIndex, TahoeLogFileIndex}
import org.apache.spark.sql.execution.datasources.v2._
import org.apache.spark.sql.execution.datasources.{HadoopFsRelation, LogicalRelation, PartitioningAwareFileIndex}

/** The files that a path which somebody may read leads to.
  *
  * A table that is read by its path says itself of which files it is made, and so do the logs of streams
  * and symbolic links. Who writes below a folder, past Spark, would choose by them what its readers
  * read. So what lies elsewhere needs a right of its own.
  */
private[governance] final class ReachedFiles(governed: GovernedSession) {

  /** The folders elsewhere that the files of `leaf` are in: `rights` allow to read them.
    *
    * Cost: for Iceberg, all manifests of the table are read; for others, the list of files, which a
    * query reads anyway.
    *
    * Raises: IOMETE_ACCESS_DENIED.PATH.
    */
  def require(leaf: LogicalPlan, roots: Seq[String], rights: ReadRights): Seq[String] =
    if (isFree(rights) && governed.isAdmin) Nil else require(ReachedFiles.of(leaf), roots, rights)

  /** Of a Delta table that another one is made of. */
  def require(table: Path, files: Seq[AddFile], rights: ReadRights): Unit =
    if (!isFree(rights)) {
      val _ = require(ReachedFiles.ofDelta(table, files), Seq(table.toString), rights)
    }

  private def require(files: Iterator[Path], roots: Seq[String], rights: ReadRights): Seq[String] =
    ReachedFiles.outside(files, roots).map { folder =>
      if (!isFree(rights)) governed.requirePath("read", folder, rights)
      folder
    }.toSeq

  /** The same relation with the files that it has now, for a Delta table gets others at any time. */
  def settled(leaf: LogicalPlan, rights: ReadRights): LogicalPlan = leaf match {
    case relation @ LogicalRelation(files: HadoopFsRelation, _, _, _, _) if !isFree(rights) =>
      files.location match {
        case index: TahoeLogFileIndex if !index.isTimeTravelQuery =>
          val now = index.copy(snapshotAtAnalysis = index.getSnapshot, isTimeTravelQuery = true)
          relation.copy(relation = files.copy(location = now)(files.sparkSession))
        case _ => relation
      }
    case other => other
  }

  /** Whose reads lead anywhere. */
  private def isFree(rights: ReadRights): Boolean =
    if (rights.holder == governed.principal) governed.isAdmin else governed.engine.isAdmin(rights.holder)
}

private[governance] object ReachedFiles {

  /** Whether the files of `leaf` are all below these paths. */
  def areBelow(leaf: LogicalPlan, roots: Seq[String]): Boolean = outside(of(leaf), roots).isEmpty

  /** Where files are that aren't below these paths: each folder once, with symbolic links followed. */
  private def outside(files: Iterator[Path], roots: Seq[String]): Iterator[String] = {
    val own = roots.map(Places.partsOf)
    val folders = new Places.Real
    files.map(folders.of).filterNot(file => own.exists(root => file.parts.startsWith(root))).map(_.folder).distinct
  }

  private def of(leaf: LogicalPlan): Iterator[Path] = leaf match {
    case LogicalRelation(files: HadoopFsRelation, _, _, _, _) =>
      files.location match {
        case index: TahoeFileIndex              => ofDelta(index.path, index.matchingFiles(Nil, Nil))
        case listed: PartitioningAwareFileIndex => listed.allFiles().iterator.map(_.getPath)
        case other                              => other.inputFiles.iterator.map(file => new Path(new URI(file)))
      }
    case relation: DataSourceV2Relation              => ofIceberg(relation.table)
    case relation: DataSourceV2ScanRelation          => ofIceberg(relation.relation.table)
    case relation: StreamingDataSourceV2Relation     => ofIceberg(relation.table)
    case relation: StreamingDataSourceV2ScanRelation => ofIceberg(relation.relation.table)
    case _                                           => Iterator.empty
  }

  private val inTheLog = "i"

  /** Paths in a log are URIs, and relative to the table. */
  private def ofDelta(table: Path, files: Seq[AddFile]): Iterator[Path] =
    Iterator.single(new Path(table, "_delta_log")) ++ files.iterator.flatMap { file =>
      val deleted = Option(file.deletionVector).filter(_.storageType != inTheLog).map(_.absolutePath(table))
      Iterator.single(new Path(table, new Path(new URI(file.path)))) ++ deleted
    }

  private def ofIceberg(table: org.apache.spark.sql.connector.catalog.Table): Iterator[Path] = table match {
    case iceberg: SparkTable => IcebergFiles.of(iceberg.table).map(new Path(_))
    case _                   => Iterator.empty
  }
}

/** What an Iceberg table's metadata names, of all snapshots: any of them may be asked for.
  *
  * Lists come before what is in them, so who asks can refuse to open them.
  */
private object IcebergFiles {

  def of(table: Table): Iterator[String] = {
    val base = table match {
      case metadata: BaseMetadataTable => metadata.table
      case other                       => other
    }
    val io = base.io
    val snapshots = base.snapshots.asScala.toSeq
    lazy val manifests = snapshots.flatMap(_.allManifests(io).asScala).distinctBy(_.path)
    located(base) ++ snapshots.iterator.flatMap(s => Option(s.manifestListLocation)) ++
      manifests.iterator.map(_.path) ++ manifests.iterator.flatMap(in(_, base))
  }

  private def located(table: Table): Iterator[String] = {
    val metadata = table match {
      case base: HasTableOperations => Option(base.operations.current.metadataFileLocation)
      case _                        => None
    }
    metadata.iterator ++ table.statisticsFiles.asScala.map(_.path) ++
      table.partitionStatisticsFiles.asScala.map(_.path)
  }

  private def in(manifest: ManifestFile, table: Table): Seq[String] = {
    val files =
      if (manifest.content == ManifestContent.DATA) ManifestFiles.read(manifest, table.io, table.specs)
      else ManifestFiles.readDeleteManifest(manifest, table.io, table.specs)
    Using.resource(files)(_.iterator.asScala.map(_.location).toSeq)
  }
}
