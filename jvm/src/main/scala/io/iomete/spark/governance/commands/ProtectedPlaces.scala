package io.iomete.spark.governance.commands

import java.nio.file.{Files, Path => LocalPath, Paths}

import scala.util.Try

import io.iomete.spark.governance.GovernedSession
import org.apache.hadoop.fs.Path
import org.apache.spark.sql.catalyst.catalog.CatalogTable
import org.apache.spark.sql.classic.{SparkSession => ClassicSession}

/** Places that nobody but administrators writes to by their path, whatever is granted on them.
  *
  * The lakehouse's folder holds the policies themselves, and files of tables are written through the
  * tables. A grant on a folder above them isn't meant to reach them.
  */
private[commands] final class ProtectedPlaces(governed: GovernedSession) {
  private val session = governed.session.asInstanceOf[ClassicSession]

  /** Whether a path is one of these places, below one, or above one. */
  def reach(path: String): Boolean = {
    val parts = partsOf(path)
    places.map(partsOf).exists(place => place.startsWith(parts) || parts.startsWith(place)) ||
    isInIcebergTable(new Path(path))
  }

  private def places: Iterator[String] =
    (lakehouse +: warehouses).iterator ++ tables.iterator.flatMap(locationOf)

  private def lakehouse: String =
    Paths.get(governed.governance.bundle).toAbsolutePath.getParent.getParent.toString

  private def warehouses: Seq[String] = {
    val stated = session.sparkContext.getConf.getAll.toSeq ++ session.conf.getAll.toSeq
    stated.collect { case (key, value) if isWarehouse(key) => value }.distinct
  }

  private def isWarehouse(key: String): Boolean = key == "spark.sql.warehouse.dir" ||
    key.startsWith("spark.sql.catalog.") && key.endsWith(".warehouse")

  private def tables: Seq[CatalogTable] = {
    val catalog = session.sharedState.externalCatalog
    for {
      database <- catalog.listDatabases()
      table <- Try(catalog.getTablesByName(database, catalog.listTables(database))).getOrElse(Nil)
    } yield table
  }

  private def locationOf(table: CatalogTable): Option[String] = table.storage.locationUri.map(_.toString)

  /** A table of an Iceberg catalog may have been made anywhere. */
  private def isInIcebergTable(path: Path): Boolean =
    // Where there is no such file system, nothing can be written either.
    Try(path.getFileSystem(session.sessionState.newHadoopConf())).toOption.forall { files =>
      Iterator.iterate(path)(_.getParent).takeWhile(_ != null).exists { folder =>
        Try(files.listStatus(new Path(folder, "metadata"))).toOption
          .exists(_.exists(_.getPath.getName.endsWith(".metadata.json")))
      }
    }

  /** The scheme and the parts of the path, with symbolic links followed. */
  private def partsOf(location: String): Seq[String] = {
    val path = new Path(location)
    val uri = path.toUri
    val scheme = Option(uri.getScheme).getOrElse("file") match {
      case "s3a" | "s3n" => "s3"
      case other         => other
    }
    val inStore = if (scheme == "file") real(Paths.get(uri.getPath)).toString else uri.getPath
    (scheme +: Option(uri.getAuthority).toSeq) ++ inStore.split('/').filter(_.nonEmpty)
  }

  private def real(path: LocalPath): LocalPath =
    if (Files.exists(path)) path.toRealPath()
    else Option(path.getParent).fold(path)(parent => real(parent).resolve(path.getFileName))
}
