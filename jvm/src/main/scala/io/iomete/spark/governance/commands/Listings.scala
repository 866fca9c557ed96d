package io.iomete.spark.governance.commands

import scala.util.Try

import io.iomete.spark.governance.GovernedSession
import io.iomete.spark.governance.decisions.ResourceNames
import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.catalyst.analysis.ResolvedNamespace
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow
import org.apache.spark.sql.catalyst.parser.CatalystSqlParser
import org.apache.spark.sql.catalyst.plans.logical._
import org.apache.spark.sql.catalyst.plans.logical.views.ShowIcebergViews
import org.apache.spark.sql.execution.command._
import org.apache.spark.unsafe.types.UTF8String

/** SHOW commands that list names: a name is listed if the principal may know of it. */
private[commands] final class Listings(governed: GovernedSession) {

  /** The command that lists what may be known, for one that lists all. */
  def shown(plan: LogicalPlan): Option[LogicalPlan] = plan match {
    case c @ ShowNamespacesCommand(ResolvedNamespace(catalog, _, _), _, _) =>
      only(c)(row => Namespaces.isKnown(governed, catalog.name, namesIn(row, 0)))
    case c @ ShowTables(ResolvedNamespace(catalog, _, _), _, _)       => only(c)(isTableKnown(catalog.name, _))
    case c @ ShowViews(ResolvedNamespace(catalog, _, _), _, _)        => only(c)(isTableKnown(catalog.name, _))
    case c @ ShowIcebergViews(ResolvedNamespace(catalog, _, _), _, _) => only(c)(isTableKnown(catalog.name, _))
    case c: ShowViewsCommand => only(c)(isTableKnown(ResourceNames.sessionCatalog, _))
    case c: ShowTablesCommand if c.isExtended =>
      Some(ShownRows(c, described(ResourceNames.sessionCatalog, _)))
    case c: ShowTablesCommand => only(c)(isTableKnown(ResourceNames.sessionCatalog, _))
    case c @ ShowTablesExtended(ResolvedNamespace(catalog, _, _), _, _) =>
      Some(ShownRows(c, described(catalog.name, _)))
    case c: ShowFunctionsCommand => only(c)(row => isFunctionKnown(namesIn(row, 0)))
    case c: ShowFunctions        => only(c)(row => isFunctionKnown(namesIn(row, 0)))
    case c: ShowCatalogsCommand  => only(c)(row => Namespaces.isCatalogKnown(governed, row.getString(0)))
    case _                       => None
  }

  private def only(command: LogicalPlan)(isKnown: InternalRow => Boolean): Option[LogicalPlan] =
    Some(ShownRows(command, row => Option.when(isKnown(row))(row)))

  /** Rows of namespace, name, and whether it is temporary, which only the session itself sees. */
  private def isTableKnown(catalog: String, row: InternalRow): Boolean =
    row.getBoolean(2) || {
      val table = ResourceNames.table(catalog, namesIn(row, 0), row.getString(1))
      governed.engine.isKnown(governed.principal, table)
    }

  /** What is told of a table besides is for who sees it as it is. */
  private def described(catalog: String, row: InternalRow): Option[InternalRow] =
    Option.when(isTableKnown(catalog, row)) {
      val namespace = namesIn(row, 0)
      val table = ResourceNames.table(catalog, namespace, row.getString(1))
      val isTold = row.getBoolean(2) || (governed.engine.isAllowed(governed.principal, "alter", table) &&
        new SeenTables(governed).isPlain(catalog, namespace, row.getString(1)))
      if (isTold) row
      else {
        val brief = s"Catalog: $catalog\nNamespace: ${row.getString(0)}\nTable: ${row.getString(1)}\n"
        new GenericInternalRow(
          Array[Any](row.getUTF8String(0), row.getUTF8String(1), false, UTF8String.fromString(brief))
        )
      }
    }

  /** Spark's own functions and temporary ones have no namespace. */
  private def isFunctionKnown(name: Seq[String]): Boolean = name match {
    case catalog +: namespace :+ _ if namespace.nonEmpty =>
      FunctionNames.isKnown(governed, catalog, namespace)
    case _ => true
  }

  private def namesIn(row: InternalRow, column: Int): Seq[String] = {
    val text = row.getString(column)
    if (text.isEmpty) Nil
    else Try(CatalystSqlParser.parseMultipartIdentifier(text)).getOrElse(Seq(text))
  }
}
