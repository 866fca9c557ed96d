package io.iomete.spark.governance.commands

import io.iomete.spark.errors.IometeErrors
import io.iomete.spark.governance.GovernedSession
import io.iomete.spark.governance.decisions.{ResourceNames, TableResource}
import io.iomete.spark.governance.plan.{RelationName, Source, StructFields}
import org.apache.spark.sql.catalyst.TableIdentifier
import org.apache.spark.sql.catalyst.analysis._
import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan
import org.apache.spark.sql.connector.catalog.Table

/** What a principal has to hold for a command: each method returns, or refuses. */
private[commands] final class Rights(governed: GovernedSession) {

  def need(action: String, table: TableResource): Unit =
    if (!governed.engine.isAllowed(governed.principal, action, table)) {
      throw (if (governed.engine.isKnown(governed.principal, table) || action == "create") {
               IometeErrors.accessDenied(governed.principal, action, table.fullName)
             } else {
               IometeErrors.tableNotFound(table.fullName)
             })
    }

  def need(actions: Seq[String], plan: LogicalPlan): Unit = actions.foreach(need(_, named(plan)))

  def need(action: String, plan: LogicalPlan): Unit = need(Seq(action), plan)

  def needOnNamespace(action: String, plan: LogicalPlan): Unit = plan match {
    case ResolvedNamespace(catalog, namespace, _) =>
      val (name, joined) = ResourceNames.namespace(catalog.name, namespace)
      if (!governed.engine.isAllowed(governed.principal, action, name, joined)) {
        throw IometeErrors.accessDenied(governed.principal, action, s"$name.$joined")
      }
    case other => refuse(other.nodeName)
  }

  def needPath(action: String, path: String): Unit =
    if (!governed.engine.isPathAllowed(governed.principal, action, path)) {
      throw IometeErrors.pathDenied(governed.principal, action, path)
    }

  /** Whoever sees a table masked, filtered or in part can't change what policies are bound to. */
  def needPlain(plan: LogicalPlan): Unit = plan match {
    case resolved: ResolvedTable => needPlain(named(resolved), resolved.table)
    case _                       => ()
  }

  def needPlain(table: TableResource, loaded: Table): Unit = {
    val columns = loaded.columns.toSeq
    val names = columns.map(_.name)
    val fields = columns.flatMap(c => StructFields.of(c.name, c.dataType))
    val decision = governed.decide(table, names, governed.rights, fields)
    if (decision.isRestricted || !names.forall(decision.isVisible)) {
      throw IometeErrors.accessDenied(governed.principal, "alter", table.fullName)
    }
  }

  /** The same for the target of a write, which takes the place of what isn't seen. */
  def needPlain(target: Source.OfTable): Unit = {
    val decision = governed.decide(target, governed.rights)
    if (decision.isRestricted || !target.names.forall(decision.isVisible)) {
      throw IometeErrors.accessDenied(governed.principal, "overwrite", target.table.fullName)
    }
  }

  def named(plan: LogicalPlan): TableResource = plan match {
    case resolved: ResolvedTable =>
      named(resolved.catalog.name, resolved.identifier.namespace.toSeq, resolved.identifier.name)
    case resolved: ResolvedIdentifier =>
      named(resolved.catalog.name, resolved.identifier.namespace.toSeq, resolved.identifier.name)
    case view: ResolvedPersistentView =>
      named(view.catalog.name, view.identifier.namespace.toSeq, view.identifier.name)
    case other => refuse(other.nodeName)
  }

  def named(table: TableIdentifier): TableResource =
    named(
      table.catalog.getOrElse(ResourceNames.sessionCatalog),
      table.database.toSeq,
      table.table
    )

  /** A table that a command names by its parts alone, as Iceberg's do. */
  def named(parts: Seq[String]): RelationName =
    RelationName.of(governed.session, parts).getOrElse(throw IometeErrors.tableNotFound(parts.mkString(".")))

  def named(catalog: String, namespace: Seq[String], name: String): TableResource =
    ResourceNames.table(catalog, namespace, name)

  def refuse(command: String): Nothing =
    throw IometeErrors.commandRefused(governed.principal, command)
}
