package io.iomete.spark.catalog

import java.sql.{Connection, Driver, PreparedStatement, ResultSet}
import java.util.Properties

import scala.util.Using

/** The metadata database (SQLite or PostgreSQL), as JDBC reaches it.
  *
  * Its tables belong to the Python side, whose migrations create them. A connection a change: changes
  * are rare, and a pool would hold locks and sockets for the life of the driver.
  */
final class MetadataDatabase(val url: String, user: Option[String], password: Option[String]) {

  /** The database without its parameters, which may carry a password. */
  val address: String = url.takeWhile(_ != '?')

  /** Runs `body` in one transaction, and takes it back if that fails. */
  def transaction[T](body: Connection => T): T = Using.resource(connect()) { connection =>
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
    Using.resource(connect())(MetadataDatabase.query(_, sql, values: _*)(row))

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
