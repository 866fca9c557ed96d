package io.iomete.spark.governance

import scala.util.Try

import io.iomete.spark.governance.decisions.{ResourceNames, TableResource}
import io.iomete.spark.governance.plan.{BaseTables, RelationName}
import org.apache.spark.sql.classic.{SparkSession => ClassicSession}
import org.apache.spark.sql.connector.catalog.{Identifier, TableCatalog}

/** Answers what isn't a query: may a principal know of a name, or do something to it.
  *
  * A name of three and more parts can be a table or a nested namespace; it is known if either is.
  */
private[spark] final class NameGate(governed: GovernedSession) {
  private val engine = governed.engine
  private val principal = governed.principal

  def isAdmin: Boolean = governed.isAdmin

  def mayKnow(parts: Seq[String]): Boolean = parts match {
    case Seq(catalog) => engine.isCatalogKnown(principal, catalog)
    case Seq(catalog, levels @ _*) =>
      val (name, namespace) = ResourceNames.namespace(catalog, levels)
      engine.isNamespaceKnown(principal, name, namespace) ||
      tableOf(parts).exists(engine.isKnown(principal, _))
    case _ => false
  }

  def may(action: String, parts: Seq[String]): Boolean = tableOf(parts) match {
    case Some(table) if engine.isAllowed(principal, action, table) => true
    case _ =>
      val (name, namespace) = ResourceNames.namespace(parts.head, parts.tail)
      engine.isAllowed(principal, action, name, namespace)
  }

  def readsPlainly(parts: Seq[String]): Boolean = tableOf(parts).exists { table =>
    val manager = governed.session.asInstanceOf[ClassicSession].sessionState.catalogManager
    manager.catalog(parts.head) match {
      case catalog: TableCatalog =>
        val identifier = Identifier.of(parts.tail.init.toArray, parts.last)
        val name = RelationName.of(catalog, identifier)
        // What isn't there hides nothing; whoever loads it is told that it isn't there.
        name.base.isEmpty && Try(catalog.loadTable(identifier)).toOption.forall { loaded =>
          val base = BaseTables.ofTable(loaded, table)
          val decision = governed.decide(table, base.columns, governed.rights, base.fields, base.bound)
          decision.isReadable && decision.broken.isEmpty && decision.isPlain(base.columns)
        }
      case _ => false
    }
  }

  private def tableOf(parts: Seq[String]): Option[TableResource] =
    Option.when(parts.size >= 3)(ResourceNames.table(parts.head, parts.tail.init, parts.last))
}
