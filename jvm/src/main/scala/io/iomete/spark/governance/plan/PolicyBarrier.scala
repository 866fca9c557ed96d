package io.iomete.spark.governance.plan

import java.security.SecureRandom
import java.util.ArrayList

import io.iomete.spark.governance.decisions.{ReadDecision, TableResource}
import io.iomete.spark.governance.masks.MaskedColumn
import org.apache.spark.sql.catalyst.expressions._
import org.apache.spark.sql.catalyst.plans.logical.{Filter, LogicalPlan, UnaryNode}
import org.apache.spark.sql.catalyst.rules.Rule
import org.apache.spark.sql.classic.Strategy
import org.apache.spark.sql.execution.SparkPlan

/** What stands above a table that somebody reads masked or filtered, or with another's rights.
  *
  * Two things at once. It keeps the query's own expressions away from raw rows: Spark's push-down
  * rules don't know it, so a cast or a division that fails can't fail on a row that the filter
  * removes; [[PushSafePredicates]] lets through what can't. And it is the proof that the planner
  * demands: whoever reads such a table without it isn't planned.
  */
final case class PolicyBarrier(child: LogicalPlan, proof: Proof) extends UnaryNode {
  override def output: Seq[Attribute] = child.output
  override def maxRows: Option[Long] = child.maxRows
  // Spark puts what is true of one side of a join on the other, where a filter's constants would be seen.
  override protected lazy val validConstraints: ExpressionSet =
    child.constraints.filter(_.isInstanceOf[IsNotNull])

  /** Errors of the optimiser print the plan that they are about. */
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
    if (WithheldPlan.isForAdministrator) {
      super.generateTreeString(depth, lastChildren, append, verbose, prefix, addSuffix, maxFields,
        printNodeId, printOutputColumns, indent)
    } else {
      WithheldPlan.write(output, depth, lastChildren, append, indent)
    }

  override protected def withNewChildInternal(newChild: LogicalPlan): LogicalPlan =
    copy(child = newChild)
}

/** That the table below was governed in this process, and by which decision.
  *
  * @param decision
  *   what was enforced; None for a table that a policy's own expression reads
  */
final case class Proof(table: TableResource, decision: Option[ReadDecision], nonce: Long) {
  def isOurs: Boolean = nonce == Proof.nonce
  // The nonce is nobody's business.
  override def toString: String = s"governed($table)"
}

object Proof {
  private val nonce = new SecureRandom().nextLong()

  def of(table: TableResource, decision: Option[ReadDecision]): Proof =
    Proof(table, decision, nonce)
}

/** Moves predicates that can neither fail nor be observed below the barrier.
  *
  * There they reach the scan (partitions and files are skipped), as if the table weren't governed.
  */
object PushSafePredicates extends Rule[LogicalPlan] with PredicateHelper {

  override def apply(plan: LogicalPlan): LogicalPlan = plan.transform {
    case filter @ Filter(condition, barrier @ PolicyBarrier(child, _)) =>
      val (safe, unsafe) = splitConjunctivePredicates(condition).partition(SafeExpressions.isSafe)
      if (safe.isEmpty) {
        filter
      } else {
        val below = barrier.copy(child = Filter(safe.reduce(And), child))
        unsafe.reduceOption(And).fold[LogicalPlan](below)(Filter(_, below))
      }
  }
}

/** Expressions that give a value for every input: no error, no effect, nothing to observe. */
object SafeExpressions {

  def isSafe(expression: Expression): Boolean = expression.deterministic && (expression match {
    case And(left, right)         => isSafe(left) && isSafe(right)
    case Or(left, right)          => isSafe(left) && isSafe(right)
    case Not(child)               => isSafe(child)
    case comparison: BinaryComparison => isPlain(comparison.left) && isPlain(comparison.right)
    case In(value, list)          => isPlain(value) && list.forall(_.isInstanceOf[Literal])
    case InSet(value, _)          => isPlain(value)
    case IsNull(child)            => isPlain(child)
    case IsNotNull(child)         => isPlain(child)
    case match_ : StringPredicate => isPlain(match_.left) && isPlain(match_.right)
    case _: Literal               => true
    case attribute: Attribute     => isPlain(attribute)
    case _                        => false
  })

  /** A column, a constant, or what a mask of ours makes of a column: those give a value for any. */
  def isPlain(expression: Expression): Boolean = expression match {
    case _: AttributeReference | _: Literal => true
    case MaskedColumn(_)                    => true
    case _                                  => false
  }
}

/** Barriers and records have no work to do at run time. */
object BarrierStrategy extends Strategy {
  override def apply(plan: LogicalPlan): Seq[SparkPlan] = plan match {
    case PolicyBarrier(child, _) if child.isStreaming => SeenRowsExec(planLater(child)) :: Nil
    case PolicyBarrier(child, _) => planLater(child) :: Nil
    case RecordedQuery(child, _) => planLater(child) :: Nil
    case _                       => Nil
  }
}
