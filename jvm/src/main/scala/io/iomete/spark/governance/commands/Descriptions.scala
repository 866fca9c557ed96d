package io.iomete.spark.governance.commands

import io.iomete.spark.errors.IometeErrors
import io.iomete.spark.governance.GovernedSession
import io.iomete.spark.governance.decisions.{ResourceNames, TableResource}
import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.catalyst.TableIdentifier
import org.apache.spark.sql.catalyst.analysis._
import org.apache.spark.sql.catalyst.catalog.CatalogTableType
import org.apache.spark.sql.catalyst.expressions.{Attribute, Expression, NamedExpression}
import org.apache.spark.sql.catalyst.plans.logical._
import org.apache.spark.sql.catalyst.plans.logical.views.ResolvedV2View
import org.apache.spark.sql.classic.{SparkSession => ClassicSession}
import org.apache.spark.sql.connector.catalog.{Identifier, Table, TableCatalog}
import org.apache.spark.sql.delta.commands.{ShowDeltaPartitionsCommand, ShowDeltaTableColumnsCommand}
import org.apache.spark.sql.execution.command._
import org.apache.spark.sql.iomete.SparkInternals

/** DESCRIBE and the SHOW commands about one table or view.
  *
  * Who sees a table as it is gets what Spark tells. Others get its visible columns, and nothing of
  * its files, partitions, properties and statistics. A view's text is for who may alter it: it names
  * what the view is made of.
  */
private[commands] final class Descriptions(governed: GovernedSession) {
  private val seen = new SeenTables(governed)
  private val session = governed.session.asInstanceOf[ClassicSession]

  /** The command that shows what may be known, for one that shows all to everybody. */
  def shown(plan: LogicalPlan): Option[LogicalPlan] = plan match {
    case d: DescribeRelation =>
      val target = Described.of(d.relation)
      described(target, d.partitionSpec.nonEmpty)(DescribeSeenTable(_, d.output))
        .orElse(Option.when(d.isExtended && !target.exists(mayAlter))(d.copy(isExtended = false)))
    case d: DescribeTableCommand =>
      val target = of(d.table)
      described(target, d.partitionSpec.nonEmpty)(DescribeSeenTable(_, d.output))
        .orElse(Option.when(d.isExtended && !target.exists(mayAlter))(d.copy(isExtended = false)))
    case d: DescribeRelationJsonCommand =>
      val target = Described.of(d.child)
      described(target, d.partitionSpec.nonEmpty)(DescribeSeenJson(_, d.output))
        .orElse(target.filterNot(mayAlter).map(other => DescribeSeenJson(other.name, d.output)))
    case d: DescribeColumn =>
      described(Described.of(d.relation))(name => column(name, nameOf(d.column), d.output))
    case d: DescribeColumnCommand =>
      described(of(d.table))(name => column(name, d.colNameParts.last, d.output))
    case s: ShowColumnsCommand           => described(of(s.tableName))(visible(s, _))
    case s: ShowDeltaTableColumnsCommand => described(Described.of(s.child))(visible(s, _))
    case d @ DescribeNamespace(ResolvedNamespace(catalog, namespace, _), _, _) =>
      ofNamespace(d, catalog.name, namespace)
    case d: DescribeDatabaseCommand =>
      ofNamespace(d, ResourceNames.sessionCatalog, Seq(d.databaseName))
    case _ => None
  }

  /** Whether it is one of the commands that are for who sees the whole, and then refuses others. */
  def check(plan: LogicalPlan): Boolean = plan match {
    case _: DescribeRelation | _: DescribeTableCommand | _: DescribeRelationJsonCommand |
        _: DescribeColumn | _: DescribeColumnCommand | _: ShowColumnsCommand | _: DescribeNamespace |
        _: DescribeDatabaseCommand | _: ShowDeltaTableColumnsCommand =>
      shown(plan).isEmpty
    case other => checkWhole(other)
  }

  private def checkWhole(plan: LogicalPlan): Boolean = {
    val definition = plan match {
      case s: ShowTableProperties           => Described.of(s.table)
      case s: ShowTablePropertiesCommand    => of(s.table)
      case s: ShowCreateTable               => Described.of(s.child)
      case s: ShowCreateTableCommand        => of(s.table)
      case s: ShowCreateTableAsSerdeCommand => of(s.table)
      case _                                => None
    }
    val values = plan match {
      case s: ShowPartitions             => Described.of(s.table)
      case s: ShowPartitionsCommand      => of(s.tableName)
      case s: ShowDeltaPartitionsCommand => Described.of(s.child)
      case s: ShowTablePartition         => Described.of(s.table)
      case s: ShowColumns                => Described.of(s.child) // Spark says that it can't
      case _                             => None
    }
    (definition ++ values).foreach(requireWhole)
    definition.filterNot(mayAlter).foreach(target => throw denied(target))
    definition.isDefined || values.isDefined
  }

  /** Where files are, and what properties say, is for who may change it. */
  private def mayAlter(target: Described): Boolean = target match {
    case Described.OfTable(table, _, _) => governed.engine.isAllowed(governed.principal, "alter", table)
    case Described.OfView(view, _)      => governed.engine.isAllowed(governed.principal, "alter", view)
    case _: Described.Temporary         => true
  }

  private def described(target: Option[Described], ofPart: Boolean = false)(
      brief: Seq[String] => LogicalPlan
  ): Option[LogicalPlan] = target.flatMap {
    case other if isWhole(other) => None
    case other if ofPart         => throw denied(other)
    case other                   => Some(brief(other.name))
  }

  private def requireWhole(target: Described): Unit = target match {
    case Described.Temporary(name) =>
      val _ = seen.schema(name) // refuses who may not read it
    case other                     => if (!isWhole(other)) throw denied(other)
  }

  private def denied(target: Described): Throwable = target match {
    case Described.OfTable(table, _, _) if !governed.engine.isKnown(governed.principal, table) =>
      IometeErrors.tableNotFound(table.fullName)
    case other => IometeErrors.accessDenied(governed.principal, "describe", ResourceNames.quoted(other.name))
  }

  private def isWhole(target: Described): Boolean = target match {
    case Described.OfTable(table, _, loaded) => seen.isPlain(table, loaded)
    case Described.OfView(view, _) =>
      governed.engine.isAllowed(governed.principal, "alter", view) && {
        val columns = seen.schema(target.name).map(_.name)
        governed.decide(view, columns, governed.rights).isPlain(columns)
      }
    case _: Described.Temporary => false
  }

  private def visible(command: LogicalPlan, name: Seq[String]): LogicalPlan = {
    lazy val columns = seen.schema(name).map(field => ResourceNames.column(field.name)).toSet
    ShownRows(command, row => Option.when(columns(ResourceNames.column(row.getString(0))))(row))
  }

  /** A column that isn't visible is missing, as Spark says it. */
  private def column(name: Seq[String], column: String, output: Seq[Attribute]): LogicalPlan =
    if (seen.schema(name).exists(_.name.equalsIgnoreCase(column))) DescribeSeenColumn(name, column, output)
    else throw SparkInternals.columnNotFound(column)

  private def nameOf(column: Expression): String = column match {
    case named: NamedExpression => named.name
    case other                  => other.sql
  }

  /** Where files are and what is set is for who may change it. */
  private def ofNamespace(d: LogicalPlan, catalog: String, namespace: Seq[String]): Option[LogicalPlan] = {
    val (name, joined) = ResourceNames.namespace(catalog, namespace)
    Option.unless(governed.engine.isAllowed(governed.principal, "alter", name, joined)) {
      ShownRows(d, (row: InternalRow) => Option.when(Descriptions.ofNames(row.getString(0)))(row))
    }
  }

  /** What a command of the older kind names: a temporary view, or something of the session catalog. */
  private def of(table: TableIdentifier): Option[Described] = {
    val catalog = session.sessionState.catalog
    if (catalog.isTempView(table)) Some(Described.Temporary(table.database.toSeq :+ table.table))
    else {
      val database = table.database.getOrElse(catalog.getCurrentDatabase)
      val name = Seq(ResourceNames.sessionCatalog, database, table.table)
      val resource = ResourceNames.table(ResourceNames.sessionCatalog, Seq(database), table.table)
      val metadata = catalog.getTableMetadata(TableIdentifier(table.table, Some(database)))
      if (metadata.tableType == CatalogTableType.VIEW) {
        Some(Described.OfView(resource, name))
      } else {
        session.sessionState.catalogManager.catalog(ResourceNames.sessionCatalog) match {
          case tables: TableCatalog =>
            val loaded = tables.loadTable(Identifier.of(Array(database), table.table))
            Some(Described.OfTable(resource, name, loaded))
          case _ => None
        }
      }
    }
  }
}

private[commands] object Descriptions {
  private val ofNames = Set("Catalog Name", "Namespace Name", "Comment")
}

/** What a command describes. */
private[commands] sealed trait Described {
  def name: Seq[String]
}

private[commands] object Described {
  final case class OfTable(table: TableResource, name: Seq[String], loaded: Table) extends Described
  final case class OfView(view: TableResource, name: Seq[String]) extends Described

  /** Its columns are those of its text, or of its plan, for who reads it. */
  final case class Temporary(name: Seq[String]) extends Described

  def of(plan: LogicalPlan): Option[Described] = plan match {
    case ResolvedTable(catalog, identifier, table, _) =>
      Some(OfTable(resource(catalog.name, identifier), name(catalog.name, identifier), table))
    case ResolvedPersistentView(catalog, identifier, _) =>
      Some(OfView(resource(catalog.name, identifier), name(catalog.name, identifier)))
    case ResolvedV2View(catalog, identifier) =>
      Some(OfView(resource(catalog.name, identifier), name(catalog.name, identifier)))
    case ResolvedTempView(identifier, _) => Some(Temporary(identifier.namespace.toSeq :+ identifier.name))
    case _                               => None
  }

  private def resource(catalog: String, identifier: Identifier): TableResource =
    ResourceNames.table(catalog, identifier.namespace.toSeq, identifier.name)

  private def name(catalog: String, identifier: Identifier): Seq[String] =
    catalog +: identifier.namespace.toSeq :+ identifier.name
}
