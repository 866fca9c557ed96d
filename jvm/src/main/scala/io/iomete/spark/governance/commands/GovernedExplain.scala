package io.iomete.spark.governance.commands

import io.iomete.spark.governance.plan._
import org.apache.spark.sql.{Row, SparkSession}
import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.catalyst.expressions.{Attribute, AttributeReference}
import org.apache.spark.sql.catalyst.plans.logical.{Command, LogicalPlan, View}
import org.apache.spark.sql.classic.{SparkSession => ClassicSession}
import org.apache.spark.sql.execution.command.{LeafRunnableCommand, StreamingExplainCommand}
import org.apache.spark.sql.execution.{CommandExecutionMode, ExplainMode, QueryExecution}
import org.apache.spark.sql.types.StringType
import org.apache.spark.unsafe.types.UTF8String

/** EXPLAIN for those whom policies apply to: for what they may run, and no more than they may know.
  *
  * A plan shows the text of filters and masks, the bounds that files are skipped by, and what is
  * inside of views. Where there are any of these, only the statement as it was analysed is shown.
  */
final case class GovernedExplain(statement: LogicalPlan, mode: ExplainMode) extends LeafRunnableCommand {
  import GovernedExplain._

  override val output: Seq[Attribute] = Seq(AttributeReference("plan", StringType)())

  override def run(session: SparkSession): Seq[Row] = {
    val execution = session
      .asInstanceOf[ClassicSession]
      .sessionState
      .executePlan(statement, CommandExecutionMode.SKIP)
    execution.assertAnalyzed()
    Seq(Row(if (isPlain(execution)) execution.explainString(mode) else outline(execution)))
  }

  /** A write to what its author sees in part was rewritten already, and would show by what. */
  private def outline(execution: QueryExecution): String =
    if (WriteGuards.proofsIn(execution.analyzed).nonEmpty) withheld
    else s"== Analyzed Logical Plan ==\n${execution.analyzed.treeString}\n$withheld"
}

private[commands] object GovernedExplain {
  private val withheld = "What policies make of it is shown to administrators only.\n"

  /** What a stream tells of its last batch. */
  def ofStream(explain: StreamingExplainCommand): LogicalPlan = ShownRows(
    explain,
    row => Some(if (isPlain(explain.queryExecution)) row else InternalRow(UTF8String.fromString(withheld)))
  )

  /** Governs the statement, which refuses what may not be run. */
  private def isPlain(execution: QueryExecution): Boolean = {
    val isOpen = !isAnywhere(execution.analyzed) {
      case relation: VisibleColumns              => !relation.visibility.exists(_.isAll)
      case _: View | _: ExpandedView | _: Command => true
      case _                                      => false
    }
    isOpen && !isAnywhere(execution.normalized)(isRestricted)
  }

  /** Also in subqueries of subqueries. */
  private def isAnywhere(plan: LogicalPlan)(test: LogicalPlan => Boolean): Boolean =
    plan.exists(node => test(node) || node.subqueries.exists(isAnywhere(_)(test)))

  private def isRestricted(node: LogicalPlan): Boolean = node.isInstanceOf[PolicyBarrier] ||
    node.expressions.exists(_.exists(_.isInstanceOf[DeniedColumn]))
}
