package io.iomete.spark.catalog

import java.sql.{Connection, ResultSet}
import java.time.Instant

import io.iomete.spark.store.{MetadataDatabase, StoreAddress}

/** A row that names a kind of object that this version doesn't know. */
final case class UnknownRow(kind: String, fullName: String)

/** The table `session_objects` of the metadata database (SQLite or PostgreSQL).
  *
  * Its rows belong to the Python side, whose migrations create the table.
  */
final class SessionObjectStore(store: StoreAddress) {
  import MetadataDatabase.execute

  private val database = new MetadataDatabase(store)
  private val table = store.table("session_objects")
  private val columns = "kind, database_name, object_name, definition, location, updated_at"

  val url: String = store.url

  /** The store without its parameters, which may carry a password. */
  val address: String = store.shown

  /** All rows, databases first; Left for a row of an unknown kind. */
  def load(): Seq[Either[UnknownRow, StoredObject]] = select("")

  def find(key: ObjectKey): Option[StoredObject] =
    select(
      " WHERE kind = ? AND database_name = ? AND object_name = ?",
      key.kind.label,
      key.database,
      key.name
    ).collectFirst { case Right(stored) => stored }

  /** Stores all steps in one transaction.
    *
    * Raises: NameTaken; anything that JDBC throws.
    */
  def write(steps: Seq[StoreStep]): Unit =
    database.transaction(connection => steps.foreach(run(connection, _)))

  private def run(connection: Connection, step: StoreStep): Unit = step match {
    case StoreStep.Insert(stored) =>
      if (upsert(connection, stored, "DO NOTHING") == 0) throw new NameTaken(stored.key)
    case StoreStep.Put(stored) =>
      val update = Seq("definition", "location", "updated_at").map(c => s"$c = excluded.$c")
      val _ = upsert(connection, stored, update.mkString("DO UPDATE SET ", ", ", ""))
    case StoreStep.Remove(ObjectKey(kind, database, name)) =>
      val where = "kind = ? AND database_name = ? AND object_name = ?"
      val _ = execute(connection, s"DELETE FROM $table WHERE $where", kind.label, database, name)
    case StoreStep.RemoveDatabase(database) =>
      val _ = execute(connection, s"DELETE FROM $table WHERE database_name = ?", database)
  }

  private def upsert(connection: Connection, stored: StoredObject, onConflict: String): Int =
    execute(
      connection,
      s"INSERT INTO $table ($columns) VALUES (?, ?, ?, ?, ?, ?)" +
        s" ON CONFLICT (kind, database_name, object_name) $onConflict",
      stored.key.kind.label,
      stored.key.database,
      stored.key.name,
      stored.definition,
      stored.location.orNull,
      Instant.now().toString
    )

  // A fixed order, so that a database comes before what is in it and reports are comparable.
  private def select(where: String, values: String*): Seq[Either[UnknownRow, StoredObject]] =
    database.query(
      s"SELECT $columns FROM $table$where ORDER BY kind, database_name, object_name",
      values: _*
    )(row)

  private def row(rows: ResultSet): Either[UnknownRow, StoredObject] = {
    val (label, database, name) = (rows.getString(1), rows.getString(2), rows.getString(3))
    ObjectKind.labelled(label) match {
      case Some(kind) =>
        val key = ObjectKey(kind, database, name)
        Right(StoredObject(key, rows.getString(4), Option(rows.getString(5))))
      case None => Left(UnknownRow(label, s"$database.$name"))
    }
  }

}
