package io.iomete.spark.governance.commands

import scala.util.Try

import io.iomete.spark.errors.IometeErrors
import io.iomete.spark.governance.GovernedSession
import io.iomete.spark.governance.decisions.{ResourceNames, TableResource}
import org.apache.spark.sql.catalyst.analysis.NoSuchNamespaceException
import org.apache.spark.sql.classic.{SparkSession => ClassicSession}
import org.apache.spark.sql.connector.catalog.{CatalogPlugin, SupportsNamespaces, TableCatalog, ViewCatalog}

/** What is in a namespace that somebody drops, also what that person may not know of.
  *
  * With CASCADE all of it goes, so each table and view needs `drop`, as if it were dropped by itself.
  * Without, Spark counts what is left. Either way the error is the namespace's own, and tells of no table.
  * Functions go by the rights on their namespace.
  */
private[commands] final class NamespaceDrops(governed: GovernedSession, rights: Rights) {

  /** Raises: IOMETE_ACCESS_DENIED. */
  def check(catalog: CatalogPlugin, namespace: Seq[String], cascade: Boolean): Unit = {
    rights.needOnNamespace("drop", catalog.name, namespace)
    val inside = tables(catalog, namespace)
    val isPermitted = inside.forall(if (cascade) mayDrop else isKnown) &&
      below(catalog, namespace).forall(isPermittedBelow(catalog, _, cascade))
    if (!governed.isAdmin && !isPermitted) {
      val (name, joined) = ResourceNames.namespace(catalog.name, namespace)
      throw IometeErrors.accessDenied(governed.principal, "drop", s"$name.$joined")
    }
    // Iceberg's catalogs drop no namespace that something is in.
    if (cascade && isOfSession(catalog)) inside.foreach(table => rights.effects.add("drop", table.fullName))
  }

  private def isPermittedBelow(catalog: CatalogPlugin, namespace: Seq[String], cascade: Boolean): Boolean = {
    val (name, joined) = ResourceNames.namespace(catalog.name, namespace)
    val isOurs =
      if (cascade) governed.engine.isAllowed(governed.principal, "drop", name, joined)
      else Namespaces.isKnown(governed, catalog.name, namespace)
    isOurs && (!cascade || tables(catalog, namespace).forall(mayDrop)) &&
    below(catalog, namespace).forall(isPermittedBelow(catalog, _, cascade))
  }

  private def mayDrop(table: TableResource): Boolean =
    (table +: governed.aliases(table)).forall(governed.engine.isAllowed(governed.principal, "drop", _))

  private def isKnown(table: TableResource): Boolean =
    (table +: governed.aliases(table)).exists(governed.engine.isKnown(governed.principal, _))

  private def isOfSession(catalog: CatalogPlugin): Boolean =
    catalog.name.equalsIgnoreCase(ResourceNames.sessionCatalog)

  /** One that isn't there is empty: Spark says so. */
  private def tables(catalog: CatalogPlugin, namespace: Seq[String]): Seq[TableResource] = {
    val names =
      if (isOfSession(catalog)) {
        val shared = governed.session.asInstanceOf[ClassicSession].sharedState.externalCatalog
        val database = namespace.mkString(".")
        if (shared.databaseExists(database)) shared.listTables(database) else Nil
      } else {
        val place = namespace.toArray
        ifThere(catalog match {
          case tables: TableCatalog => tables.listTables(place).toSeq.map(_.name)
          case _                    => Nil
        }) ++ ifThere(catalog match {
          case views: ViewCatalog => views.listViews(place: _*).toSeq.map(_.name)
          case _                  => Nil
        })
      }
    names.distinct.map(rights.named(catalog.name, namespace, _))
  }

  private def below(catalog: CatalogPlugin, namespace: Seq[String]): Seq[Seq[String]] = catalog match {
    case nested: SupportsNamespaces if !isOfSession(catalog) =>
      ifThere(nested.listNamespaces(namespace.toArray).toSeq.map(_.toSeq))
    case _ => Nil
  }

  private def ifThere[T](listed: => Seq[T]): Seq[T] = Try(listed).recover {
    case _: NoSuchNamespaceException => Nil
  }.get
}
