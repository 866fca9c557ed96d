package io.iomete.spark.catalog

/** What the session catalog holds, by the names that the metadata database uses. */
sealed abstract class ObjectKind(val label: String)

object ObjectKind {
  case object Database extends ObjectKind("database")
  case object Table extends ObjectKind("table")
  case object View extends ObjectKind("view")
  case object Function extends ObjectKind("function")

  val all: Seq[ObjectKind] = Seq(Database, Table, View, Function)

  def labelled(label: String): Option[ObjectKind] = all.find(_.label == label)
}

/** The primary key of a stored object; a database's own object name is empty. */
final case class ObjectKey(kind: ObjectKind, database: String, name: String) {
  def fullName: String = if (name.isEmpty) database else s"$database.$name"
}

/** One row of `session_objects`.
  *
  * @param definition
  *   JSON with a version, all of the object but its location
  * @param location
  *   `./…` below the warehouse, so that a lakehouse folder can move; otherwise absolute
  */
final case class StoredObject(key: ObjectKey, definition: String, location: Option[String])

/** One step of a change; the steps of a change are stored together or not at all. */
sealed trait StoreStep

object StoreStep {

  /** A new object; fails where another Spark application has taken the name. */
  final case class Insert(stored: StoredObject) extends StoreStep
  final case class Put(stored: StoredObject) extends StoreStep
  final case class Remove(key: ObjectKey) extends StoreStep

  /** A database and all that is in it. */
  final case class RemoveDatabase(database: String) extends StoreStep
}

/** The name is taken in the store, by an application that started when we were running already. */
final class NameTaken(val key: ObjectKey) extends RuntimeException(s"${key.fullName} is taken")
