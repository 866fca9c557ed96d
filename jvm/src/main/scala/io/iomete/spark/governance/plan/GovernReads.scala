package io.iomete.spark.governance.plan

import scala.collection.mutable

import io.iomete.spark.errors.IometeErrors
import io.iomete.spark.governance.decisions._
import io.iomete.spark.governance.{GovernedSession, ViewCreators}
import org.apache.spark.sql.catalyst.analysis.EliminateSubqueryAliases
import org.apache.spark.sql.catalyst.catalog.HiveTableRelation
import org.apache.spark.sql.catalyst.expressions._
import org.apache.spark.sql.catalyst.plans.logical._
import org.apache.spark.sql.catalyst.streaming.StreamingRelationV2
import org.apache.spark.sql.catalyst.trees.TreePattern.PLAN_EXPRESSION
import org.apache.spark.sql.execution.datasources.LogicalRelation
import org.apache.spark.sql.execution.datasources.v2._
import org.apache.spark.sql.execution.streaming.runtime.{StreamingExecutionRelation, StreamingRelation}
import org.apache.spark.sql.types.DataType

/** Applies the decisions to every relation of an analysed plan: what [[GovernPlan]] does per query.
  *
  * A relation R becomes `PolicyBarrier(Project(masks, Filter(row filter, R)))`. The projection gives
  * masked columns the ids that R's had, and R's get new ones, so nothing above has to be rewritten,
  * subqueries and lateral joins included.
  */
final class GovernReads(governed: GovernedSession) {
  private val reads = mutable.ArrayBuffer.empty[TableRead]
  private val paths = mutable.ArrayBuffer.empty[String]
  private val guarded = mutable.HashSet.empty[TableResource]
  private val known = mutable.HashMap.empty[ExprId, (TableResource, String)]
  private var before: Option[QueryReads] = None
  private var lostNotNull = false
  private val epoch = governed.engine.epoch // before any decision: a change meanwhile is one after it

  def apply(plan: LogicalPlan): LogicalPlan = {
    val done = withoutFileNames(govern(plan, governed.rights))
    if (lostNotNull) Nullability.propagate(done) else done
  }

  private def withoutFileNames(plan: LogicalPlan): LogicalPlan = {
    val all = reads.toSeq ++ before.toSeq.flatMap(_.tables)
    if (FileNames.areIn(plan) && !FileNames.mayBeShown(plan, all, governed)) FileNames.removed(plan) else plan
  }

  /** What `plan` reads, once it is governed. */
  def found(plan: LogicalPlan): QueryReads = {
    val used = new UsedColumns().in(plan)
    val byTable = known.toSeq.groupMap(_._2._1) { case (id, (_, name)) => (id, name) }
    val names = byTable.map { case (table, ids) =>
      table -> ids.collect { case (id, name) if used(id) => name }.toSet
    }
    val now = new QueryReads(reads.toSeq, paths.distinct.toSeq, epoch, names)
    before.fold(now)(_ ++ now)
  }

  private def govern(plan: LogicalPlan, rights: ReadRights): LogicalPlan = plan match {
    // Normalising twice has to change nothing: Spark does it when it caches again.
    case barrier: PolicyBarrier if barrier.proof.isOurs => barrier
    case RecordedBefore(query, earlier) =>
      before = Some(before.fold(earlier)(_ ++ earlier))
      govern(query, rights)
    case visible: VisibleColumns                        => governVisible(visible, rights)
    case view: View if !view.isTempView =>
      governView(view, RelationNames.ofView(view), rights, ViewCreators.of(governed, view))
    case leaf: LeafNode if !leaf.isInstanceOf[Command] => governLeaf(leaf, rights)
    case write: RowLevelWrite =>
      guarded ++= WriteGuards.in(write).map(_.table)
      below(write, rights)
    case other => below(other, rights)
  }

  private def below(plan: LogicalPlan, rights: ReadRights): LogicalPlan = {
    val inside = plan.mapChildren(govern(_, rights))
    inside.transformExpressionsWithPruning(_.containsPattern(PLAN_EXPRESSION)) {
      case subquery: SubqueryExpression =>
        subquery.withNewPlan(govern(subquery.plan, rights))
    }
  }

  private def governVisible(visible: VisibleColumns, rights: ReadRights): LogicalPlan = {
    val governedChild = (EliminateSubqueryAliases(visible.child), visible.name) match {
      case (ExpandedView(body), Some(name)) =>
        governView(body, name.table, rights, ViewCreators.of(governed, name))
      case _ =>
        visible.child match {
          case NamedTable(_) => without(govern(visible.child, rights), visible.outputSet)
          case other         => govern(other, rights)
        }
    }
    if (visible.output == governedChild.output) governedChild
    else Project(visible.output, governedChild)
  }

  /** Leaves out what the relation above hides, so that no rule of the optimiser is needed for it. */
  private def without(governedLeaf: LogicalPlan, wanted: AttributeSet): LogicalPlan =
    governedLeaf match {
      case alias: SubqueryAlias   => alias.copy(child = without(alias.child, wanted))
      case barrier: PolicyBarrier => barrier.copy(child = without(barrier.child, wanted))
      case Project(columns, child) =>
        val shown = columns.filter(c => wanted.contains(c.toAttribute))
        // Spark's padding of CHAR columns stands above what is governed.
        val below = child match {
          case _: PolicyBarrier | _: Project => without(child, AttributeSet(shown.flatMap(_.references)))
          case other                         => other
        }
        Project(shown, below)
      case other => other
    }

  private def governView(
      view: LogicalPlan,
      name: TableResource,
      rights: ReadRights,
      creator: Option[String]
  ): LogicalPlan = {
    val names = view.output.map(_.name)
    val decision = decide(name, names, Nil, None, rights)
    val inside = rights.inside(name, creator)
    val body = view match {
      case session: View => session.withNewChildren(session.children.map(govern(_, inside)))
      case other         => other.mapChildren(govern(_, inside))
    }
    val named = view.output.map(a => a -> Option(a.name))
    know(name, named)
    if (isUntouched(decision, named)) {
      body
    } else {
      val raw = body.output.map(a => a -> a.newInstance())
      val renamed = Project(raw.map { case (a, below) => Alias(a, a.name)(exprId = below.exprId) }, body)
      restricted(
        renamed,
        name,
        named.map { case (a, policyName) => (a, raw.toMap.apply(a), policyName) },
        decision
      )
    }
  }

  private def know(table: TableResource, named: Seq[(Attribute, Option[String])]): Unit =
    named.foreach { case (a, name) => name.foreach(n => known(a.exprId) = (table, n)) }

  private def governLeaf(leaf: LogicalPlan, rights: ReadRights): LogicalPlan = Source.of(leaf) match {
    case Source.Local => leaf
    case source @ Source.OfTable(table, columns, snapshot) =>
      val decision = decide(table, source.names, source.fields, snapshot, rights)
      know(table, columns)
      // The target of a write whose conditions and values were made to see what its author sees.
      if (WriteGuards.isTarget(leaf) && (guarded(table) || isUntouched(decision, columns))) leaf
      else {
        val read = if (FileNames.mayBeShown(reads.last, governed)) leaf else UnlistedFiles.in(leaf)
        if (isUntouched(decision, columns)) read else governTable(read, source, decision)
      }
    case Source.OfMetadata(table, part) => governMetadata(leaf, table, part, rights)
    case Source.OfPaths(locations) =>
      locations.foreach { path =>
        if (!governed.engine.isPathAllowed(rights.holder, "read", path)) {
          throw IometeErrors.pathDenied(rights.asker, "read", path)
        }
      }
      paths ++= locations
      leaf
    case Source.Unknown(what) =>
      if (governed.isAdmin) leaf else throw IometeErrors.unknownSource(rights.asker, what)
  }

  /** Metadata tables show bounds, counts and paths of everything in the table. */
  private def governMetadata(
      leaf: LogicalPlan,
      table: TableResource,
      part: String,
      rights: ReadRights
  ): LogicalPlan = {
    val (columns, fields) = BaseTables.columnsOf(leaf)
    val decision = decide(table, columns, fields, None, rights)
    if (!decision.isPlain(columns)) {
      throw IometeErrors.metadataDenied(rights.asker, table.fullName, part)
    }
    leaf
  }

  private def decide(
      table: TableResource,
      names: Seq[String],
      fields: Seq[String],
      snapshot: Option[String],
      rights: ReadRights
  ): CombinedDecision = {
    val decision = governed.decide(table, names, rights, fields)
    if (!decision.isReadable || decision.broken.isDefined) {
      throw Refusals.of(governed, table, rights, decision)
    }
    val attributes = UsedAttributes.of(governed.engine, decision)
    reads += TableRead(table, names, fields, snapshot, rights, decision, attributes)
    decision
  }

  private def isUntouched(
      decision: CombinedDecision,
      columns: Seq[(Attribute, Option[String])]
  ): Boolean = !decision.isRestricted && columns.forall(_._2.forall(decision.isVisible))

  private def governTable(
      leaf: LogicalPlan,
      source: Source.OfTable,
      decision: CombinedDecision
  ): LogicalPlan = {
    // What is shown as it is keeps its id: of hundreds of aliases, each rule of Spark's would ask.
    val renewed = source.columns.map { case (a, name) =>
      val isSame = source.types.isEmpty && name.exists(decision.isShownAsItIs)
      (a, if (isSame) a else a.newInstance(), name)
    }
    val read = Relations.withOutput(leaf, renewed.map { case (a, below, _) => a -> below })
    if (source.types.isEmpty) {
      restricted(read, source.table, renewed, decision)
    } else {
      // Policies see an old version with the names that its fields have today.
      val today = renewed.map { case (a, below, _) =>
        source.types.get(a.exprId).fold[NamedExpression](below)(t => Alias(Cast(below, t), a.name)())
      }
      val columns = renewed.zip(today).map { case ((a, _, name), below) => (a, below.toAttribute, name) }
      restricted(Project(today, read), source.table, columns, decision)
    }
  }

  /** The governed form of `raw`.
    *
    * @param columns
    *   each column as it is known above, as it is known in `raw`, and by policies
    */
  private def restricted(
      raw: LogicalPlan,
      table: TableResource,
      columns: Seq[(Attribute, Attribute, Option[String])],
      decision: CombinedDecision
  ): LogicalPlan = {
    val restriction = new Restriction(governed, table, columns.map(c => c._2 -> c._3), decision)
    val projected = columns.map { case (above, below, name) =>
      val value = asNamed(restriction.shown(below, name), above.dataType)
      if (above.exprId == below.exprId && value == below) {
        above
      } else {
        if (Nullability.isLooser(value, above)) lostNotNull = true
        Alias(value, above.name)(above.exprId, above.qualifier, Some(above.metadata))
      }
    }
    val filtered = restriction.predicate.fold(raw)(Filter(_, raw))
    val view = Project(projected.map(_.asInstanceOf[NamedExpression]), filtered)
    if (decision.isRestricted) PolicyBarrier(view, Proof.of(table, Some(decision.asker))) else view
  }

  private def asNamed(value: Expression, names: DataType): Expression = {
    val named = NamesToday.renamed(value.dataType, names)
    if (named == value.dataType) value else Cast(value, named)
  }
}

/** The same relation with other attributes. */
private object Relations {

  def withOutput(leaf: LogicalPlan, renewed: Seq[(AttributeReference, AttributeReference)]): LogicalPlan = {
    val by = AttributeMap(renewed)
    val output = renewed.map(_._2)
    leaf match {
      case r: DataSourceV2Relation               => r.copy(output = output)
      case r: StreamingDataSourceV2Relation      => r.copy(output = output)
      case r: StreamingDataSourceV2ScanRelation  => r.copy(output = output)
      case r: StreamingRelationV2                => r.copy(output = output)
      case r: LogicalRelation                    => r.copy(output = output)
      case r: StreamingRelation                  => r.copy(output = output)
      case r: StreamingExecutionRelation =>
        r.copy(output = output)(org.apache.spark.sql.SparkSession.active)
      case r: HiveTableRelation =>
        r.copy(
          dataCols = r.dataCols.map(a => by.getOrElse(a, a)),
          partitionCols = r.partitionCols.map(a => by.getOrElse(a, a))
        )
      case other => throw IometeErrors.unknownSource("", other.nodeName)
    }
  }
}

private object RelationNames {
  def ofView(view: View): TableResource = {
    val name = view.desc.identifier
    ResourceNames.table(
      name.catalog.getOrElse(ResourceNames.sessionCatalog),
      name.database.toSeq,
      name.table
    )
  }
}

/** The columns of the table that a metadata table belongs to, and the paths of their fields. */
private[governance] object BaseTables {
  import org.apache.iceberg.spark.source.SparkTable
  import org.apache.spark.sql.connector.catalog.{Identifier, TableCatalog}

  def columnsOf(leaf: LogicalPlan): (Seq[String], Seq[String]) = {
    val relation = leaf match {
      case r: DataSourceV2Relation     => Some((r.catalog, r.identifier))
      case r: DataSourceV2ScanRelation => Some((r.relation.catalog, r.relation.identifier))
      case _                           => None
    }
    relation match {
      case Some((Some(catalog: TableCatalog), Some(identifier))) =>
        val namespace = identifier.namespace
        ofTable(catalog.loadTable(Identifier.of(namespace.init, namespace.last)))
      case _ => (Nil, Nil)
    }
  }

  /** Columns that were dropped are still in old files and their bounds. */
  def ofTable(table: org.apache.spark.sql.connector.catalog.Table): (Seq[String], Seq[String]) =
    table match {
      case iceberg: SparkTable => IcebergColumns.ever(iceberg.table)
      case other =>
        val columns = other.columns.toSeq
        (columns.map(_.name), columns.flatMap(c => StructFields.of(c.name, c.dataType)))
    }
}
