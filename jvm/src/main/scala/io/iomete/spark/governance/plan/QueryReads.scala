package io.iomete.spark.governance.plan

import io.iomete.spark.governance.decisions.TableResource
import io.iomete.spark.governance.renames.Bound
import org.apache.spark.sql.catalyst.expressions.{Attribute, AttributeSet, SortOrder}
import org.apache.spark.sql.catalyst.plans.logical._
import org.apache.spark.sql.catalyst.rules.Rule
import org.apache.spark.sql.catalyst.trees.TreeNodeTag

/** One table that a query reads, with what was decided and on which question. */
final case class TableRead(
    table: TableResource,
    asked: Seq[String],
    fields: Seq[String],
    snapshot: Option[String],
    rights: ReadRights,
    decision: CombinedDecision,
    attributes: UsedAttributes,
    bound: Bound
)

/** What a query reads; travels with its plan so that each execution can be judged and recorded.
  *
  * @param columns
  *   those that the query uses, by table, as policies name them; a table whose columns can't be told
  *   isn't there
  */
final class QueryReads(
    val tables: Seq[TableRead],
    val paths: Seq[String],
    val epoch: Long,
    val columns: Map[TableResource, Set[String]]
) {

  /** Whether this is the query that fills a cache: only other queries run it, behind gates of their
    * own.
    */
  @volatile var fillsCache: Boolean = false

  /** Whether the gate stands above an adaptive plan, which has it again inside. */
  @volatile var isLifted: Boolean = false

  /** Whether the plan would show more than its author may know, and so isn't printed. */
  @volatile var isWithheld: Boolean = false

  /** A view, or a table whose policies are expressions, if it reads any: settings count for those. */
  @volatile var expressed: Option[String] = None

  /** Whether those go by timestamps that are of the session's time zone. */
  @volatile var isExpressedInZone: Boolean = false

  /** Whether any of it has such timestamps. */
  @volatile var isInZone: Boolean = false

  /** Who asks for it; None where it reads no table. */
  def asker: Option[String] = tables.map(_.rights.asker).distinct match {
    case Seq(one) => Some(one)
    case _        => None
  }

  def isEmpty: Boolean = tables.isEmpty && paths.isEmpty

  /** With what else was found in the same plan, which was governed before: Spark caches it again. */
  def ++(other: QueryReads): QueryReads =
    if (other.isEmpty) this
    else {
      val both = new QueryReads(
        tables ++ other.tables,
        (paths ++ other.paths).distinct,
        epoch.min(other.epoch),
        columns ++ other.columns
      )
      both.isWithheld = isWithheld || other.isWithheld
      both.expressed = expressed.orElse(other.expressed)
      both.isExpressedInZone = isExpressedInZone || other.isExpressedInZone
      both.isInZone = isInZone || other.isInZone
      both
    }
}

object QueryReads {
  private val partTag = TreeNodeTag[Unit]("iomete.part")

  /** Puts the record above a governed query, where Spark keeps it until it is planned. */
  def record(query: LogicalPlan, reads: QueryReads): LogicalPlan = query match {
    // Spark knows cached views by the nodes at their top, which have to stay there.
    case alias: SubqueryAlias => alias.copy(child = record(alias.child, reads))
    case view: View =>
      view.child match {
        case project: Project =>
          view.copy(child = project.copy(child = RecordedQuery(project.child, reads)))
        case other => view.copy(child = RecordedQuery(other, reads))
      }
    case other => RecordedQuery(other, reads)
  }

  /** The record of an optimised query, or None if it has none. */
  def of(query: LogicalPlan): Option[QueryReads] =
    query.collect { case RecordedQuery(_, reads) => reads }.distinct.reduceOption(_ ++ _)

  /** Marks all of a plan that has passed: its subqueries, and what adaptive execution finds in it
    * below a command, are planned apart, and what was recorded covers them.
    */
  def cover(plan: LogicalPlan): Unit = plan.foreachWithSubqueries(_.setTagValue(partTag, ()))

  def isCovered(part: LogicalPlan): Boolean = part.exists(_.getTagValue(partTag).isDefined)
}

/** A query and what it reads.
  *
  * A node, for the optimiser loses tags, and knows neither how to move nor to drop this. A command,
  * for Spark puts what it has cached in the place of a whole query, but not of a command. It finds
  * the same plans in its cache with the record and without.
  */
final case class RecordedQuery(child: LogicalPlan, reads: QueryReads)
    extends UnaryNode
    with Command
    with WithheldPlan[LogicalPlan] {
  override protected def isWithheld: Boolean = reads.isWithheld
  override def output: Seq[Attribute] = child.output
  override def outputOrdering: Seq[SortOrder] = child.outputOrdering
  override def maxRows: Option[Long] = child.maxRows
  override def maxRowsPerPartition: Option[Long] = child.maxRowsPerPartition
  override def producedAttributes: AttributeSet = AttributeSet.empty
  override def stats: Statistics = child.stats
  override protected def doCanonicalize(): LogicalPlan = child.canonicalized
  override protected def stringArgs: Iterator[Any] = Iterator.empty
  override protected def withNewChildInternal(newChild: LogicalPlan): RecordedQuery =
    copy(child = newChild)
}

/** A recorded query that Spark analyses once more, to cache it anew: no command, or it would run. */
final case class RecordedBefore(child: LogicalPlan, reads: QueryReads) extends UnaryNode {
  override def output: Seq[Attribute] = child.output
  override protected def withNewChildInternal(newChild: LogicalPlan): RecordedBefore =
    copy(child = newChild)
}

object OpenRecords extends Rule[LogicalPlan] {
  override def apply(plan: LogicalPlan): LogicalPlan = plan.resolveOperators {
    case RecordedQuery(query, reads) => RecordedBefore(query, reads)
  }
}
