package io.iomete.spark.governance.renames

import java.sql.{Connection, ResultSet}
import java.time.{Instant, ZoneOffset}
import java.time.format.DateTimeFormatter
import java.util.UUID

import scala.jdk.CollectionConverters._

import com.fasterxml.jackson.databind.ObjectMapper
import io.iomete.spark.governance.decisions.TableResource
import io.iomete.spark.store.MetadataDatabase

/** What policies call a table and its columns, from a version of governance on.
  *
  * @param columns
  *   paths in lower case, by the ids that the table's format gives them
  */
final case class KnownTable(since: Long, table: TableResource, columns: Map[String, String])

/** A rename that the Python side turns into other policies, tags and owners.
  *
  * @param identity
  *   the table's, with the binding that it had; None for what has no identity, as views
  * @param columns
  *   what they are called by now
  * @param isStatement
  *   whether a statement of ours did it; otherwise the table was found under another name
  */
final case class Move(
    identity: Option[(String, Long)],
    from: TableResource,
    to: TableResource,
    columns: Map[String, String],
    isStatement: Boolean,
    principal: String
)

/** `known_tables` and `table_moves` in the metadata database. All methods throw what JDBC throws. */
final class KnownTableStore(database: MetadataDatabase) {
  import KnownTableStore._
  import MetadataDatabase.execute

  /** Everything known of a table, newest first. */
  def find(identity: String): Seq[KnownTable] = database.query(select, identity)(known)

  /** Records a table that is met for the first time, and columns that it has got since.
    *
    * @return
    *   all that is known of it afterwards, newest first: somebody else may have been faster
    */
  def learn(identity: String, table: TableResource, columns: Map[String, String]): Seq[KnownTable] =
    database.transaction { connection =>
      val _ = execute(
        connection,
        "INSERT INTO known_tables (identity, since, catalog, namespace, table_name, columns)" +
          " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (identity, since) DO NOTHING",
        identity,
        0L,
        table.catalog,
        table.namespace,
        table.table,
        written(columns)
      )
      val rows = MetadataDatabase.query(connection, select, identity)(known)
      rows.map(extend(connection, identity, _, columns))
    }

  private def extend(
      connection: Connection,
      identity: String,
      row: KnownTable,
      columns: Map[String, String]
  ): KnownTable =
    if (columns.keys.forall(row.columns.contains)) row
    else {
      val all = columns ++ row.columns
      val update = "UPDATE known_tables SET columns = ? WHERE identity = ? AND since = ?"
      val _ = execute(connection, update, written(all), identity, row.since)
      row.copy(columns = all)
    }

  /** Records that a rename begins of something without an identity; the id of the record. */
  def begin(move: Move): String = {
    val id = UUID.randomUUID.toString
    database.transaction(insert(_, id, "begun", move))
    id
  }

  def complete(id: String): Unit = database.transaction { connection =>
    val _ = execute(connection, "UPDATE table_moves SET state = 'done' WHERE move_id = ?", id)
  }

  def takeBack(id: String): Unit = database.transaction { connection =>
    val _ = execute(connection, "DELETE FROM table_moves WHERE move_id = ?", id)
  }

  /** Records where a table with an identity is by now; earlier records of it say less. */
  def record(move: Move): Unit = database.transaction { connection =>
    move.identity.foreach { case (key, _) =>
      execute(connection, "DELETE FROM table_moves WHERE identity = ?", key)
    }
    insert(connection, UUID.randomUUID.toString, "done", move)
  }

  private def insert(connection: Connection, id: String, state: String, move: Move): Unit = {
    val _ = execute(
      connection,
      "INSERT INTO table_moves (move_id, state, kind, identity, since," +
        " from_catalog, from_namespace, from_table, to_catalog, to_namespace, to_table," +
        " columns, principal, recorded_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      id,
      state,
      if (move.isStatement) "statement" else "found",
      move.identity.map(_._1).orNull,
      move.identity.fold(0L)(_._2),
      move.from.catalog,
      move.from.namespace,
      move.from.table,
      move.to.catalog,
      move.to.namespace,
      move.to.table,
      written(move.columns),
      move.principal,
      time.format(Instant.now().atOffset(ZoneOffset.UTC))
    )
  }
}

private object KnownTableStore {
  private val mapper = new ObjectMapper()
  private val select = "SELECT since, catalog, namespace, table_name, columns FROM known_tables" +
    " WHERE identity = ? ORDER BY since DESC"

  /** As the Python side writes times: they sort as text. */
  private val time = DateTimeFormatter.ofPattern("yyyy-MM-dd'T'HH:mm:ss.SSSSSSxxx")

  private def written(columns: Map[String, String]): String = mapper.writeValueAsString(columns.asJava)

  private def known(row: ResultSet): KnownTable = {
    val columns = mapper.readTree(row.getString(5)).properties().asScala
    KnownTable(
      row.getLong(1),
      TableResource(row.getString(2), row.getString(3), row.getString(4)),
      columns.map(entry => entry.getKey -> entry.getValue.asText).toMap
    )
  }
}
