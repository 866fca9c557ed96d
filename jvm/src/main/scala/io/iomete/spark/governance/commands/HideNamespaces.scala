package io.iomete.spark.governance.commands

import scala.util.Try

import io.iomete.spark.governance.{GovernedSession, Governing, ReadAudit}
import org.apache.spark.sql.SparkSession
import org.apache.spark.sql.catalyst.analysis.{NoSuchNamespaceException, ResolvedNamespace, UnresolvedNamespace}
import org.apache.spark.sql.catalyst.plans.logical._
import org.apache.spark.sql.catalyst.plans.logical.views.ShowIcebergViews
import org.apache.spark.sql.catalyst.rules.Rule
import org.apache.spark.sql.classic.{SparkSession => ClassicSession}
import org.apache.spark.sql.execution.command.SetCatalogCommand
import org.apache.spark.sql.iomete.SparkInternals

/** A namespace that a command names and its author may not know of doesn't exist.
  *
  * Whether it does isn't looked at: one that isn't there gets the same answer.
  */
final case class HideNamespaces(session: SparkSession) extends Rule[LogicalPlan] {

  override def apply(plan: LogicalPlan): LogicalPlan = {
    Governing.of(session).filterNot(_.isAdmin).foreach(check(_, plan))
    plan
  }

  private def check(governed: GovernedSession, plan: LogicalPlan): Unit = plan match {
    case done if done.analyzed => ()
    // What is created or written needs a right on the name, known or not.
    case _: CreateNamespace | _: CreateTable | _: CreateTableAsSelect => ()
    case SetCatalogCommand(name) if !Namespaces.isCatalogKnown(governed, name) =>
      throw SparkInternals.catalogNotFound(name)
    case named: UnresolvedNamespace => require(governed, named.multipartIdentifier)
    // Iceberg's parser has looked up the namespace already: the current one, if none was named.
    case ShowIcebergViews(ResolvedNamespace(catalog, namespace, _), _, _) =>
      val parts = catalog.name +: namespace
      if (parts != new Namespaces(governed).current) require(governed, parts)
    case other => other.children.foreach(check(governed, _))
  }

  private def require(governed: GovernedSession, named: Seq[String]): Unit =
    new Namespaces(governed).missing(named).foreach { parts =>
      new ReadAudit(governed).hidden(parts)
      throw new NoSuchNamespaceException(parts)
    }
}

/** Which namespaces a principal may know of. */
private[governance] final class Namespaces(governed: GovernedSession) {
  private val state = governed.session.asInstanceOf[ClassicSession].sessionState
  private val analyzer = state.analyzer

  def current: Seq[String] =
    state.catalogManager.currentCatalog.name +: state.catalogManager.currentNamespace.toSeq

  /** The full name, as a missing namespace's would be, if what `parts` stand for may not be known. */
  def missing(parts: Seq[String]): Option[Seq[String]] =
    if (parts.isEmpty) {
      None // the current one, whatever it is
    } else if (parts.size == 1 && state.catalog.isGlobalTempViewDB(parts.head)) {
      None // everybody's
    } else {
      Try(parts match {
        case analyzer.CatalogAndNamespace(catalog, namespace) => (catalog.name, namespace)
      }).toOption match {
        case Some((catalog, namespace)) if Namespaces.isKnown(governed, catalog, namespace) => None
        // Where there is no catalog of that name, Spark takes it for a namespace's.
        case Some((catalog, namespace)) if Namespaces.isCatalogKnown(governed, catalog) =>
          Some(catalog +: namespace)
        case _ => Some(state.catalogManager.currentCatalog.name +: parts)
      }
    }
}

private[governance] object Namespaces {
  import io.iomete.spark.governance.decisions.ResourceNames

  /** `spark_catalog` is there in each Spark, and so is its namespace `default`. */
  def isKnown(governed: GovernedSession, catalog: String, namespace: Seq[String]): Boolean = {
    val (name, joined) = ResourceNames.namespace(catalog, namespace)
    if (namespace.isEmpty) isCatalogKnown(governed, catalog)
    else {
      (name == ResourceNames.sessionCatalog && joined == "default") ||
      governed.engine.isNamespaceKnown(governed.principal, name, joined)
    }
  }

  def isCatalogKnown(governed: GovernedSession, catalog: String): Boolean =
    catalog.equalsIgnoreCase(ResourceNames.sessionCatalog) ||
      governed.engine.isCatalogKnown(governed.principal, catalog)
}
