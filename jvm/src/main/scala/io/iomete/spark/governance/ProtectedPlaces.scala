package io.iomete.spark.governance

import java.nio.file.{Files, Path => LocalPath, Paths}

import scala.collection.mutable
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
    val parts = Places.partsOf(path)
    places.map(Places.partsOf).exists(place => place.startsWith(parts) || parts.startsWith(place))
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

  /** Whether a symbolic link below a granted folder leads out of what is granted. One above is the business
    * of who has made the grant.
    */
  def isLedOut(path: String, isGranted: String => Boolean): Boolean = Places.local(path).exists { stated =>
    val there = Places.real(stated)
    there != stated && {
      val granted = Iterator.iterate(stated)(_.getParent).takeWhile(p => p != null && isGranted(p.toString))
      !granted.toSeq.lastOption.exists(folder => there.startsWith(Places.real(folder))) && !isGranted(there.toString)
    }
  }
}

/** Where paths lead to. */
private[governance] object Places {
  private val mostLinks = 40 // as Linux

  /** The scheme and the parts of the path, with symbolic links followed. */
  def partsOf(location: String): Seq[String] = {
    val path = new Path(location)
    parts(path, local(path).map(real))
  }

  private def parts(path: Path, real: Option[LocalPath]): Seq[String] = {
    val uri = path.toUri
    val scheme = Option(uri.getScheme).getOrElse("file") match {
      case "s3a" | "s3n" => "s3"
      case other         => other
    }
    val inStore = real.fold(uri.getPath)(_.toString)
    (scheme +: Option(uri.getAuthority).toSeq) ++ inStore.split('/').filter(_.nonEmpty)
  }

  /** None for a path that isn't of the local file system. */
  def local(path: String): Option[LocalPath] = local(new Path(path))

  private def local(path: Path): Option[LocalPath] =
    Option.when(Option(path.toUri.getScheme).forall(_ == "file"))(Paths.get(path.toUri.getPath))

  def real(path: LocalPath): LocalPath = real(path, mostLinks)

  private def real(path: LocalPath, links: Int): LocalPath =
    if (Files.exists(path)) path.toRealPath()
    // What is written to a link makes the file that it names.
    else if (links > 0 && Files.isSymbolicLink(path)) {
      real(path.resolveSibling(Files.readSymbolicLink(path)).normalize, links - 1)
    } else {
      Option(path.getParent).fold(path)(parent => real(parent, links).resolve(path.getFileName))
    }

  /** A file, where it is, and the folder that holds it. */
  final case class Place(parts: Seq[String], folder: String)

  /** Follows links of many files, most of which share a folder. */
  final class Real {
    private val folders = mutable.HashMap.empty[Path, Option[LocalPath]]

    def of(file: Path): Place = {
      val folder = folders.getOrElseUpdate(file.getParent, local(file.getParent).map(real))
      val here = folder.map(_.resolve(file.getName))
      here.filter(Files.isSymbolicLink(_)) match {
        case Some(link) =>
          val there = real(link)
          Place(parts(file, Some(there)), there.getParent.toString)
        case None => Place(parts(file, here), folder.fold(file.getParent.toString)(_.toString))
      }
    }
  }
}
