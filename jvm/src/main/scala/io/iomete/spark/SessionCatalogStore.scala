package io.iomete.spark

import java.util.{List => JList}

import scala.jdk.CollectionConverters._
import scala.util.control.NonFatal

import io.iomete.spark.catalog._
import io.iomete.spark.errors.IometeErrors
import io.iomete.spark.store.StoreAddress
import org.apache.hadoop.fs.Path
import org.apache.spark.sql.SparkSession
import org.apache.spark.sql.catalyst.catalog.ExternalCatalog

/** Makes the session catalog outlive the driver. Called by Python over Py4J, once a driver.
  *
  * Spark offers no way to name an implementation of its session catalog other than `in-memory` and
  * `hive`. All sessions, and Delta's catalog, reach it through one object, SharedState's
  * ExternalCatalogWithListener; so the catalog behind that object is exchanged. The alternative, a
  * catalog plug-in around `spark_catalog`, misses what Spark does on the session catalog directly
  * (views, functions, v1 commands).
  */
object SessionCatalogStore {

  /** Replays what the store holds and records every change from now on.
    *
    * Calling it again is harmless: what other applications recorded since then is taken over.
    *
    * @param user
    *   null where the database needs none, like `password`
    * @param schema
    *   the database schema that holds `session_objects`; null for the connection's default
    * @param warehouse
    *   the folder that locations are kept relative to
    * @return
    *   what was replayed, and the rows that couldn't be
    */
  def install(
      session: SparkSession,
      url: String,
      user: String,
      password: String,
      schema: String,
      warehouse: String
  ): ReplayReport = synchronized {
    val shared = SharedCatalog.of(session)
    val address = StoreAddress(url, Option(user), Option(password), Option(schema))
    val store = new SessionObjectStore(address)
    val hadoopConf = session.sparkContext.hadoopConfiguration
    val definitions = new Definitions(new WarehouseLocations(warehouse, hadoopConf))
    val replay = (memory: ExternalCatalog) =>
      new CatalogReplay(memory, definitions, new Path(warehouse).toUri)
    shared.unwrapped match {
      case durable: DurableCatalog if durable.store.url == url =>
        ReplayReport.of(rowsOf(store), replay(durable.memory))
      case durable: DurableCatalog =>
        throw IometeErrors.catalogStoreInUse(durable.store.address, store.address)
      case memory =>
        val report = ReplayReport.of(rowsOf(store), replay(memory))
        SharedCatalog.replace(
          shared,
          new DurableCatalog(memory, store, definitions, replay(memory))
        )
        report
    }
  }

  private def rowsOf(store: SessionObjectStore): Seq[Either[UnknownRow, StoredObject]] =
    try store.load()
    catch { case NonFatal(error) => throw IometeErrors.catalogStoreUnreadable(store.address, error) }
}

/** What a replay did. `problems` has one line for each row that was left out. */
final class ReplayReport(val replayed: Int, val problems: JList[String]) {
  override def toString: String =
    s"ReplayReport($replayed replayed, ${problems.size} problems)"
}

private object ReplayReport {
  def of(rows: Seq[Either[UnknownRow, StoredObject]], replay: CatalogReplay): ReplayReport = {
    val outcomes = rows.map {
      case Right(row)    => replay.replay(row)
      case Left(unknown) => Some(s"${unknown.kind} `${unknown.fullName}`: it is of an unknown kind")
    }
    new ReplayReport(outcomes.count(_.isEmpty), outcomes.flatten.asJava)
  }
}
