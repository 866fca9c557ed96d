package io.iomete.spark.governance.renames

import scala.jdk.CollectionConverters._
import scala.util.Try

import io.iomete.spark.governance.decisions.ResourceNames
import org.apache.iceberg.BaseMetadataTable
import org.apache.iceberg.spark.source.SparkTable
import org.apache.iceberg.types.{Type, Types}
import org.apache.spark.sql.connector.catalog.Table
import org.apache.spark.sql.delta.{DeltaColumnMapping, DeltaLog, Snapshot}
import org.apache.spark.sql.delta.catalog.DeltaTableV2
import org.apache.spark.sql.delta.commands.cdc.CDCReader.DeltaCDFRelation
import org.apache.spark.sql.delta.files.TahoeFileIndex
import org.apache.spark.sql.execution.datasources.HadoopFsRelation
import org.apache.spark.sql.sources.BaseRelation
import org.apache.spark.sql.types._

/** What a table is, whatever it is called.
  *
  * @param key
  *   its format and the id that the format gives it for life
  * @param shape
  *   equal for equal columns; cheaper to compare than [[columns]]
  */
final class TableIdentity private (val key: String, val shape: AnyRef, read: => Map[String, String]) {

  /** Today's columns and fields of structs: paths in lower case, by the ids that they keep. */
  lazy val columns: Map[String, String] = read

  override def toString: String = key
}

object TableIdentity {

  /** The identity of a loaded table; None where its format has none. */
  def of(table: Table): Option[TableIdentity] = table match {
    case iceberg: SparkTable =>
      iceberg.table match {
        case metadata: BaseMetadataTable => ofIceberg(metadata.table)
        case data                        => ofIceberg(data)
      }
    case delta: DeltaTableV2 => Try(delta.initialSnapshot).toOption.flatMap(_ => ofDelta(delta))
    case _                   => None
  }

  def of(relation: BaseRelation): Option[TableIdentity] = relation match {
    case files: HadoopFsRelation =>
      files.location match {
        case index: TahoeFileIndex => ofDelta(index.deltaLog, index.deltaLog.unsafeVolatileSnapshot)
        case _                     => None
      }
    case changes: DeltaCDFRelation => of(ChangesVersion.of(changes))
    case _                         => None
  }

  /** The identity of the table that something is a version of. */
  def of(version: Snapshot): Option[TableIdentity] = ofDelta(version.deltaLog, version.deltaLog.update())

  private def ofIceberg(table: org.apache.iceberg.Table): Option[TableIdentity] =
    Try(table.uuid).toOption.filter(_ != null).map { uuid =>
      val schema = table.schema.asStruct
      new TableIdentity(s"iceberg:$uuid", schema, icebergColumns(schema, "").toMap)
    }

  private def icebergColumns(struct: Types.StructType, above: String): Seq[(String, String)] =
    struct.fields.asScala.toSeq.flatMap { field =>
      val path = above + ResourceNames.column(field.name)
      (field.fieldId.toString -> path) +: inside(field.`type`, path)
    }

  private def inside(of: Type, path: String): Seq[(String, String)] = of match {
    case struct: Types.StructType => icebergColumns(struct, path + ".")
    case list: Types.ListType     => inside(list.elementType, path)
    case _                        => Nil
  }

  private def ofDelta(table: DeltaTableV2): Option[TableIdentity] = {
    val newest =
      if (table.timeTravelOpt.isEmpty) table.initialSnapshot else table.deltaLog.unsafeVolatileSnapshot
    ofDelta(table.deltaLog, newest)
  }

  private def ofDelta(log: DeltaLog, newest: Snapshot): Option[TableIdentity] =
    Option.when(newest.version >= 0) {
      val columns = newest.schema
      new TableIdentity(s"delta:${log.unsafeVolatileTableId}", columns, deltaColumns(columns, "", "").toMap)
    }

  /** By their physical names, which a rename keeps; without column mapping nothing can be renamed. */
  private def deltaColumns(struct: StructType, above: String, aboveNow: String): Seq[(String, String)] =
    struct.fields.toSeq.flatMap { field =>
      val (physical, path) = (
        above + DeltaColumnMapping.getPhysicalName(field),
        aboveNow + ResourceNames.column(field.name)
      )
      (physical -> path) +: deltaInside(field.dataType, physical, path)
    }

  private def deltaInside(of: DataType, physical: String, path: String): Seq[(String, String)] = of match {
    case struct: StructType    => deltaColumns(struct, physical + ".", path + ".")
    case ArrayType(element, _) => deltaInside(element, physical, path)
    case _                     => Nil
  }
}

/** The version whose columns a change feed shows; its own schema has lost their physical names. */
private[governance] object ChangesVersion {
  private val version = classOf[DeltaCDFRelation].getMethod("snapshotForBatchSchema")

  def of(changes: DeltaCDFRelation): Snapshot = version.invoke(changes).asInstanceOf[Snapshot]
}
