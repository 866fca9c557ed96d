package io.iomete.spark.catalog

import java.sql.{Connection, Driver, PreparedStatement, ResultSet}
import java.time.Instant
import java.util.Properties

import scala.util.Using

/** A row that names a kind of object that this version doesn't know. */
final case class UnknownRow(kind: String, fullName: String)

/** The table `session_objects` of the metadata database (SQLite or PostgreSQL).
  *
  * The table belongs to the Python side, whose migrations create it. A connection a change: changes
  * are rare, and a pool would hold locks and sockets for the life of the driver.
  *
  * @param schema
  *   the database schema of the table; None for the connection's default
  */
final class SessionObjectStore(
    val url: String,
    user: Option[String],
    password: Option[String],
    schema: Option[String]
) {
  private val table = schema.map(s => s"${quoted(s)}.").getOrElse("") + "session_objects"
  private val columns = "kind, database_name, object_name, definition, location, updated_at"

  /** The store without its parameters, which may carry a password. */
  val address: String = url.takeWhile(_ != '?')

  /** All rows, databases first; Left for a row of an unknown kind. */
  def load(): Seq[Either[UnknownRow, StoredObject]] = select("", Nil)

  def find(key: ObjectKey): Option[StoredObject] =
    select(
      " WHERE kind = ? AND database_name = ? AND object_name = ?",
      Seq(key.kind.label, key.database, key.name)
    ).collectFirst { case Right(stored) => stored }

  /** Stores all steps in one transaction.
    *
    * Raises: NameTaken; anything that JDBC throws.
    */
  def write(steps: Seq[StoreStep]): Unit = Using.resource(connect()) { connection =>
    connection.setAutoCommit(false)
    try {
      steps.foreach(run(connection, _))
      connection.commit()
    } catch {
      case error: Throwable =>
        connection.rollback()
        throw error
    }
  }

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

  private def execute(connection: Connection, sql: String, values: String*): Int =
    Using.resource(connection.prepareStatement(sql)) { statement =>
      set(statement, values)
      statement.executeUpdate()
    }

  private def select(where: String, values: Seq[String]): Seq[Either[UnknownRow, StoredObject]] =
    Using.Manager { use =>
      val connection = use(connect())
      // A fixed order, so that a database comes before what is in it and reports are comparable.
      val sql = s"SELECT $columns FROM $table$where ORDER BY kind, database_name, object_name"
      val statement = use(connection.prepareStatement(sql))
      set(statement, values)
      val rows = use(statement.executeQuery())
      Iterator.continually(rows).takeWhile(_.next()).map(row).toList
    }.get

  private def row(rows: ResultSet): Either[UnknownRow, StoredObject] = {
    val (label, database, name) = (rows.getString(1), rows.getString(2), rows.getString(3))
    ObjectKind.labelled(label) match {
      case Some(kind) =>
        val key = ObjectKey(kind, database, name)
        Right(StoredObject(key, rows.getString(4), Option(rows.getString(5))))
      case None => Left(UnknownRow(label, s"$database.$name"))
    }
  }

  private def set(statement: PreparedStatement, values: Seq[String]): Unit =
    values.zipWithIndex.foreach { case (value, i) => statement.setString(i + 1, value) }

  private def connect(): Connection = {
    val properties = new Properties()
    user.foreach(properties.setProperty("user", _))
    password.foreach(properties.setProperty("password", _))
    Option(driver.connect(url, properties)).getOrElse {
      throw new IllegalArgumentException(s"${driver.getClass.getName} does not serve `$address`")
    }
  }

  /** Named by hand: java.sql.DriverManager doesn't see drivers that Spark's class loader loaded. */
  private lazy val driver: Driver = {
    val name = url.split(':').take(2).mkString(":") match {
      case "jdbc:sqlite"     => "org.sqlite.JDBC"
      case "jdbc:postgresql" => "org.postgresql.Driver"
      case _ => throw new IllegalArgumentException(s"`$address` is neither SQLite nor PostgreSQL")
    }
    val loaded = Class.forName(name, true, getClass.getClassLoader)
    loaded.getConstructor().newInstance().asInstanceOf[Driver]
  }

  private def quoted(name: String): String = "\"" + name.replace("\"", "\"\"") + "\""
}
