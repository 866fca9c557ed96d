package io.iomete.spark.governance.decisions

import java.util.Locale

/** How names of Spark become names of policies. */
object ResourceNames {
  val sessionCatalog = "spark_catalog"

  def table(catalog: String, namespace: Seq[String], name: String): TableResource =
    if (catalog.equalsIgnoreCase(sessionCatalog)) {
      TableResource(sessionCatalog, folded(namespace.mkString(".")), folded(name))
    } else {
      TableResource(catalog, namespace.mkString("."), name)
    }

  def namespace(catalog: String, namespace: Seq[String]): (String, String) =
    if (catalog.equalsIgnoreCase(sessionCatalog)) (sessionCatalog, folded(namespace.mkString(".")))
    else (catalog, namespace.mkString("."))

  /** Spark folds column names the same way before it compares them. */
  def column(name: String): String = folded(name)

  def quoted(parts: Seq[String]): String = parts.map(quotedPart).mkString(".")

  private[decisions] def split(namespace: String): Seq[String] = namespace.split('.').toSeq

  private def folded(name: String): String = name.toLowerCase(Locale.ROOT)

  private def quotedPart(part: String): String =
    if (part.matches("[A-Za-z_][A-Za-z0-9_]*")) part else "`" + part.replace("`", "``") + "`"
}
