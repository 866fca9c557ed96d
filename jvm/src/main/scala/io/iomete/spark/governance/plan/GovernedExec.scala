package io.iomete.spark.governance.plan

import io.iomete.spark.governance.{Governing, ReadAudit}
import io.iomete.spark.identity.PrincipalBinding
import org.apache.spark.rdd.RDD
import org.apache.spark.sql.SparkSession
import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.catalyst.expressions.{Attribute, SortOrder}
import org.apache.spark.sql.catalyst.plans.physical.Partitioning
import org.apache.spark.sql.catalyst.rules.Rule
import org.apache.spark.sql.execution.adaptive.AdaptiveSparkPlanExec
import org.apache.spark.sql.execution.{ColumnarRule, SparkPlan, UnaryExecNode}

/** The gate at the top of a physical plan: each execution is judged and recorded, then runs.
  *
  * A DataFrame keeps its physical plan. Without the gate a second action would run it again after
  * its rights were withdrawn, and leave no trace.
  */
final case class GovernedExec(
    child: SparkPlan,
    @transient reads: QueryReads, // the driver's business: plans are sent to executors
    principal: String
) extends UnaryExecNode {

  override def output: Seq[Attribute] = child.output
  override def outputPartitioning: Partitioning = child.outputPartitioning
  override def outputOrdering: Seq[SortOrder] = child.outputOrdering
  // Rows only: what turns batches into rows is to stand below the gate.
  override def supportsColumnar: Boolean = false
  override def nodeName: String = "Governed"

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

  private def pass(): Unit = Governing.of(session).foreach { governed =>
    if (!isFillingAnothersCache) {
      val audit = new ReadAudit(governed)
      audit.refusals(Revocation.check(governed, reads))
      audit.record(reads)
    }
  }

  /** Who first uses a cache that somebody else declared runs the other's plan to fill it. Their own
    * query has its own gate, and what they may see is what was cached: Spark found the two plans
    * equal after both were governed.
    */
  private def isFillingAnothersCache: Boolean =
    SparkSession.getActiveSession
      .flatMap(PrincipalBinding.principalOf(_))
      .exists(_ != principal)
}

/** Lifts the gate above an adaptive plan: that remembers its RDD, too, whatever is inside. */
final case class LiftGate(session: SparkSession) extends ColumnarRule {

  override def postColumnarTransitions: Rule[SparkPlan] = (plan: SparkPlan) =>
    plan match {
      case adaptive: AdaptiveSparkPlanExec if !adaptive.isSubquery =>
        adaptive.inputPlan match {
          case gate: GovernedExec => gate.copy(child = adaptive)
          case _                  => adaptive
        }
      case other => other
    }
}
