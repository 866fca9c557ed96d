package io.iomete.spark.governance.commands

import java.util.Locale

/** Properties of tables that say where files are: who sets them needs the path. */
private[commands] object PlacesInProperties {

  /** Names that belong to the library itself. */
  private val ours = "iomete."

  def isOurs(property: String): Boolean = property.toLowerCase(Locale.ROOT).startsWith(ours)

  /** Whether a property is a place: by its name, or because its value is one. */
  def isPlace(property: String, value: String): Boolean = {
    val name = property.toLowerCase(Locale.ROOT)
    endings.exists(name.endsWith) || value.contains("://") || value.startsWith("/") ||
    value.startsWith("file:")
  }

  private val endings = Seq("path", "location", "metadata-file", "dir")
}
