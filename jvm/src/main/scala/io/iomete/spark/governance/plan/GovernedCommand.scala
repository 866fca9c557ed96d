package io.iomete.spark.governance.plan

import io.iomete.spark.governance.commands.Effect
import io.iomete.spark.governance.decisions.TableResource
import io.iomete.spark.governance.{Governing, WriteAudit}
import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.catalyst.expressions.{Attribute, AttributeSet}
import org.apache.spark.sql.catalyst.plans.logical.{Command, LogicalPlan, UnaryNode}
import org.apache.spark.sql.execution.{SparkPlan, UnaryExecNode}
import org.apache.spark.sql.execution.datasources.v2.V2CommandExec

/** A statement that may run, and what it changes.
  *
  * @param tables
  *   Delta tables that it works on, by the path of their files
  */
final case class GovernedCommand(
    child: LogicalPlan,
    effects: Seq[Effect],
    tables: Map[String, TableResource]
) extends UnaryNode
    with Command {
  override def output: Seq[Attribute] = child.output
  override def producedAttributes: AttributeSet = AttributeSet.empty
  override protected def stringArgs: Iterator[Any] = Iterator.empty
  override protected def withNewChildInternal(newChild: LogicalPlan): GovernedCommand =
    copy(child = newChild)
}

/** Records what a statement is about to change, and lets it read the tables that it works on.
  *
  * A command for Spark, so that adaptive execution looks below it as below any other.
  */
final case class GovernedCommandExec(
    child: SparkPlan,
    @transient effects: Seq[Effect],
    @transient tables: Map[String, TableResource],
    principal: String
) extends V2CommandExec
    with UnaryExecNode {

  override def output: Seq[Attribute] = child.output
  override def nodeName: String = "Governed"
  override def stringArgs: Iterator[Any] = Iterator.single(principal)

  override protected def run(): Seq[InternalRow] = {
    Governing.of(session).foreach(new WriteAudit(_).record(effects))
    DeltaTargets.during(principal, tables)(child.executeCollect().toSeq)
  }

  override protected def withNewChildInternal(newChild: SparkPlan): GovernedCommandExec =
    copy(child = newChild)
}
