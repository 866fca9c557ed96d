package io.iomete.spark.governance.commands

import java.util.Locale

import io.iomete.spark.governance.plan.StoredOptions

/** Properties of tables that say where files are: who sets them needs the path. */
private[commands] object PlacesInProperties {

  /** Names that belong to the library itself. */
  private val ours = "iomete."

  def isOurs(property: String): Boolean = property.toLowerCase(Locale.ROOT).startsWith(ours)

  /** Whether a property names a class, says who else decides what a table holds or has made it, whether its
    * files are its own to delete, or is a setting of Hadoop, to which formats hand properties on.
    */
  def isOfAdmins(property: String): Boolean = {
    val stated = property.toLowerCase(Locale.ROOT)
    val name = stated.stripPrefix(ofOptions)
    name == "owner" || name == "gc.enabled" || classes.exists(name.endsWith) || name.startsWith("encryption.") ||
    StoredOptions.isOfCommits(name) || RefuseOptions.isUnsafe(name)
  }

  /** Spark keeps an option among a table's properties by this name as well. */
  def optionIn(property: String): Option[String] =
    Option.when(property.toLowerCase(Locale.ROOT).startsWith(ofOptions))(property.drop(ofOptions.length))

  private val ofOptions = "option."

  private val classes = Seq("-impl", ".impl", ".class", ".classes", ".classname", ".factory", ".committer")

  /** Whether a property is a place: by its name, or because its value is one. */
  def isPlace(property: String, value: String): Boolean = {
    val name = property.toLowerCase(Locale.ROOT)
    endings.exists(name.endsWith) || value.contains("://") || value.startsWith("/") ||
    value.startsWith("file:") || schemed.matches(value)
  }

  private val schemed = "[A-Za-z][A-Za-z0-9+.-]*:/.*".r

  private val endings = Seq("path", "location", "metadata-file", "dir")
}
