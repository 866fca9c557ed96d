package io.iomete.spark.governance

import java.nio.file.{Files, Path => LocalPath, Paths}

import scala.util.Try

import org.apache.hadoop.fs.Path
import org.apache.spark.sql.catalyst.catalog.CatalogTable
import org.apache.spark.sql.classic.{SparkSession => ClassicSession}

/** Places that nobody but administrators reaches by their path, whatever is granted on them.
  *
  * The lakehouse's folder holds the policies themselves and the key of hashes, and its tables are read
  * and written through their names. A grant on a folder above them isn't meant to reach them.
  */
private[governance] final class ProtectedPlaces(governed: GovernedSession) {
  private val session = governed.session.asInstanceOf[ClassicSession]

  /** Whether a path is one of these places, below one, or above one.
    *
    * Files that lie elsewhere, and that a table was made of, may be read by who has a grant on them.
    */
  def contain(action: String, path: String): Boolean =
    isAmong((lakehouse +: warehouses).iterator, path) || action == "write" &&
      (isAmong(tables.iterator.flatMap(locationOf), path) || isInIcebergTable(new Path(path)))

  private def isAmong(places: Iterator[String], path: String): Boolean = {
    val parts = partsOf(path)
    places.map(partsOf).exists(place => place.startsWith(parts) || parts.startsWith(place))
  }

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
