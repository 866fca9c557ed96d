package io.iomete.spark.system

import java.time.OffsetDateTime
import java.time.temporal.ChronoUnit.MICROS
import java.time.Instant
import java.util.{List => JList, Map => JMap}

import scala.jdk.CollectionConverters._

import com.fasterxml.jackson.core.`type`.TypeReference
import com.fasterxml.jackson.databind.ObjectMapper
import org.apache.spark.sql.catalyst.util.{ArrayBasedMapData, ArrayData, GenericArrayData}
import org.apache.spark.sql.types._
import org.apache.spark.unsafe.types.UTF8String

/** A column of `lake.system.audit`, and the text in the metadata database that it is read from. */
private[system] final case class AuditColumn(
    name: String,
    stored: String,
    dataType: DataType,
    nullable: Boolean = false
) {

  /** The value, as Spark holds it inside; null for NULL. */
  def read(text: String): Any =
    if (text == null) null
    else {
      dataType match {
        case TimestampType               => AuditColumn.micros(text)
        case ArrayType(StringType, _)    => AuditColumn.texts(text)
        case ArrayType(LongType, _)      => AuditColumn.numbers(text)
        case _: MapType                  => AuditColumn.pairs(text)
        case _                           => UTF8String.fromString(StoredText.read(text))
      }
    }
}

private[system] object AuditColumn {
  private val texts_ = ArrayType(StringType, containsNull = false)
  private val numbers_ = ArrayType(LongType, containsNull = false)
  private val pairs_ = MapType(StringType, StringType, valueContainsNull = false)

  val time: AuditColumn = AuditColumn("time", "occurred_at", TimestampType)
  val resource: AuditColumn = AuditColumn("resource", "resource", StringType)

  /** As `lake.audit.events` names them. */
  val all: Seq[AuditColumn] = Seq(
    AuditColumn("id", "event_id", StringType),
    time,
    AuditColumn("principal", "principal", StringType),
    AuditColumn("action", "action", StringType),
    resource,
    AuditColumn("columns", "columns", texts_, nullable = true),
    AuditColumn("verdict", "verdict", StringType),
    AuditColumn("policies", "policies", numbers_),
    AuditColumn("masks", "masks", pairs_),
    AuditColumn("filters", "filters", numbers_),
    AuditColumn("snapshot", "snapshot", StringType, nullable = true),
    AuditColumn("query", "query_id", StringType),
    AuditColumn("session", "session_id", StringType),
    AuditColumn("application", "application_id", StringType),
    AuditColumn("via", "via", texts_),
    AuditColumn("reason", "reason", StringType, nullable = true)
  )

  val schema: StructType = StructType(all.map(c => StructField(c.name, c.dataType, c.nullable)))

  private val byName = all.map(column => column.name -> column).toMap

  def named(name: String): Option[AuditColumn] = byName.get(name)

  private val json = new ObjectMapper
  private val textList = new TypeReference[JList[String]] {}
  private val numberList = new TypeReference[JList[java.lang.Long]] {}
  private val textMap = new TypeReference[JMap[String, String]] {}

  private def micros(text: String): Long =
    MICROS.between(Instant.EPOCH, OffsetDateTime.parse(text).toInstant)

  private def texts(text: String): ArrayData = strings(json.readValue(text, textList).asScala)

  private def numbers(text: String): ArrayData =
    new GenericArrayData(json.readValue(text, numberList).asScala.map(n => n.longValue).toArray)

  private def pairs(text: String): ArrayBasedMapData = {
    val found = json.readValue(text, textMap).asScala.toSeq
    new ArrayBasedMapData(strings(found.map(_._1)), strings(found.map(_._2)))
  }

  private def strings(values: Iterable[String]): ArrayData =
    new GenericArrayData(values.map(UTF8String.fromString).toArray[Any])
}
