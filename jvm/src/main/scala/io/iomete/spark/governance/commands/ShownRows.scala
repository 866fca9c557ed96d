package io.iomete.spark.governance.commands

import org.apache.spark.rdd.RDD
import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.catalyst.expressions.Attribute
import org.apache.spark.sql.catalyst.plans.logical.{Command, LeafNode, LogicalPlan}
import org.apache.spark.sql.classic.Strategy
import org.apache.spark.sql.execution.{SparkPlan, UnaryExecNode}

/** A command of Spark's whose rows are shown as far as its author may know them.
  *
  * In the command's place, and not a filter above it: Spark runs commands when it meets them, and
  * looks at the analysed plan for what it has asked.
  *
  * @param shown
  *   a row as it is shown, or None; it is asked when the command runs
  */
final case class ShownRows(command: LogicalPlan, shown: InternalRow => Option[InternalRow])
    extends LeafNode
    with Command {
  override def output: Seq[Attribute] = command.output
  override def simpleString(maxFields: Int): String = command.simpleString(maxFields)
}

final case class ShownRowsExec(child: SparkPlan, shown: InternalRow => Option[InternalRow])
    extends UnaryExecNode {
  override def output: Seq[Attribute] = child.output
  override def executeCollect(): Array[InternalRow] = child.executeCollect().flatMap(shown(_))
  override def executeToIterator(): Iterator[InternalRow] = executeCollect().iterator
  override def executeTake(limit: Int): Array[InternalRow] = executeCollect().take(limit)
  override def executeTail(limit: Int): Array[InternalRow] = executeCollect().takeRight(limit)
  override protected def doExecute(): RDD[InternalRow] =
    sparkContext.parallelize(executeCollect().toSeq, 1)
  override def stringArgs: Iterator[Any] = Iterator.empty
  override protected def withNewChildInternal(newChild: SparkPlan): ShownRowsExec =
    copy(child = newChild)
}

object ShownRowsStrategy extends Strategy {
  override def apply(plan: LogicalPlan): Seq[SparkPlan] = plan match {
    case ShownRows(command, shown) => ShownRowsExec(planLater(command), shown) :: Nil
    case _                         => Nil
  }
}
