package io.iomete.spark.catalog

import org.apache.spark.sql.catalyst.{FunctionIdentifier, TableIdentifier}
import org.apache.spark.sql.catalyst.catalog.{
  CatalogDatabase,
  CatalogFunction,
  CatalogTable,
  CatalogTableType,
  FunctionResource,
  FunctionResourceType
}
import org.json4s._
import org.json4s.JsonDSL._
import org.json4s.jackson.JsonMethods

/** The catalog's objects as rows of the store and back.
  *
  * A definition carries the version of its layout; raise it when an older reader would misread what
  * is written, not when a field is added that it may ignore.
  */
final class Definitions(locations: WarehouseLocations) {
  import Definitions._

  private val tables = new TableDefinitions(locations)

  def database(definition: CatalogDatabase): StoredObject = stored(
    ObjectKey(ObjectKind.Database, definition.name, ""),
    ("description" -> definition.description) ~ ("properties" -> definition.properties),
    Some(locations.store(definition.locationUri))
  )

  def table(definition: CatalogTable): StoredObject = {
    val kind =
      if (definition.tableType == CatalogTableType.VIEW) ObjectKind.View else ObjectKind.Table
    val name = definition.identifier
    stored(
      ObjectKey(kind, databaseOf(name.database), name.table),
      tables.write(definition),
      definition.storage.locationUri.map(locations.store)
    )
  }

  def function(definition: CatalogFunction): StoredObject = {
    val name = definition.identifier
    val resources = definition.resources.toList.map { resource =>
      ("type" -> resource.resourceType.resourceType) ~ ("uri" -> resource.uri): JValue
    }
    stored(
      ObjectKey(ObjectKind.Function, databaseOf(name.database), name.funcName),
      ("className" -> definition.className) ~ ("resources" -> resources),
      None
    )
  }

  def readDatabase(row: StoredObject): CatalogDatabase = {
    val json = read(row)
    CatalogDatabase(
      row.key.database,
      text(json, "description"),
      locations.load(row.location.getOrElse(throw new Unreadable("it has no location"))),
      texts(json, "properties")
    )
  }

  def readTable(row: StoredObject): CatalogTable = tables.read(
    TableIdentifier(row.key.name, Some(row.key.database)),
    read(row),
    row.location.map(locations.load)
  )

  def readFunction(row: StoredObject): CatalogFunction = {
    val json = read(row)
    CatalogFunction(
      FunctionIdentifier(row.key.name, Some(row.key.database)),
      text(json, "className"),
      elements(json, "resources").map { resource =>
        FunctionResource(FunctionResourceType.fromString(text(resource, "type")), text(resource, "uri"))
      }
    )
  }

  private def databaseOf(database: Option[String]): String =
    database.getOrElse(throw new IllegalArgumentException("an object without a database"))

  private def stored(key: ObjectKey, fields: JObject, location: Option[String]): StoredObject =
    StoredObject(key, JsonMethods.compact(("version" -> version) ~ fields), location)

  private def read(row: StoredObject): JValue = {
    val json =
      try JsonMethods.parse(row.definition)
      catch { case error: Exception => throw new Unreadable(s"it is no JSON: ${error.getMessage}") }
    json \ "version" match {
      case JInt(found) if found == version => json
      case JInt(found) => throw new Unreadable(s"its version is $found, not $version")
      case _           => throw new Unreadable("it has no version")
    }
  }
}

/** A stored definition that this version can't turn back into an object. */
final class Unreadable(problem: String) extends RuntimeException(problem)

object Definitions {
  private val version = 1

  private[catalog] def text(json: JValue, field: String): String =
    optionalText(json, field).getOrElse(throw new Unreadable(s"it has no `$field`"))

  private[catalog] def optionalText(json: JValue, field: String): Option[String] =
    json \ field match {
      case JString(value) => Some(value)
      case _              => None
    }

  private[catalog] def number(json: JValue, field: String): BigInt =
    optionalNumber(json, field).getOrElse(throw new Unreadable(s"it has no `$field`"))

  private[catalog] def optionalNumber(json: JValue, field: String): Option[BigInt] =
    json \ field match {
      case JInt(value)  => Some(value)
      case JLong(value) => Some(value)
      case _            => None
    }

  private[catalog] def flag(json: JValue, field: String): Boolean = json \ field == JBool.True

  private[catalog] def elements(json: JValue, field: String): List[JValue] = json \ field match {
    case JArray(values) => values
    case _              => Nil
  }

  private[catalog] def list(json: JValue, field: String): List[String] =
    elements(json, field).collect { case JString(value) => value }

  private[catalog] def texts(json: JValue, field: String): Map[String, String] =
    json \ field match {
      case JObject(fields) => fields.collect { case (key, JString(value)) => key -> value }.toMap
      case _               => Map.empty
    }
}
