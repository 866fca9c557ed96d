package io.iomete.spark.system

import java.util.{EnumSet => JEnumSet, Set => JSet}

import io.iomete.spark.store.StoreAddress
import org.apache.spark.sql.connector.catalog.{Column, SupportsRead, Table, TableCapability}
import org.apache.spark.sql.connector.read._
import org.apache.spark.sql.sources.Filter
import org.apache.spark.sql.types.StructType
import org.apache.spark.sql.util.CaseInsensitiveStringMap

/** The audit trail as a table that can be read, and no more.
  *
  * Equal to itself alone: rows that one query has cached would hide from another what came since.
  */
private[system] final class AuditTable(store: StoreAddress) extends Table with SupportsRead {
  override def name: String = SystemTables.audit.fullName

  override def columns: Array[Column] =
    AuditColumn.all.map(c => Column.create(c.name, c.dataType, c.nullable)).toArray

  override def capabilities: JSet[TableCapability] = JEnumSet.of(TableCapability.BATCH_READ)

  override def newScanBuilder(options: CaseInsensitiveStringMap): ScanBuilder =
    new AuditScanBuilder(store)

  override def toString: String = name
}

/** Takes over which columns and rows a query needs. */
private final class AuditScanBuilder(store: StoreAddress)
    extends ScanBuilder
    with SupportsPushDownFilters
    with SupportsPushDownRequiredColumns
    with SupportsPushDownLimit {
  private var schema = AuditColumn.schema
  private var filters = Array.empty[Filter]
  private var limit: Option[Int] = None

  /** All of them are for Spark to evaluate again. */
  override def pushFilters(all: Array[Filter]): Array[Filter] = {
    filters = all.filter(AuditConditions.of(_).isDefined)
    all
  }

  override def pushedFilters: Array[Filter] = filters

  override def pruneColumns(required: StructType): Unit = schema = required

  override def pushLimit(rows: Int): Boolean = {
    limit = Some(rows)
    true
  }

  override def build(): Scan =
    AuditScan(store, schema, filters.toSeq.flatMap(AuditConditions.of(_)), limit)
}

private final case class AuditScan(
    store: StoreAddress,
    override val readSchema: StructType,
    conditions: Seq[Condition],
    limit: Option[Int]
) extends Scan
    with Batch {
  override def toBatch: Batch = this

  override def description: String = SystemTables.audit.fullName

  /** One: the database is one, and rows come as fast as it reads them. */
  override def planInputPartitions(): Array[InputPartition] = {
    val columns = readSchema.fieldNames.toSeq.flatMap(AuditColumn.named)
    Array(AuditRows(store, columns, conditions, limit))
  }

  override def createReaderFactory(): PartitionReaderFactory = AuditReaderFactory
}
