package io.iomete.spark.governance.plan

import scala.jdk.CollectionConverters._
import scala.util.Try

import io.iomete.spark.governance.renames.{Bound, ChangesVersion}
import org.apache.iceberg.Schema
import org.apache.iceberg.spark.SparkSchemaUtil
import org.apache.iceberg.spark.source.SparkTable
import org.apache.iceberg.types.{Type, Types}
import org.apache.spark.sql.delta.{DeltaColumnMapping, Snapshot}
import org.apache.spark.sql.delta.actions.Metadata
import org.apache.spark.sql.delta.catalog.DeltaTableV2
import org.apache.spark.sql.delta.commands.cdc.CDCReader.DeltaCDFRelation
import org.apache.spark.sql.delta.files.{TahoeFileIndex, TahoeLogFileIndex}
import org.apache.spark.sql.execution.datasources.HadoopFsRelation
import org.apache.spark.sql.sources.BaseRelation
import org.apache.spark.sql.types._

/** How the columns of a version of a table are called today: policies speak of today's names, and an
  * old name mustn't hide what a column is.
  */
trait NamesToday {

  /** Today's name of a column, and its type with today's names of its fields. */
  def of(column: String, dataType: DataType): (String, DataType)
}

object NamesToday {
  val same: NamesToday = (column, dataType) => (column, dataType)

  /** `dataType` with the fields' names of `names`, which has the same shape. */
  def renamed(dataType: DataType, names: DataType): DataType = (dataType, names) match {
    case (struct: StructType, other: StructType) =>
      StructType(struct.fields.zip(other.fields).map { case (field, named) =>
        field.copy(name = named.name, dataType = renamed(field.dataType, named.dataType))
      })
    case (ArrayType(element, containsNull), ArrayType(named, _)) =>
      ArrayType(renamed(element, named), containsNull)
    case (MapType(key, value, containsNull), MapType(namedKey, namedValue, _)) =>
      MapType(renamed(key, namedKey), renamed(value, namedValue), containsNull)
    case _ => dataType
  }
}

/** Iceberg knows columns by number. */
object IcebergColumns {

  def namesToday(table: SparkTable, bound: Bound): NamesToday =
    namesToday(ShownSchema.of(table), table.table.schema, bound)

  /** All columns that the table has had, and the paths of their fields: old files still hold them. */
  def ever(table: org.apache.iceberg.Table, bound: Bound): (Seq[String], Seq[String]) = {
    val columns = table.schemas.asScala.values.toSeq.flatMap { schema =>
      val names = namesToday(schema, table.schema, bound)
      SparkSchemaUtil.convert(schema).fields.toSeq.map(f => names.of(f.name, f.dataType))
    }
    val fields = columns.flatMap { case (name, dataType) => StructFields.of(name, dataType) }
    (columns.map(_._1).distinct, fields.distinct)
  }

  private def namesToday(shown: Schema, today: Schema, bound: Bound): NamesToday =
    if (bound.columns.isEmpty && shown.sameSchema(today)) NamesToday.same
    else new IcebergNamesToday(shown, today, bound)
}

/** Which of a table's schemas Spark shows depends on how it was loaded, and only the table knows. Two
  * schemas can differ in nothing but which column has which name, so that the names don't tell.
  */
private object ShownSchema {
  private val field = {
    val schema = classOf[SparkTable].getDeclaredField("schema")
    schema.setAccessible(true)
    schema
  }

  def of(table: SparkTable): Schema = field.get(table).asInstanceOf[Schema]
}

private final class IcebergNamesToday(shown: Schema, today: Schema, bound: Bound) extends NamesToday {

  override def of(column: String, dataType: DataType): (String, DataType) =
    Option(shown.asStruct.field(column)).fold((column, dataType)) { field =>
      (name(field), renamed(dataType, field.`type`))
    }

  private def name(field: Types.NestedField): String =
    bound.nameOf(field.fieldId.toString).getOrElse {
      Option(today.findField(field.fieldId)).fold(field.name)(_.name)
    }

  private def renamed(dataType: DataType, of: Type): DataType = (dataType, of) match {
    case (struct: StructType, fields: Types.StructType) =>
      StructType(struct.fields.map { inner =>
        Option(fields.field(inner.name)).fold(inner) { field =>
          inner.copy(name = name(field), dataType = renamed(inner.dataType, field.`type`))
        }
      })
    case (ArrayType(element, containsNull), list: Types.ListType) =>
      ArrayType(renamed(element, list.elementType), containsNull)
    case (MapType(key, value, containsNull), map: Types.MapType) =>
      MapType(renamed(key, map.keyType), renamed(value, map.valueType), containsNull)
    case _ => dataType
  }
}

/** Delta knows columns by their physical names, which a rename keeps. */
object DeltaColumns {

  def namesToday(table: DeltaTableV2, bound: Bound): NamesToday = {
    val log = table.deltaLog
    // A plain read has just made the newest version known; time travel hasn't.
    val newest = if (table.timeTravelOpt.isEmpty) log.unsafeVolatileSnapshot else log.update()
    namesToday(table.initialSnapshot.schema, newest.schema, bound)
  }

  /** Of a version that something is made of. */
  def namesToday(version: Snapshot, bound: Bound): NamesToday =
    namesToday(version.schema, version.deltaLog.update().schema, bound)

  /** All columns that the table has had since a version, with the paths of their fields.
    *
    * None where the log doesn't tell any more what they were.
    */
  def since(version: Long, table: DeltaTableV2, bound: Bound): Option[(Seq[String], Seq[String])] = Try {
    val log = table.deltaLog
    val today = log.update().schema
    val later = log.getChanges(version, table.catalogTable).flatMap(_._2).collect { case m: Metadata => m.schema }
    val columns = (later.toSeq :+ log.getSnapshotAt(version, catalogTableOpt = table.catalogTable).schema :+ today)
      .distinct
      .flatMap { schema =>
        val names = namesToday(schema, today, bound)
        schema.fields.toSeq.map(f => names.of(f.name, f.dataType))
      }
    val fields = columns.flatMap { case (name, dataType) => StructFields.of(name, dataType) }
    (columns.map(_._1).distinct, fields.distinct)
  }.toOption

  def namesToday(relation: BaseRelation, bound: Bound): NamesToday = relation match {
    case files: HadoopFsRelation =>
      files.location match {
        case index: TahoeLogFileIndex if index.isTimeTravelQuery =>
          namesToday(index.getSnapshot.schema, index.deltaLog.update().schema, bound)
        case index: TahoeFileIndex =>
          namesToday(index.schema, index.deltaLog.unsafeVolatileSnapshot.schema, bound)
        case _ => NamesToday.same
      }
    case changes: DeltaCDFRelation => namesToday(ChangesVersion.of(changes), bound)
    case _                         => NamesToday.same
  }

  private def namesToday(shown: StructType, today: StructType, bound: Bound): NamesToday =
    if (bound.columns.isEmpty && shown == today) NamesToday.same
    else new DeltaNamesToday(shown, today, bound)
}

private final class DeltaNamesToday(shown: StructType, today: StructType, bound: Bound)
    extends NamesToday {

  override def of(column: String, dataType: DataType): (String, DataType) =
    of(column, dataType, shown, Some(today), "")

  private def of(
      column: String,
      dataType: DataType,
      in: StructType,
      inToday: Option[StructType],
      above: String
  ): (String, DataType) =
    in.fields.find(_.name == column).fold((column, dataType)) { field =>
      val physical = DeltaColumnMapping.getPhysicalName(field)
      val now = inToday.flatMap(_.fields.find(DeltaColumnMapping.getPhysicalName(_) == physical))
      val name = bound.nameOf(above + physical).getOrElse(now.fold(column)(_.name))
      (name, renamed(dataType, field.dataType, now.map(_.dataType), above + physical))
    }

  private def renamed(dataType: DataType, of: DataType, now: Option[DataType], path: String): DataType =
    (dataType, of) match {
      case (struct: StructType, fields: StructType) =>
        val fieldsNow = now.collect { case found: StructType => found }
        StructType(struct.fields.map { inner =>
          val (name, innerType) = this.of(inner.name, inner.dataType, fields, fieldsNow, path + ".")
          inner.copy(name = name, dataType = innerType)
        })
      case (ArrayType(element, containsNull), list: ArrayType) =>
        val elementNow = now.collect { case found: ArrayType => found.elementType }
        ArrayType(renamed(element, list.elementType, elementNow, path), containsNull)
      case (MapType(key, value, containsNull), map: MapType) =>
        val mapNow = now.collect { case found: MapType => found }
        MapType(
          renamed(key, map.keyType, mapNow.map(_.keyType), path),
          renamed(value, map.valueType, mapNow.map(_.valueType), path),
          containsNull
        )
      case _ => dataType
    }
}
