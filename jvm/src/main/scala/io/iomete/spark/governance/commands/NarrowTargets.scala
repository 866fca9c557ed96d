package io.iomete.spark.governance.commands

import java.util.{Collections, Map => JMap, Set => JSet}

import scala.util.Try

import io.iomete.spark.governance.decisions.ResourceNames
import io.iomete.spark.governance.{GovernedSession, Governing}
import org.apache.spark.sql.SparkSession
import org.apache.spark.sql.catalyst.analysis._
import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan
import org.apache.spark.sql.catalyst.rules.Rule
import org.apache.spark.sql.connector.catalog.{Column, SupportsNamespaces, Table, TableCapability}
import org.apache.spark.sql.types.StructType

/** Leaves out of a table, view or namespace what its author may not know, where it is all of a plan.
  *
  * `spark.catalog` asks Spark to analyse a bare name and looks at what it finds: columns, comments,
  * places. Commands have the name inside, and rules of their own.
  */
final case class NarrowTargets(session: SparkSession) extends Rule[LogicalPlan] {

  override def apply(plan: LogicalPlan): LogicalPlan = plan match {
    case _: ResolvedTable | _: ResolvedPersistentView | _: ResolvedTempView | _: ResolvedNamespace =>
      Governing.of(session).filterNot(_.isAdmin).fold(plan)(narrowed(_, plan))
    case other => other
  }

  private def narrowed(governed: GovernedSession, plan: LogicalPlan): LogicalPlan = plan match {
    case target @ ResolvedTable(catalog, identifier, table, _) =>
      val namespace = identifier.namespace.toSeq
      val resource = ResourceNames.table(catalog.name, namespace, identifier.name)
      if (table.isInstanceOf[SeenTable] || new SeenTables(governed).isPlain(resource, table)) target
      else {
        val seen = new SeenTable(table.name, columns(governed, catalog.name +: namespace :+ identifier.name))
        target.copy(table = seen)
      }
    case view @ ResolvedPersistentView(catalog, identifier, metadata) =>
      val seen = columns(governed, catalog.name +: identifier.namespace.toSeq :+ identifier.name)
      view.copy(metadata = metadata.copy(schema = seen))
    case view @ ResolvedTempView(identifier, metadata) =>
      val seen = columns(governed, identifier.namespace.toSeq :+ identifier.name)
      view.copy(metadata = metadata.copy(schema = seen))
    case named @ ResolvedNamespace(catalog, namespace, metadata) =>
      val (name, joined) = ResourceNames.namespace(catalog.name, namespace)
      if (governed.engine.isAllowed(governed.principal, "alter", name, joined)) named
      else named.copy(metadata = metadata.filter(_._1 == SupportsNamespaces.PROP_COMMENT))
    case other => other
  }

  /** None where nothing can be read, as by who may only insert. */
  private def columns(governed: GovernedSession, name: Seq[String]): StructType =
    Try(new SeenTables(governed).schema(name)).getOrElse(new StructType)
}

/** A table of which no more is known than its name and the columns that its reader sees. */
private[commands] final class SeenTable(override val name: String, seen: StructType) extends Table {
  override def columns(): Array[Column] = seen.fields.map { field =>
    Column.create(field.name, field.dataType, field.nullable, field.getComment().orNull, null)
  }
  override def capabilities(): JSet[TableCapability] = Collections.emptySet()
  override def properties(): JMap[String, String] = Collections.emptyMap()
}
