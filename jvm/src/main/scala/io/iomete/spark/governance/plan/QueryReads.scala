package io.iomete.spark.governance.plan

import io.iomete.spark.governance.decisions.TableResource
import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan
import org.apache.spark.sql.catalyst.trees.TreeNodeTag

/** One table that a query reads, with what was decided and on which question. */
final case class TableRead(
    table: TableResource,
    asked: Seq[String],
    fields: Seq[String],
    snapshot: Option[String],
    rights: ReadRights,
    decision: CombinedDecision
)

/** What a query reads; travels with its plan so that each execution can be judged and recorded. */
final class QueryReads(val tables: Seq[TableRead], val paths: Seq[String], val epoch: Long) {

  /** Columns that the optimised plan still needs, by table; known once the query is planned. */
  @volatile var columns: Map[TableResource, Set[String]] = Map.empty

  def isEmpty: Boolean = tables.isEmpty && paths.isEmpty
}

object QueryReads {
  private val tag = TreeNodeTag[QueryReads]("iomete.reads")

  /** Reads of a plan inside another one, which stands for them. */
  val partOfAnother = new QueryReads(Nil, Nil, 0)

  def of(plan: LogicalPlan): Option[QueryReads] = plan.getTagValue(tag)

  def set(plan: LogicalPlan, reads: QueryReads): Unit = plan.setTagValue(tag, reads)
}
