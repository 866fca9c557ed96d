package io.iomete.spark.governance.plan

import io.iomete.spark.governance.decisions.{ResourceNames, TableResource}
import io.iomete.spark.governance.renames.{Bound, TableIdentity}
import org.apache.iceberg.BaseMetadataTable
import org.apache.iceberg.spark.PathIdentifier
import org.apache.iceberg.spark.source.{SparkChangelogTable, SparkTable}
import org.apache.spark.sql.catalyst.analysis.{
  ResolvedIdentifier,
  ResolvedNamespace,
  ResolvedNonPersistentFunc,
  ResolvedPersistentFunc,
  ResolvedPersistentView,
  ResolvedTable,
  ResolvedTempView
}
import org.apache.spark.sql.catalyst.catalog.{CatalogTable, HiveTableRelation, UnresolvedCatalogRelation}
import org.apache.spark.sql.catalyst.expressions.{Attribute, AttributeReference, ExprId, MetadataAttribute}
import org.apache.spark.sql.catalyst.plans.logical._
import org.apache.spark.sql.catalyst.plans.logical.views.ResolvedV2View
import org.apache.spark.sql.catalyst.streaming.StreamingRelationV2
import org.apache.spark.sql.catalyst.util.CaseInsensitiveMap
import org.apache.spark.sql.connector.catalog.{CatalogPlugin, Identifier, Table}
import org.apache.spark.sql.connector.write.RowLevelTarget
import org.apache.spark.sql.delta.catalog.DeltaTableV2
import org.apache.spark.sql.delta.commands.cdc.CDCReader.DeltaCDFRelation
import org.apache.spark.sql.delta.sources.{DeltaDataSource, DeltaSource}
import org.apache.spark.sql.execution.{ExternalRDD, LogicalRDD}
import org.apache.spark.sql.execution.adaptive.LogicalQueryStage
import org.apache.spark.sql.execution.columnar.InMemoryRelation
import org.apache.spark.sql.execution.datasources.{FileFormat, FileIndex, HadoopFsRelation, LogicalRelation}
import org.apache.spark.sql.execution.datasources.v2._
import org.apache.spark.sql.execution.streaming.runtime.{StreamingExecutionRelation, StreamingRelation}
import org.apache.spark.sql.execution.streaming.sources.MemoryPlan
import org.apache.spark.sql.sources.BaseRelation
import org.apache.spark.sql.types.{ArrayType, DataType, StructType}

/** What a leaf of a plan reads, as policies see it. */
sealed trait Source

object Source {

  /** A table of a catalog.
    *
    * @param columns
    *   each output attribute with the name that policies know its column by; a metadata column has
    *   None
    * @param snapshot
    *   the version that is read, where the format has versions
    * @param types
    *   of columns whose fields are called otherwise today: with the names that policies know
    * @param bound
    *   what else policies may call the table and its columns
    */
  final case class OfTable(
      table: TableResource,
      columns: Seq[(AttributeReference, Option[String])],
      snapshot: Option[String]
  )(val types: Map[ExprId, DataType], val bound: Bound)
      extends Source {

    /** Names of the columns, as policies know them. */
    def names: Seq[String] = columns.flatMap(_._2)

    /** Paths of the fields of these columns that are structs, or arrays of them. */
    def fields: Seq[String] = columns.flatMap { case (attribute, name) =>
      name.toSeq.flatMap(StructFields.of(_, types.getOrElse(attribute.exprId, attribute.dataType)))
    }
  }

  /** A table made of another one's metadata or history (`t.files`, `t.changes`). */
  final case class OfMetadata(table: TableResource, part: String) extends Source

  /** Files that are named by their location. */
  final case class OfPaths(paths: Seq[String]) extends Source

  /** Rows that the program itself holds, or that governed plans have produced. */
  case object Local extends Source

  /** Something that nobody has judged. */
  final case class Unknown(what: String) extends Source

  /** What `leaf` reads. Whatever isn't recognised is [[Unknown]], and so refused. */
  def of(leaf: LogicalPlan): Source = leaf match {
    case r: DataSourceV2Relation     => ofV2(r.table, r.catalog, r.identifier, r.output)
    case r: DataSourceV2ScanRelation => of(r.relation)
    case r: StreamingDataSourceV2Relation =>
      ofV2(r.table, r.catalog, r.identifier, r.output)
    case r: StreamingDataSourceV2ScanRelation if isGenerator(r.relation.table) => Local
    case r: StreamingDataSourceV2ScanRelation => of(r.relation)
    case r: StreamingRelationV2 if r.catalog.isEmpty && isGenerator(r.table) => Local
    case r: StreamingRelationV2      => ofV2(r.table, r.catalog, r.identifier, r.output)
    case r: LogicalRelation          => ofV1(r)
    case r: HiveTableRelation        => ofCatalogTable(r.tableMeta, r.output, None)
    case r: UnresolvedCatalogRelation => ofCatalogTable(r.tableMeta, Nil, None)
    case FileStream(path)            => OfPaths(Seq(path))
    case r: StreamingRelation        => ofStream(r.dataSource.catalogTable, r.output, r.sourceName)
    case StreamingExecutionRelation(source: DeltaSource, _, None) => OfPaths(Seq(source.deltaLog.dataPath.toString))
    case r: StreamingExecutionRelation => ofStream(r.catalogTable, r.output, r.source.toString)
    case _: LocalRelation | _: OneRowRelation | _: Range | _: CTERelationRef | _: UnionLoopRef |
        _: Transpose | _: CommandResult | _: EmptyRelation | _: LogicalRDD | _: ExternalRDD[_] |
        _: InMemoryRelation | _: LogicalQueryStage | _: MemoryPlan =>
      Local
    // Names that commands work on; the command's own rule judges it.
    case _: ResolvedTable | _: ResolvedNamespace | _: ResolvedIdentifier | _: ResolvedTempView |
        _: ResolvedPersistentView | _: ResolvedV2View | _: ResolvedNonPersistentFunc | _: ResolvedPersistentFunc =>
      Local
    case _: Command => Local
    case expression if isExpressionOfDelta(expression) => Local
    case other      => Unknown(other.nodeName)
  }

  /** Delta resolves the expression of a constraint, or of REPLACE WHERE, in a plan that is never run. */
  private def isExpressionOfDelta(leaf: LogicalPlan): Boolean = leaf.subqueries.isEmpty &&
    leaf.getClass.getName == "org.apache.spark.sql.delta.constraints.ExpressionLogicalPlanWrapper"

  private def ofV2(
      table: Table,
      catalog: Option[CatalogPlugin],
      identifier: Option[Identifier],
      output: Seq[AttributeReference]
  ): Source = (catalog, identifier) match {
    case (_, Some(path: PathIdentifier)) => OfPaths(Seq(path.location))
    case (Some(plugin), Some(ident)) =>
      val name = RelationName.of(plugin, ident)
      table match {
        case RowLevelTarget(inner) => ofV2(inner, catalog, identifier, output)
        case iceberg: SparkTable if iceberg.table.isInstanceOf[BaseMetadataTable] =>
          name.base.fold[Source](Unknown("a metadata table"))(OfMetadata(_, ident.name))
        case _: SparkChangelogTable =>
          name.base.fold[Source](Unknown("a table of changes"))(OfMetadata(_, ident.name))
        case iceberg: SparkTable =>
          val snapshot = Option(iceberg.snapshotId)
            .orElse(Option(iceberg.table.currentSnapshot).map(s => Long.box(s.snapshotId)))
          tableOf(name, iceberg).fold[Source](Unknown("a table under another one's name")) { table =>
            val bound = Bound.of(table, TableIdentity.of(iceberg))
            val today = IcebergColumns.namesToday(iceberg, bound)
            ofColumns(table, output, snapshot.map(_.toString), today, bound)
          }
        case delta: DeltaTableV2 if delta.catalogTable.isEmpty => OfPaths(Seq(delta.path.toString))
        case delta: DeltaTableV2 =>
          val bound = Bound.of(name.table, TableIdentity.of(delta))
          ofColumns(name.table, output, None, DeltaColumns.namesToday(delta, bound), bound)
        case _ => ofColumns(name.table, output, None, NamesToday.same, Bound.byName)
      }
    case _ => Unknown(table.getClass.getSimpleName)
  }

  private def ofColumns(
      table: TableResource,
      output: Seq[AttributeReference],
      snapshot: Option[String],
      today: NamesToday,
      bound: Bound
  ): OfTable = {
    val columns = output.map {
      case a @ MetadataAttribute(_) => (a, None, a.dataType)
      case a =>
        val (name, dataType) = today.of(a.name, a.dataType)
        (a, Some(name), dataType)
    }
    OfTable(table, columns.map { case (a, name, _) => a -> name }, snapshot)(
      columns.collect { case (a, _, dataType) if dataType != a.dataType => a.exprId -> dataType }.toMap,
      bound
    )
  }

  /** `lake.db.t.branch_b` is `lake.db.t`, unless there is a table of the whole name; only what was
    * loaded tells. None if that is neither.
    */
  private def tableOf(name: RelationName, iceberg: SparkTable): Option[TableResource] =
    name.base match {
      case None => Some(name.table)
      case Some(base) =>
        def named(levels: Seq[String]): Boolean =
          iceberg.table.name == (name.catalog.name +: levels).mkString(".")
        val namespace = name.identifier.namespace.toSeq
        if (named(namespace :+ name.identifier.name)) Some(name.table)
        else if (named(namespace)) Some(base)
        else None
    }

  private def ofV1(relation: LogicalRelation): Source = relation.relation match {
    case _ if DeltaInternals.isReadForAnother(relation) => Local
    case _: DeltaCDFRelation =>
      relation.catalogTable.fold[Source](Unknown("changes of a table without a name")) { table =>
        ofCatalogTable(table, relation.output, None) match {
          case OfTable(name, _, _) => OfMetadata(name, "changes")
          case other               => other
        }
      }
    case base =>
      relation.catalogTable match {
        case Some(table) =>
          ofCatalogTable(table, relation.output, DeltaVersions.of(base), Some(base))
        case None =>
          base match {
            case files: HadoopFsRelation => OfPaths(files.location.rootPaths.map(_.toString).toSeq)
            case other                   => Unknown(other.getClass.getSimpleName)
          }
      }
  }

  private def ofCatalogTable(
      table: CatalogTable,
      output: Seq[Attribute],
      snapshot: Option[String],
      relation: Option[BaseRelation] = None
  ): Source =
    table.identifier.database match {
      case Some("delta") | None => pathOf(table)
      case Some(database) =>
        val name = ResourceNames.table(
          table.identifier.catalog.getOrElse(ResourceNames.sessionCatalog),
          Seq(database),
          table.identifier.table
        )
        val bound = Bound.of(name, relation.flatMap(TableIdentity.of))
        val today = relation.fold(NamesToday.same)(DeltaColumns.namesToday(_, bound))
        ofColumns(name, output.collect { case a: AttributeReference => a }, snapshot, today, bound)
    }

  /** The files that `leaf` reads, as the table that they belong to. */
  def filesOf(table: TableResource, leaf: LogicalPlan): Source = leaf match {
    case relation: LogicalRelation =>
      val version = DeltaVersions.of(relation.relation)
      val bound = Bound.of(table, TableIdentity.of(relation.relation))
      ofColumns(table, relation.output, version, DeltaColumns.namesToday(relation.relation, bound), bound)
    case other => Unknown(other.nodeName)
  }

  private def pathOf(table: CatalogTable): Source =
    table.storage.locationUri.fold[Source](Unknown("a table without a database"))(uri =>
      OfPaths(Seq(uri.toString))
    )

  private def ofStream(
      table: Option[CatalogTable],
      output: Seq[Attribute],
      source: String
  ): Source = table match {
    case Some(catalogTable) => ofCatalogTable(catalogTable, output, None)
    case None               => Unknown(s"the stream $source")
  }

  /** Sources of rows that come from nowhere, for tests and heartbeats. */
  private def isGenerator(table: Table): Boolean =
    Set("RateStreamTable", "RatePerMicroBatchTable")(table.getClass.getSimpleName)
}

/** The files or the Delta table below a path, as a stream reads them; those of each batch are judged again. */
private object FileStream {
  private val formats = Seq(classOf[FileFormat], classOf[DeltaDataSource])

  def unapply(leaf: LogicalPlan): Option[String] = leaf match {
    case stream: StreamingRelation
        if stream.dataSource.catalogTable.isEmpty &&
          formats.exists(_.isAssignableFrom(stream.dataSource.providingClass)) =>
      CaseInsensitiveMap(stream.dataSource.options).get("path")
    case _ => None
  }
}

/** Paths of the fields below a column, through structs and arrays of structs. */
object StructFields {

  def of(column: String, dataType: DataType): Seq[String] = dataType match {
    case struct: StructType =>
      struct.fields.toSeq.flatMap { field =>
        val path = s"$column.${ResourceNames.column(field.name)}"
        path +: of(path, field.dataType)
      }
    case ArrayType(element, _) => of(column, element)
    case _                     => Nil
  }
}

/** What Delta reads to answer a query about a table, in queries of its own; no name leads there. */
private[plan] object DeltaInternals {
  import org.apache.spark.sql.delta.DeltaLogFileIndex
  import org.apache.spark.sql.delta.files._

  /** Its log, and the files of changes, whose rows come out of a [[DeltaCDFRelation]] that was governed. */
  def isReadForAnother(relation: LogicalRelation): Boolean =
    relation.catalogTable.isEmpty && (indexOf(relation) match {
      case Some(_: DeltaLogFileIndex)                                                => true
      case Some(_: CdcAddFileIndex | _: TahoeChangeFileIndex | _: TahoeRemoveFileIndex) => !relation.isStreaming
      case _                                                                         => false
    })

  /** A stream's next files, to which Spark adds the table that they are of before it plans them. */
  def isPartOfStream(relation: LogicalRelation): Boolean =
    relation.isStreaming && relation.catalogTable.isEmpty && (indexOf(relation) match {
      case Some(_: TahoeFileIndex) => true
      case _                       => false
    })

  private def indexOf(relation: LogicalRelation): Option[FileIndex] = relation.relation match {
    case files: HadoopFsRelation => Some(files.location)
    case _                       => None
  }
}

private object DeltaVersions {
  import org.apache.spark.sql.delta.files.TahoeLogFileIndex

  def of(relation: BaseRelation): Option[String] = relation match {
    case files: HadoopFsRelation =>
      files.location match {
        case index: TahoeLogFileIndex => Some(index.getSnapshot.version.toString)
        case _                        => None
      }
    case _ => None
  }
}
