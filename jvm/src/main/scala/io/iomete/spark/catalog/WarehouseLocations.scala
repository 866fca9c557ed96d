package io.iomete.spark.catalog

import java.net.URI

import org.apache.hadoop.conf.Configuration
import org.apache.hadoop.fs.Path
import org.apache.spark.sql.catalyst.catalog.CatalogUtils

/** Writes locations below the warehouse relative to it, so that a lakehouse folder can move.
  *
  * A relative location starts with `./`, which no absolute one does.
  */
final class WarehouseLocations(warehouse: String, hadoopConf: Configuration) {
  private val here = "./"
  private val root: Path = {
    val path = new Path(warehouse)
    path.getFileSystem(hadoopConf).makeQualified(path)
  }
  private val rootUri = root.toUri

  def store(location: URI): String = {
    val below = rootUri.getPath.stripSuffix("/") + "/"
    val path = Option(location.getPath).getOrElse("")
    if (sameFileSystem(location) && (path + "/").startsWith(below)) here + path.drop(below.length)
    else CatalogUtils.URIToString(location)
  }

  def load(stored: String): URI =
    if (!stored.startsWith(here)) {
      CatalogUtils.stringToURI(stored)
    } else if (stored == here) {
      rootUri
    } else {
      // Put together as text: Path(parent, child) would take `a:b/t` for a scheme.
      new Path(root.toString.stripSuffix("/") + "/" + stored.drop(here.length)).toUri
    }

  /** A location without a scheme is on the default file system; so is the warehouse, or it isn't. */
  private def sameFileSystem(location: URI): Boolean = {
    val scheme = Option(location.getScheme).getOrElse("file")
    val authority = Option(location.getAuthority).getOrElse("")
    scheme == rootUri.getScheme && authority == Option(rootUri.getAuthority).getOrElse("")
  }
}
