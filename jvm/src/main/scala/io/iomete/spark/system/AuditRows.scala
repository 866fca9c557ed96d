package io.iomete.spark.system

import java.sql.{Connection, PreparedStatement, ResultSet}

import io.iomete.spark.store.StoreAddress
import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow
import org.apache.spark.sql.connector.read.{InputPartition, PartitionReader, PartitionReaderFactory}

/** The events that a query reads, and what of them. */
private[system] final case class AuditRows(
    store: StoreAddress,
    columns: Seq[AuditColumn],
    conditions: Seq[Condition],
    limit: Option[Int]
) extends InputPartition {

  /** The statement; its parameters are the values of the conditions, in order. */
  def sql: String = {
    val wanted = if (columns.isEmpty) "1" else columns.map(c => s"\"${c.stored}\"").mkString(", ")
    val where = if (conditions.isEmpty) "" else conditions.map(_.sql).mkString(" WHERE ", " AND ", "")
    s"SELECT $wanted FROM ${store.table("audit_events")}$where" + limit.fold("")(n => s" LIMIT $n")
  }

  override def toString: String = SystemTables.audit.fullName
}

private object AuditReaderFactory extends PartitionReaderFactory {
  override def createReader(partition: InputPartition): PartitionReader[InternalRow] =
    new AuditReader(partition.asInstanceOf[AuditRows])
}

/** Reads rows one by one; neither database hands over more than a few thousand at once. */
private final class AuditReader(rows: AuditRows) extends PartitionReader[InternalRow] {
  private val connection = opened(rows.store)
  private val statement = prepared()
  private val found: ResultSet = statement.executeQuery()

  override def next(): Boolean = found.next()

  override def get(): InternalRow = new GenericInternalRow(rows.columns.zipWithIndex.map {
    case (column, i) => column.read(found.getString(i + 1))
  }.toArray[Any])

  override def close(): Unit =
    try statement.close()
    finally connection.close()

  private def opened(store: StoreAddress): Connection = {
    val connection = store.connect()
    // PostgreSQL sends a result in parts only inside a transaction; SQLite would lock out writers.
    if (store.isPostgres) connection.setAutoCommit(false)
    connection
  }

  private def prepared(): PreparedStatement =
    try {
      val statement = connection.prepareStatement(rows.sql)
      statement.setFetchSize(AuditReader.rowsAtOnce)
      rows.conditions.flatMap(_.values).zipWithIndex.foreach { case (value, i) =>
        statement.setString(i + 1, value)
      }
      statement
    } catch {
      case error: Throwable =>
        connection.close()
        throw error
    }
}

private object AuditReader {
  val rowsAtOnce = 2000
}
