package io.iomete.spark.governance.plan

import java.util.ArrayList
import java.util.stream.Stream

import io.iomete.spark.governance.{GovernedSession, Governing}
import org.apache.spark.rdd.RDD
import org.apache.spark.sql.SparkSession
import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.catalyst.expressions.{Attribute, SortOrder}
import org.apache.spark.sql.catalyst.plans.QueryPlan
import org.apache.spark.sql.catalyst.plans.logical.{LogicalPlan, View}
import org.apache.spark.sql.catalyst.plans.physical.Partitioning
import org.apache.spark.sql.execution.{SparkPlan, UnaryExecNode}

/** A node of a plan that prints nothing of what is below it, where its author may not know that.
  *
  * A plan as it is optimised or runs shows the text of filters and masks, the bounds that files are
  * skipped by, sizes after pruning, and what is inside of views. Spark prints it in `explain` in all
  * its modes, and wherever a query is turned into text.
  */
trait WithheldPlan[P <: QueryPlan[P]] extends QueryPlan[P] { this: P =>

  protected def isWithheld: Boolean

  override def generateTreeString(
      depth: Int,
      lastChildren: ArrayList[Boolean],
      append: String => Unit,
      verbose: Boolean,
      prefix: String,
      addSuffix: Boolean,
      maxFields: Int,
      printNodeId: Boolean,
      printOutputColumns: Boolean,
      indent: Int
  ): Unit =
    if (isWithheld) {
      WithheldPlan.write(output, depth, lastChildren, append, indent)
    } else {
      super.generateTreeString(depth, lastChildren, append, verbose, prefix, addSuffix, maxFields,
        printNodeId, printOutputColumns, indent)
    }

  // Two of the modes look for nodes by these, and print each: details, and generated code.
  override def foreach(f: P => Unit): Unit =
    if (isWithheld && WithheldPlan.isPrinting) f(this) else super.foreach(f)

  override def foreachUp(f: P => Unit): Unit =
    if (isWithheld && WithheldPlan.isPrinting) f(this) else super.foreachUp(f)

  override def verboseStringWithOperatorId(): String =
    if (isWithheld) s"${WithheldPlan.text}\n" else super.verboseStringWithOperatorId()
}

object WithheldPlan {
  private val text = "Governed: what policies make of it is shown to administrators only"

  private val printers =
    Seq("org.apache.spark.sql.execution.ExplainUtils", "org.apache.spark.sql.execution.debug.package")
  private val frames = 40L

  /** Whether what a plan reads, or how, is more than `governed`'s principal may know. */
  def isNeeded(governed: GovernedSession, plan: LogicalPlan, reads: QueryReads): Boolean =
    !governed.isAdmin && (reads.tables.exists(isSeenInPart) || isOverView(plan))

  private def isSeenInPart(read: TableRead): Boolean =
    read.rights.views.nonEmpty || !read.decision.isPlain(read.asked)

  private def isOverView(plan: LogicalPlan): Boolean = plan.exists { node =>
    (node match {
      case view: View      => !view.isTempView
      case _: ExpandedView => true
      case _               => false
    }) || node.subqueries.exists(isOverView)
  }

  /** Whether who has the plan printed may see all of it. */
  def isForAdministrator: Boolean = SparkSession.getActiveSession.flatMap(Governing.of).exists(_.isAdmin)

  /** What stands in a tree in the place of a node and of what is below it. */
  def write(
      output: Seq[Attribute],
      depth: Int,
      lastChildren: ArrayList[Boolean],
      append: String => Unit,
      indent: Int
  ): Unit = {
    branches(depth, lastChildren, indent).foreach(append)
    append(s"$text [${output.map(_.name).mkString(", ")}]\n")
  }

  /** The lines of a tree to the left of a node, as Spark draws them. */
  private def branches(depth: Int, lastChildren: ArrayList[Boolean], indent: Int): Seq[String] = {
    val above = (0 until lastChildren.size - 1).map(i => if (lastChildren.get(i)) "   " else ":  ")
    def own = if (lastChildren.get(lastChildren.size - 1)) "+- " else ":- "
    Seq.fill(indent)("   ") ++ (if (depth > 0) above :+ own else Nil)
  }

  /** Spark tells nobody that it prints; the stack does. Only plans that aren't printed ask. */
  private def isPrinting: Boolean = StackWalker.getInstance().walk[Boolean] {
    (stack: Stream[StackWalker.StackFrame]) =>
      stack.limit(frames).anyMatch(frame => printers.exists(frame.getClassName.startsWith))
  }
}

/** What a write of somebody's reads, which has no gate of its own. */
final case class WithheldExec(child: SparkPlan) extends UnaryExecNode with WithheldPlan[SparkPlan] {
  override protected def isWithheld: Boolean = true
  override def nodeName: String = "Withheld"
  override def output: Seq[Attribute] = child.output
  override def outputPartitioning: Partitioning = child.outputPartitioning
  override def outputOrdering: Seq[SortOrder] = child.outputOrdering
  override protected def doExecute(): RDD[InternalRow] = child.execute()
  // A command's rows aren't made for executors: only the command itself can hand them out.
  override def executeCollect(): Array[InternalRow] = child.executeCollect()
  override def executeToIterator(): Iterator[InternalRow] = child.executeToIterator()
  override def executeTake(n: Int): Array[InternalRow] = child.executeTake(n)
  override def executeTail(n: Int): Array[InternalRow] = child.executeTail(n)
  override protected def withNewChildInternal(newChild: SparkPlan): WithheldExec = copy(child = newChild)
}
