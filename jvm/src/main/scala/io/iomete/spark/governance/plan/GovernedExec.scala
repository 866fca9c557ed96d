package io.iomete.spark.governance.plan

import io.iomete.spark.governance.commands.ProtectedSettings
import io.iomete.spark.governance.{Governing, ReadAudit}
import org.apache.spark.rdd.RDD
import org.apache.spark.sql.SparkSession
import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.catalyst.expressions.{Attribute, SortOrder}
import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan
import org.apache.spark.sql.catalyst.plans.physical.Partitioning
import org.apache.spark.sql.catalyst.rules.Rule
import org.apache.spark.sql.execution.adaptive.AdaptiveSparkPlanExec
import org.apache.spark.sql.execution.datasources.v2.V2CommandExec
import org.apache.spark.sql.execution.{ColumnarRule, SparkPlan, UnaryExecNode}

/** The gate at the top of a physical plan: each execution is judged and recorded, then runs.
  *
  * A DataFrame keeps its physical plan. Without the gate a second action would run it again after
  * its rights were withdrawn, and leave no trace.
  */
final case class GovernedExec(
    child: SparkPlan,
    @transient reads: QueryReads, // the driver's business: plans are sent to executors
    principal: String,
    @transient recorded: LogicalPlan, // with its record, for adaptive execution plans it again
    isOutermost: Boolean = false
) extends UnaryExecNode
    with WithheldPlan[SparkPlan] {

  override def output: Seq[Attribute] = child.output
  override def outputPartitioning: Partitioning = child.outputPartitioning
  override def outputOrdering: Seq[SortOrder] = child.outputOrdering
  // Rows only: what turns batches into rows is to stand below the gate.
  override def supportsColumnar: Boolean = false
  override def nodeName: String = "Governed"
  override protected def isWithheld: Boolean = reads != null && reads.isWithheld
  override def logicalLink: Option[LogicalPlan] = Some(recorded)

  // Spark remembers an executed plan's RDD and doesn't call this again, but before it hands that out
  // it waits for subqueries, each time.
  override protected def doExecute(): RDD[InternalRow] = child.execute()
  override protected def waitForSubqueries(): Unit = {
    pass()
    super.waitForSubqueries()
  }
  override def executeCollect(): Array[InternalRow] = { pass(); child.executeCollect() }
  override def executeToIterator(): Iterator[InternalRow] = { pass(); child.executeToIterator() }
  override def executeTake(n: Int): Array[InternalRow] = { pass(); child.executeTake(n) }
  override def executeTail(n: Int): Array[InternalRow] = { pass(); child.executeTail(n) }

  override protected def withNewChildInternal(newChild: SparkPlan): GovernedExec =
    copy(child = newChild)

  // Two plans that read the same are the same, whatever was recorded about them.
  override def doCanonicalize(): SparkPlan = child.canonicalized

  override def stringArgs: Iterator[Any] = Iterator.single(principal)

  @transient private lazy val cached = CachedReads.in(recorded)

  /** Whoever needs a cache filled has a gate of their own, above: Spark found their plan equal to the
    * one that fills it after both were governed, and what that one's author may do by now is nothing
    * to them.
    */
  private def pass(): Unit =
    if (reads.fillsCache) CachedReads.requireUsual(this)
    else if (isOutermost || !reads.isLifted) {
      Governing.of(session).foreach { governed =>
        val audit = new ReadAudit(governed)
        audit.refusals {
          ProtectedSettings.requireUnchanged(governed) // it may have been planned under others
          reads.expressed.foreach(ProtectedSettings.requireSameResults(governed, _, reads.isExpressedInZone))
          CachedReads.requireFilled(session, cached)
          Revocation.check(governed, reads)
        }
        audit.record(reads)
      }
    }
}

/** Lifts the gate above an adaptive plan: that remembers its RDD, too, whatever is inside.
  *
  * What a write reads has no gate, and isn't printed but for administrators.
  */
final case class LiftGate(session: SparkSession) extends ColumnarRule {

  override def postColumnarTransitions: Rule[SparkPlan] = (plan: SparkPlan) =>
    plan match {
      case adaptive: AdaptiveSparkPlanExec if !adaptive.isSubquery =>
        adaptive.inputPlan match {
          case gate: GovernedExec =>
            gate.reads.isLifted = true
            gate.copy(child = adaptive, isOutermost = true)
          case _ => adaptive
        }
      case write: V2CommandExec if write.children.nonEmpty =>
        val isShown = Governing.of(session).forall(_.isAdmin)
        if (isShown) write else write.withNewChildren(write.children.map(WithheldExec(_)))
      case other => other
    }
}
