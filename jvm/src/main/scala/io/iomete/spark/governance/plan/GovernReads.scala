package io.iomete.spark.governance.plan

import scala.collection.mutable

import io.iomete.spark.errors.IometeErrors
import io.iomete.spark.governance.commands.ProtectedSettings
import io.iomete.spark.governance.decisions._
import io.iomete.spark.governance.renames.{Bound, TableIdentity}
import io.iomete.spark.governance.{GovernedSession, ViewCreators}
import org.apache.spark.sql.catalyst.analysis.EliminateSubqueryAliases
import org.apache.spark.sql.catalyst.catalog.HiveTableRelation
import org.apache.spark.sql.catalyst.expressions._
import org.apache.spark.sql.catalyst.plans.logical._
import org.apache.spark.sql.catalyst.streaming.StreamingRelationV2
import org.apache.spark.sql.catalyst.trees.TreePattern.PLAN_EXPRESSION
import org.apache.spark.sql.delta.Snapshot
import org.apache.spark.sql.delta.catalog.DeltaTableV2
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
  private val stored = new StoredOptions(governed)
  private val reads = mutable.ArrayBuffer.empty[TableRead]
  private val paths = mutable.ArrayBuffer.empty[String]
  private val guarded = mutable.HashSet.empty[TableResource]
  private val known = mutable.HashMap.empty[ExprId, (TableResource, String)]
  private var before: Option[QueryReads] = None
  private var lostNotNull = false
  private var expressed: Option[String] = None
  private var isExpressedInZone = false
  private var isInZone = false
  private val epoch = governed.engine.epoch // before any decision: a change meanwhile is one after it

  def apply(plan: LogicalPlan): LogicalPlan = {
    val done = withoutFileNames(govern(plan, governed.rights))
    if (lostNotNull) Nullability.propagate(done) else done
  }

  private def withoutFileNames(plan: LogicalPlan): LogicalPlan = {
    val all = reads.toSeq ++ before.toSeq.flatMap(_.tables)
    if (FileNames.areIn(plan) && !FileNames.mayBeShown(plan, all, governed)) FileNames.removed(plan, governed.principal)
    else plan
  }

  /** What `plan` reads, once it is governed. */
  def found(plan: LogicalPlan): QueryReads = {
    val used = new UsedColumns().in(plan)
    val byTable = known.toSeq.groupMap(_._2._1) { case (id, (_, name)) => (id, name) }
    val names = byTable.map { case (table, ids) =>
      table -> ids.collect { case (id, name) if used(id) => name }.toSet
    }
    val now = new QueryReads(reads.toSeq, paths.distinct.toSeq, epoch, names)
    now.expressed = expressed
    now.isExpressedInZone = isExpressedInZone
    now.isInZone = isInZone
    before.fold(now)(_ ++ now)
  }

  private def govern(plan: LogicalPlan, rights: ReadRights): LogicalPlan = plan match {
    // Normalising twice has to change nothing: Spark does it when it caches again.
    case barrier: PolicyBarrier if barrier.proof.isOurs => barrier
    case RecordedBefore(query, earlier) =>
      before = Some(before.fold(earlier)(_ ++ earlier))
      // A change to a table makes Spark cache anew what is cached of it, in the session of who has made
      // the change, for whoever has cached it.
      govern(query, earlier.asker.fold(rights)(ReadRights.of))
    case visible: VisibleColumns =>
      // Inside a view, what isn't of its own text is of a function that it calls.
      governVisible(visible, if (visible.visibility.exists(_.isInBody)) rights else rights.ofAsker)
    case query: QueryOfView => govern(query.child, rights)
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
    goByExpressions(name)
    def apart(query: LogicalPlan): LogicalPlan = ofOthers(govern(query, inside), name, decision, inside)
    val body = view match {
      case session: View => session.withNewChildren(session.children.map {
          // Spark knows cached views by the nodes at their top.
          case columns: Project if !columns.projectList.exists(SubqueryExpression.hasSubquery) =>
            columns.copy(child = apart(columns.child))
          case query => apart(query)
        })
      case other => other.mapChildren(apart)
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

  /** What a view of somebody else's is made of, which its reader's own expressions are kept away from: a
    * row that the view leaves out is none of theirs.
    */
  private def ofOthers(
      query: LogicalPlan,
      view: TableResource,
      decision: CombinedDecision,
      rights: ReadRights
  ): LogicalPlan =
    if (rights.isOwn || governed.engine.isAdmin(rights.asker)) query
    else PolicyBarrier(query, Proof.of(view, Some(decision.asker)))

  private def know(table: TableResource, named: Seq[(Attribute, Option[String])]): Unit =
    named.foreach { case (a, name) => name.foreach(n => known(a.exprId) = (table, n)) }

  private def governLeaf(leaf: LogicalPlan, rights: ReadRights): LogicalPlan = governed.sourceOf(leaf) match {
    case Source.Local => leaf
    case source @ Source.OfTable(table, columns, snapshot) =>
      val decision = decide(table, source.names, source.fields, snapshot, rights, source.bound)
      val options = new ReaderOptions(governed)
      options.checkColumns(leaf, source.names, decision)
      stored.check(leaf)
      know(table, columns)
      if (InZone.is(leaf)) goByZone(table.fullName, decision.isExpressed || rights.views.nonEmpty)
      if (rights.isOwn && !isUntouched(decision, columns) && DeltaTargets.of(governed.principal, leaf).isDefined) {
        throw IometeErrors.policiesChanged(governed.principal, table.fullName)
      }
      // The target of a write whose conditions and values were made to see what its author sees.
      if (WriteGuards.isTarget(leaf) && (guarded(table) || isUntouched(decision, columns))) leaf
      else {
        val read = if (FileNames.mayBeShown(reads.last, governed)) leaf else UnlistedFiles.in(leaf)
        if (isUntouched(decision, columns)) read else governTable(options.settled(read), source, decision)
      }
    case Source.OfMetadata(table, part) =>
      stored.check(leaf)
      governMetadata(leaf, table, part, rights)
    case Source.OfPaths(locations) =>
      if (InZone.is(leaf)) goByZone(locations.mkString(", "), rights.views.nonEmpty)
      new ReaderOptions(governed).checkFiles(leaf)
      locations.foreach(governed.requirePath("read", _, rights))
      val reached = new ReachedFiles(governed)
      val settled = reached.settled(leaf, rights)
      paths ++= locations ++ reached.require(settled, locations, rights)
      settled
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
    val base = BaseTables.of(leaf, table)
    val decision = decide(table, base.columns, base.fields, None, rights, base.bound)
    if (!decision.isPlain(base.columns)) {
      throw IometeErrors.metadataDenied(rights.asker, table.fullName, part)
    }
    leaf
  }

  private def decide(
      table: TableResource,
      names: Seq[String],
      fields: Seq[String],
      snapshot: Option[String],
      rights: ReadRights,
      bound: Bound = Bound.byName
  ): CombinedDecision = {
    val decision = governed.decide(table, names, rights, fields, bound)
    if (!decision.isReadable || decision.broken.isDefined) {
      throw Refusals.of(governed, table, rights, decision)
    }
    if (decision.isExpressed || rights.views.nonEmpty) goByExpressions(table)
    val attributes = UsedAttributes.of(governed.engine, decision)
    reads += TableRead(table, names, fields, snapshot, rights, decision, attributes, bound)
    decision
  }

  private def goByExpressions(table: TableResource): Unit = if (expressed.isEmpty) {
    ProtectedSettings.requireSameResults(governed, table.fullName)
    expressed = Some(table.fullName)
  }

  private def goByZone(what: String, isExpressed: Boolean): Unit = {
    isInZone = true
    if (isExpressed && !isExpressedInZone) {
      ProtectedSettings.requireSameResults(governed, what, isInZone = true)
      isExpressedInZone = true
      expressed = expressed.orElse(Some(what))
    }
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
    val chars = if (decision.isExpressed) CharColumns.of(leaf) else CharColumns.none
    val isAsItIs = source.types.isEmpty && !source.columns.exists { case (a, _) => chars.has(a) }
    val renewed = source.columns.map { case (a, name) =>
      val isSame = isAsItIs && name.exists(decision.isShownAsItIs)
      (a, if (isSame) a else a.newInstance(), name)
    }
    val read = Relations.withOutput(leaf, renewed.map { case (a, below, _) => a -> below })
    if (isAsItIs) {
      restricted(read, source.table, renewed, decision)
    } else {
      // Policies see an old version with the names that its fields have today, and CHAR as any query does.
      val today = renewed.map { case (a, below, _) =>
        source.types.get(a.exprId).fold(chars.padded(below))(t => Alias(Cast(below, t), a.name)())
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
    if (Seq(view, filtered).exists(_.expressions.exists(InZone.isLookedUpIn))) goByZone(table.fullName, isExpressed = true)
    if (decision.isRestricted) PolicyBarrier(view, Proof.of(table, Some(decision.asker))) else view
  }

  private def asNamed(value: Expression, names: DataType): Expression = {
    val named = NamesToday.renamed(value.dataType, names)
    if (named == value.dataType) value else Cast(value, named)
  }
}

/** The same relation with other attributes. */
private[plan] object Relations {

  def withOutput(leaf: LogicalPlan, renewed: Seq[(AttributeReference, AttributeReference)]): LogicalPlan = {
    lazy val by = AttributeMap(renewed)
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

/** All columns of a table, the paths of their fields, and what else policies may call it. */
private[governance] final case class BaseTable(columns: Seq[String], fields: Seq[String], bound: Bound)

/** The table that a metadata table belongs to. */
private[governance] object BaseTables {
  import org.apache.iceberg.spark.source.SparkTable
  import org.apache.spark.sql.connector.catalog.{Identifier, Table, TableCatalog}

  def of(leaf: LogicalPlan, name: TableResource): BaseTable = leaf match {
    case changes: LogicalRelation => ofChanges(changes, name)
    case other                    => ofMetadataTable(other, name)
  }

  /** Changes of a Delta table. */
  private def ofChanges(changes: LogicalRelation, name: TableResource): BaseTable = {
    val columns = changes.output
    val bound = Bound.of(name, TableIdentity.of(changes.relation))
    val names = DeltaColumns.namesToday(changes.relation, bound)
    val today = columns.map(c => names.of(c.name, c.dataType))
    BaseTable(today.map(_._1), today.flatMap { case (c, of) => StructFields.of(c, of) }, bound)
  }

  private def ofMetadataTable(leaf: LogicalPlan, name: TableResource): BaseTable = {
    val relation = leaf match {
      case r: DataSourceV2Relation     => Some((r.catalog, r.identifier))
      case r: DataSourceV2ScanRelation => Some((r.relation.catalog, r.relation.identifier))
      case _                           => None
    }
    relation match {
      case Some((Some(catalog: TableCatalog), Some(identifier))) =>
        val namespace = identifier.namespace
        ofTable(catalog.loadTable(Identifier.of(namespace.init, namespace.last)), name)
      case _ => BaseTable(Nil, Nil, Bound.byName)
    }
  }

  /** Columns that were dropped are still in old files and their bounds. */
  def ofTable(table: Table, name: TableResource): BaseTable = {
    val bound = Bound.of(name, TableIdentity.of(table))
    table match {
      case iceberg: SparkTable =>
        val (columns, fields) = IcebergColumns.ever(iceberg.table, bound)
        BaseTable(columns, fields, bound)
      case other => asItIs(other, bound)
    }
  }

  /** What a version of a Delta table holds. */
  def ofVersion(version: Snapshot, name: TableResource): BaseTable = {
    val bound = Bound.of(name, TableIdentity.of(version))
    val names = DeltaColumns.namesToday(version, bound)
    val columns = version.schema.fields.toSeq.map(f => names.of(f.name, f.dataType))
    BaseTable(columns.map(_._1), columns.flatMap { case (column, of) => StructFields.of(column, of) }, bound)
  }

  /** What a Delta table has held since a version; None where that can't be told any more. */
  def since(version: Long, table: DeltaTableV2, name: TableResource): Option[BaseTable] = {
    val bound = Bound.of(name, TableIdentity.of(table))
    DeltaColumns.since(version, table, bound).map { case (columns, fields) => BaseTable(columns, fields, bound) }
  }

  /** The columns that it has now. */
  def asItIs(table: Table, name: TableResource): BaseTable =
    asItIs(table, Bound.of(name, TableIdentity.of(table)))

  private def asItIs(table: Table, bound: Bound): BaseTable = {
    val today = table match {
      case iceberg: SparkTable if !iceberg.table.isInstanceOf[org.apache.iceberg.BaseMetadataTable] =>
        IcebergColumns.namesToday(iceberg, bound)
      case delta: DeltaTableV2 => DeltaColumns.namesToday(delta, bound)
      case _                   => NamesToday.same
    }
    val columns = table.columns.toSeq.map(c => today.of(c.name, c.dataType))
    BaseTable(columns.map(_._1), columns.flatMap { case (name, of) => StructFields.of(name, of) }, bound)
  }
}
