package io.iomete.spark.governance.plan

import scala.collection.mutable

import io.iomete.spark.errors.IometeErrors
import io.iomete.spark.governance.decisions._
import io.iomete.spark.governance.masks.{HashKey, MaskExpressions}
import io.iomete.spark.governance.{GovernedSession, ViewCreators}
import org.apache.spark.sql.catalyst.analysis.EliminateSubqueryAliases
import org.apache.spark.sql.catalyst.catalog.HiveTableRelation
import org.apache.spark.sql.catalyst.expressions.{Mask => _, _}
import org.apache.spark.sql.catalyst.plans.logical._
import org.apache.spark.sql.catalyst.streaming.StreamingRelationV2
import org.apache.spark.sql.execution.datasources.LogicalRelation
import org.apache.spark.sql.execution.datasources.v2._
import org.apache.spark.sql.execution.streaming.runtime.{StreamingExecutionRelation, StreamingRelation}

/** Applies the decisions to every relation of an analysed plan: what [[GovernPlan]] does per query.
  *
  * A relation R becomes `PolicyBarrier(Project(masks, Filter(row filter, R)))`. The projection gives
  * its columns the ids that R's had, and R gets new ones, so nothing above has to be rewritten,
  * subqueries and lateral joins included.
  */
final class GovernReads(governed: GovernedSession) {
  private val reads = mutable.ArrayBuffer.empty[TableRead]
  private val paths = mutable.ArrayBuffer.empty[String]
  private var lostNotNull = false

  def apply(plan: LogicalPlan): LogicalPlan = {
    val done = govern(plan, governed.rights)
    val result = if (lostNotNull) Nullability.propagate(done) else done
    if (QueryReads.of(result).isEmpty) {
      QueryReads.set(result, found)
    }
    result
  }

  def found: QueryReads = new QueryReads(reads.toSeq, paths.distinct.toSeq, governed.engine.epoch)

  private def govern(plan: LogicalPlan, rights: ReadRights): LogicalPlan = plan match {
    // Normalising twice has to change nothing: Spark does it when it caches again.
    case barrier: PolicyBarrier if barrier.proof.isOurs => barrier
    case visible: VisibleColumns                        => governVisible(visible, rights)
    case view: View if !view.isTempView =>
      governView(view, RelationNames.ofView(view), rights, ViewCreators.of(governed, view))
    case leaf: LeafNode if !leaf.isInstanceOf[Command] => governLeaf(leaf, rights)
    case other =>
      val inside = other.mapChildren(govern(_, rights))
      inside.transformExpressionsWithPruning(
        _.containsPattern(org.apache.spark.sql.catalyst.trees.TreePattern.PLAN_EXPRESSION)
      ) { case subquery: SubqueryExpression =>
        val plan = govern(subquery.plan, rights)
        QueryReads.set(plan, QueryReads.partOfAnother)
        subquery.withNewPlan(plan)
      }
  }

  private def governVisible(visible: VisibleColumns, rights: ReadRights): LogicalPlan = {
    val governedChild = EliminateSubqueryAliases(visible.child) match {
      case _: LeafNode => without(govern(visible.child, rights), visible)
      case view: View  => govern(view, rights)
      case _ =>
        visible.name match {
          case Some(name) =>
            governView(visible.child, name.table, rights, ViewCreators.of(governed, name))
          case None => govern(visible.child, rights)
        }
    }
    if (visible.output == governedChild.output) governedChild
    else Project(visible.output, governedChild)
  }

  /** Leaves out what the relation above hides, so that no rule of the optimiser is needed for it. */
  private def without(governedLeaf: LogicalPlan, visible: VisibleColumns): LogicalPlan =
    governedLeaf match {
      case alias: SubqueryAlias   => alias.copy(child = without(alias.child, visible))
      case barrier: PolicyBarrier => barrier.copy(child = without(barrier.child, visible))
      case Project(columns, child) =>
        Project(columns.filter(c => visible.outputSet.contains(c.toAttribute)), child)
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
    val columns = view.output.map(a => a -> Option(a.name))
    if (isUntouched(decision, columns)) {
      body
    } else {
      val raw = body.output.map(a => a -> a.newInstance())
      val renamed = Project(raw.map { case (a, below) => Alias(a, a.name)(exprId = below.exprId) }, body)
      restricted(
        renamed,
        name,
        columns.map { case (a, policyName) => (a, raw.toMap.apply(a), policyName) },
        decision
      )
    }
  }

  private def governLeaf(leaf: LogicalPlan, rights: ReadRights): LogicalPlan = Source.of(leaf) match {
    case Source.Local => leaf
    case source @ Source.OfTable(table, columns, snapshot) =>
      val decision = decide(table, source.names, source.fields, snapshot, rights)
      if (isUntouched(decision, columns)) leaf
      else governTable(leaf, table, columns, decision)
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
    val columns = BaseTables.columnsOf(leaf)
    val decision = decide(table, columns, Nil, None, rights)
    if (decision.isRestricted || !columns.forall(decision.isVisible)) {
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
    reads += TableRead(table, names, fields, snapshot, rights, decision)
    decision
  }

  private def isUntouched(
      decision: CombinedDecision,
      columns: Seq[(Attribute, Option[String])]
  ): Boolean = !decision.isRestricted && columns.forall(_._2.forall(decision.isVisible))

  private def governTable(
      leaf: LogicalPlan,
      table: TableResource,
      columns: Seq[(AttributeReference, Option[String])],
      decision: CombinedDecision
  ): LogicalPlan = {
    val renewed = columns.map { case (a, name) => (a, a.newInstance(), name) }
    restricted(
      Relations.withOutput(leaf, renewed.map { case (a, below, _) => a -> below }),
      table,
      renewed,
      decision
    )
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
    val policyColumns = columns.map { case (_, below, name) => name.fold(below)(below.withName) }
    val projected = columns.map { case (above, below, name) =>
      val value = shown(table, below, name, policyColumns, decision)
      if (above.exprId == below.exprId && value == below) {
        above
      } else {
        if (value.nullable && !above.nullable) lostNotNull = true
        Alias(value, above.name)(above.exprId, above.qualifier, Some(above.metadata))
      }
    }
    val filtered = usable(table) {
      decision.principalsOfFilters.map { case (rule, principal) =>
        governed.governance.expressions.filter(rule.predicate, table, policyColumns, principal)
      }
    }.reduceOption(And(_, _)).fold(raw)(Filter(_, raw))
    val view = Project(projected.map(_.asInstanceOf[NamedExpression]), filtered)
    if (decision.isRestricted) PolicyBarrier(view, Proof.of(table, Some(decision.asker))) else view
  }

  private def shown(
      table: TableResource,
      column: Attribute,
      policyName: Option[String],
      all: Seq[Attribute],
      decision: CombinedDecision
  ): Expression = policyName match {
    case Some(name) if !decision.isVisible(name) =>
      DeniedColumn(table.fullName, column.name, column.dataType)
    case None if decision.masks.nonEmpty || !all.forall(a => isMetadata(a) || decision.isVisible(a.name)) =>
      DeniedColumn(table.fullName, column.name, column.dataType)
    case None => column
    case Some(name) =>
      decision.principalsOfMasks.foldLeft[Expression](column) { case (value, (rules, principal)) =>
        usable(table)(masked(table, value, column, ResourceNames.column(name), rules, all, principal))
      }
  }

  private def isMetadata(attribute: Attribute): Boolean = attribute match {
    case MetadataAttribute(_) => true
    case _                    => false
  }

  private def masked(
      table: TableResource,
      value: Expression,
      column: Attribute,
      name: String,
      rules: Map[String, MaskRule],
      all: Seq[Attribute],
      principal: String
  ): Expression = {
    val key = governed.governance.hashKey
    val inside = inFields(value, name, rules, key)
    rules.get(name).map(_.mask) match {
      case Some(Mask.Custom(text)) =>
        val named = all.find(_.exprId == column.exprId).getOrElse(column)
        val made = governed.governance.expressions.mask(text, named, table, all, principal)
        made.transformUp { case a: Attribute if a.exprId == column.exprId => inside }
      case Some(mask) => MaskExpressions(mask, inside, key)
      case None       => inside
    }
  }

  /** Masks of a struct's fields come before one of the whole column. */
  private def inFields(
      value: Expression,
      name: String,
      rules: Map[String, MaskRule],
      key: HashKey
  ): Expression = {
    val prefix = name + "."
    val nested = rules.collect {
      case (path, rule) if path.startsWith(prefix) =>
        path.stripPrefix(prefix).split('.').toSeq -> rule.mask
    }
    nested.values.collectFirst { case custom: Mask.Custom => custom }.foreach { _ =>
      throw new PolicyExpressionException(s"a custom mask is bound to a field of `$name`")
    }
    if (nested.isEmpty) value else MaskExpressions.nested(value, nested, key)
  }

  /** What is wrong with a policy is told to administrators; for others, the table can't be read. */
  private def usable[T](table: TableResource)(body: => T): T =
    try body
    catch {
      case error: PolicyExpressionException =>
        throw IometeErrors.policyUnusable(
          table.fullName,
          error.getMessage,
          isAdmin = governed.isAdmin
        )
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

/** The columns of the table that a metadata table belongs to. */
private object BaseTables {
  import org.apache.iceberg.spark.source.SparkTable
  import org.apache.spark.sql.connector.catalog.TableCatalog

  def columnsOf(leaf: LogicalPlan): Seq[String] = {
    val relation = leaf match {
      case r: DataSourceV2Relation     => Some((r.catalog, r.identifier))
      case r: DataSourceV2ScanRelation => Some((r.relation.catalog, r.relation.identifier))
      case _                           => None
    }
    relation match {
      case Some((Some(catalog: TableCatalog), Some(identifier))) =>
        val namespace = identifier.namespace
        val base = org.apache.spark.sql.connector.catalog.Identifier
          .of(namespace.init, namespace.last)
        catalog.loadTable(base) match {
          // Columns that were dropped are still in old files and their bounds.
          case table: SparkTable =>
            import scala.jdk.CollectionConverters._
            table.table.schemas.asScala.values.toSeq
              .flatMap(_.columns.asScala.map(_.name))
              .distinct
          case other => other.columns.toSeq.map(_.name)
        }
      case _ => Nil
    }
  }
}
