package io.iomete.spark.governance.ranger

import io.iomete.spark.governance.decisions.{ResourceNames, TableResource}

/** Full names taken apart, so that it doesn't matter who quoted which part. */
private object FullNames {
  private val part = """`((?:[^`]|``)*)`|([^`.]+)""".r

  /** Parts of a full name, folded where the session catalog folds. */
  def parts(name: String): Seq[String] = {
    val found = part.findAllMatchIn(name).map(m => Option(m.group(1)).fold(m.group(2))(_.replace("``", "`"))).toSeq
    found match {
      case catalog +: rest if catalog.equalsIgnoreCase(ResourceNames.sessionCatalog) =>
        ResourceNames.sessionCatalog +: rest.map(ResourceNames.column)
      case other => other
    }
  }

  def parts(table: TableResource): Seq[String] = parts(table.catalog, table.namespace) :+ table.table

  def parts(catalog: String, namespace: String): Seq[String] =
    if (namespace.isEmpty) Seq(catalog) else catalog +: namespace.split('.').toSeq
}
