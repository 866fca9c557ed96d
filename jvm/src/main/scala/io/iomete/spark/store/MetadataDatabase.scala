package io.iomete.spark.store

import java.sql.{Connection, PreparedStatement, ResultSet}

import scala.util.Using

/** The metadata database (SQLite or PostgreSQL), as JDBC reaches it.
  *
  * Its tables belong to the Python side, whose migrations create them. A connection a change: changes
  * are rare, and a pool would hold locks and sockets for the life of the driver.
  */
final class MetadataDatabase(address: StoreAddress) {

  /** Runs `body` in one transaction, and takes it back if that fails. */
  def transaction[T](body: Connection => T): T = Using.resource(address.connect()) { connection =>
    connection.setAutoCommit(false)
    try {
      val result = body(connection)
      connection.commit()
      result
    } catch {
      case error: Throwable =>
        connection.rollback()
        throw error
    }
  }

  /** The rows of a query. */
  def query[T](sql: String, values: String*)(row: ResultSet => T): Seq[T] =
    Using.resource(address.connect())(MetadataDatabase.query(_, sql, values: _*)(row))
}

object MetadataDatabase {

  /** Runs a statement with values of any type; the number of rows that it changed. */
  def execute(connection: Connection, sql: String, values: Any*): Int =
    Using.resource(connection.prepareStatement(sql)) { statement =>
      set(statement, values)
      statement.executeUpdate()
    }

  /** The rows of a query in an open transaction. */
  def query[T](connection: Connection, sql: String, values: Any*)(row: ResultSet => T): Seq[T] =
    Using.resource(connection.prepareStatement(sql)) { statement =>
      set(statement, values)
      Using.resource(statement.executeQuery()) { rows =>
        Iterator.continually(rows).takeWhile(_.next()).map(row).toList
      }
    }

  private def set(statement: PreparedStatement, values: Seq[Any]): Unit =
    values.zipWithIndex.foreach {
      case (text: String, i)  => statement.setString(i + 1, text)
      case (number: Long, i)  => statement.setLong(i + 1, number)
      case (None | null, i)   => statement.setString(i + 1, null)
      case (other, _)         => throw new IllegalArgumentException(s"No column holds $other")
    }
}
