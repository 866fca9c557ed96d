package io.iomete.spark.catalog

import java.nio.file.{Files, Path}
import java.sql.DriverManager

import scala.util.Using

import io.iomete.spark.store.StoreAddress
import org.apache.hadoop.conf.Configuration
import org.apache.hadoop.fs.{Path => HadoopPath}
import org.apache.spark.SparkConf
import org.apache.spark.sql.catalyst.TableIdentifier
import org.apache.spark.sql.catalyst.catalog._
import org.apache.spark.sql.types.StructType

/** A lakehouse folder with a store as the migrations make it, and catalogs on it as Spark has them. */
final class CatalogFixture(val root: Path = Files.createTempDirectory("iomete")) {
  private val database = root.resolve("store.db")
  private val sqlite = s"jdbc:sqlite:$database"
  val url = s"$sqlite?journal_mode=WAL&busy_timeout=30000&transaction_mode=IMMEDIATE"
  val warehouse: Path = root.resolve("warehouse")

  if (!Files.exists(database)) {
    sql(
      """CREATE TABLE session_objects (kind TEXT NOT NULL, database_name TEXT NOT NULL,
        |object_name TEXT NOT NULL, definition TEXT NOT NULL, location TEXT, updated_at TEXT NOT NULL,
        |PRIMARY KEY (kind, database_name, object_name))""".stripMargin
    )
  }

  def sql(statement: String): Unit = Using.resource(DriverManager.getConnection(sqlite)) { c =>
    val _ = c.createStatement().execute(statement)
  }

  def rows: Seq[StoredObject] = store.load().collect { case Right(row) => row }

  def names: Seq[String] = rows.map(row => s"${row.key.kind.label} ${row.key.fullName}")

  def store: SessionObjectStore = new SessionObjectStore(StoreAddress(url, None, None, None))

  def definitions: Definitions =
    new Definitions(new WarehouseLocations(warehouse.toString, new Configuration()))

  /** A catalog as in a driver that has just started, and the problems of its replay. */
  def start(): (DurableCatalog, Seq[String]) = {
    val memory = new InMemoryCatalog(new SparkConf(false), new Configuration())
    val root = new HadoopPath(warehouse.toUri)
    memory.createDatabase(CatalogDatabase("default", "", root.toUri, Map.empty), ignoreIfExists = true)
    val replay = new CatalogReplay(memory, definitions, root.toUri)
    val problems = rows.flatMap(replay.replay)
    (new DurableCatalog(memory, store, definitions, replay), problems)
  }

  def managed(name: String, database: String = "default"): CatalogTable = CatalogTable(
    identifier = TableIdentifier(name, Some(database)),
    tableType = CatalogTableType.MANAGED,
    storage = CatalogStorageFormat.empty,
    schema = StructType.fromDDL("id BIGINT, region STRING"),
    provider = Some("parquet")
  )
}
