package io.iomete.spark.store

import java.sql.{Connection, Driver}
import java.util.Properties

/** Where the metadata database is (SQLite or PostgreSQL), and how to get in.
  *
  * @param schema
  *   the database schema of our tables; None for the connection's default
  */
final case class StoreAddress(
    url: String,
    user: Option[String],
    password: Option[String],
    schema: Option[String]
) {

  /** The store without its parameters, which may carry a password. */
  def shown: String = url.takeWhile(_ != '?')

  def isPostgres: Boolean = url.startsWith("jdbc:postgresql:")

  /** A table's name, as statements write it. */
  def table(name: String): String = schema.map(s => s"${quoted(s)}.").getOrElse("") + name

  /** A connection of one's own, for the caller to close. Raises: anything that JDBC throws. */
  def connect(): Connection = {
    val properties = new Properties()
    user.foreach(properties.setProperty("user", _))
    password.foreach(properties.setProperty("password", _))
    val driver = newDriver()
    Option(driver.connect(url, properties)).getOrElse {
      throw new IllegalArgumentException(s"${driver.getClass.getName} does not serve `$shown`")
    }
  }

  /** Named by hand: java.sql.DriverManager doesn't see drivers that Spark's class loader loaded. */
  private def newDriver(): Driver = {
    val name = url.split(':').take(2).mkString(":") match {
      case "jdbc:sqlite"     => "org.sqlite.JDBC"
      case "jdbc:postgresql" => "org.postgresql.Driver"
      case _ => throw new IllegalArgumentException(s"`$shown` is neither SQLite nor PostgreSQL")
    }
    val loaded = Class.forName(name, true, getClass.getClassLoader)
    loaded.getConstructor().newInstance().asInstanceOf[Driver]
  }

  private def quoted(name: String): String = "\"" + name.replace("\"", "\"\"") + "\""

  override def toString: String = shown
}
