package io.iomete.spark.catalog

import java.net.URI

import org.apache.spark.sql.catalyst.TableIdentifier
import org.apache.spark.sql.catalyst.catalog._
import org.apache.spark.sql.types.{DataType, StructType}
import org.json4s._
import org.json4s.JsonDSL._
import org.json4s.jackson.JsonMethods

/** Tables and views as JSON: every field of Spark's CatalogTable but name and location. */
private[catalog] final class TableDefinitions(locations: WarehouseLocations) {
  import Definitions._

  def write(table: CatalogTable): JObject =
    ("type" -> table.tableType.name) ~
      ("schema" -> JsonMethods.parse(table.schema.json)) ~
      ("storage" -> storage(table.storage)) ~
      ("provider" -> table.provider) ~
      ("partitionColumns" -> table.partitionColumnNames) ~
      ("bucketing" -> table.bucketSpec.map(bucketing)) ~
      ("owner" -> table.owner) ~
      ("createTime" -> table.createTime) ~
      ("lastAccessTime" -> table.lastAccessTime) ~
      ("createVersion" -> table.createVersion) ~
      ("properties" -> table.properties) ~
      ("ignoredProperties" -> table.ignoredProperties) ~
      ("statistics" -> table.stats.map(statistics)) ~
      ("viewText" -> table.viewText) ~
      ("viewOriginalText" -> table.viewOriginalText) ~
      ("comment" -> table.comment) ~
      ("collation" -> table.collation) ~
      ("unsupportedFeatures" -> table.unsupportedFeatures) ~
      ("schemaPreservesCase" -> table.schemaPreservesCase)

  def read(name: TableIdentifier, json: JValue, location: Option[URI]): CatalogTable =
    CatalogTable(
      identifier = name,
      tableType = tableType(text(json, "type")),
      storage = readStorage(json \ "storage", location),
      schema = schema(json \ "schema"),
      provider = optionalText(json, "provider"),
      partitionColumnNames = list(json, "partitionColumns"),
      bucketSpec = Some(json \ "bucketing").collect { case spec: JObject => readBucketing(spec) },
      owner = text(json, "owner"),
      createTime = number(json, "createTime").toLong,
      lastAccessTime = number(json, "lastAccessTime").toLong,
      createVersion = text(json, "createVersion"),
      properties = texts(json, "properties"),
      stats = Some(json \ "statistics").collect { case s: JObject => readStatistics(name.table, s) },
      viewText = optionalText(json, "viewText"),
      comment = optionalText(json, "comment"),
      collation = optionalText(json, "collation"),
      unsupportedFeatures = list(json, "unsupportedFeatures"),
      // Partitions come from the files: the store doesn't keep those of the in-memory catalog, and a
      // table that trusted it would come back empty.
      tracksPartitionsInCatalog = false,
      schemaPreservesCase = flag(json, "schemaPreservesCase"),
      ignoredProperties = texts(json, "ignoredProperties"),
      viewOriginalText = optionalText(json, "viewOriginalText")
    )

  private def tableType(name: String): CatalogTableType =
    CatalogTableType.tableTypes
      .find(_.name == name)
      .getOrElse(throw new Unreadable(s"its type is `$name`"))

  private def schema(json: JValue): StructType =
    DataType.fromJson(JsonMethods.compact(json)) match {
      case schema: StructType => schema
      case other              => throw new Unreadable(s"its schema is `${other.catalogString}`")
    }

  private def storage(format: CatalogStorageFormat): JObject =
    ("inputFormat" -> format.inputFormat) ~
      ("outputFormat" -> format.outputFormat) ~
      ("serde" -> format.serde) ~
      ("compressed" -> format.compressed) ~
      ("properties" -> withPath(format.properties)(p => locations.store(CatalogUtils.stringToURI(p))))

  private def readStorage(json: JValue, location: Option[URI]): CatalogStorageFormat =
    CatalogStorageFormat(
      locationUri = location,
      inputFormat = optionalText(json, "inputFormat"),
      outputFormat = optionalText(json, "outputFormat"),
      serde = optionalText(json, "serde"),
      compressed = flag(json, "compressed"),
      properties =
        withPath(texts(json, "properties"))(p => CatalogUtils.URIToString(locations.load(p)))
    )

  /** Some writers leave the location among the options a second time; it moves with the folder. */
  private def withPath(options: Map[String, String])(move: String => String): Map[String, String] =
    options.map { case (key, value) => key -> (if (key.equalsIgnoreCase("path")) move(value) else value) }

  private def bucketing(spec: BucketSpec): JObject =
    ("buckets" -> spec.numBuckets) ~
      ("bucketColumns" -> spec.bucketColumnNames) ~
      ("sortColumns" -> spec.sortColumnNames)

  private def readBucketing(json: JValue): BucketSpec =
    BucketSpec(number(json, "buckets").toInt, list(json, "bucketColumns"), list(json, "sortColumns"))

  /** Columns in the text form that Spark itself gives its metastore. */
  private def statistics(stats: CatalogStatistics): JObject =
    ("sizeInBytes" -> stats.sizeInBytes) ~
      ("rowCount" -> stats.rowCount) ~
      ("columns" -> stats.colStats.map { case (name, column) => name -> column.toMap(name) })

  private def readStatistics(table: String, json: JValue): CatalogStatistics = {
    val columns = json \ "columns" match {
      case JObject(fields) => fields.map(_._1)
      case _               => Nil
    }
    CatalogStatistics(
      number(json, "sizeInBytes"),
      optionalNumber(json, "rowCount"),
      columns.flatMap { column =>
        val fields = texts(json \ "columns", column)
        CatalogColumnStat.fromMap(table, column, fields).map(column -> _)
      }.toMap
    )
  }
}
