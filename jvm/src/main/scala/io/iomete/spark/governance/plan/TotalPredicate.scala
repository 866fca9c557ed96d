package io.iomete.spark.governance.plan

import scala.collection.mutable

import io.iomete.spark.governance.masks.{NullOnError, RefusedOnError}
import org.apache.spark.sql.catalyst.expressions._
import org.apache.spark.sql.catalyst.expressions.aggregate.AggregateExpression
import org.apache.spark.sql.catalyst.optimizer.PullOutGroupingExpressions
import org.apache.spark.sql.catalyst.plans.logical._
import org.apache.spark.sql.catalyst.trees.TreePattern.PLAN_EXPRESSION

/** Makes a row filter one that hides the rows on which it fails.
  *
  * A filter that looks things up becomes a join, whose parts Spark evaluates one by one, so they are
  * made total one by one. What fails in the looked-up rows belongs to no row of the table: then the
  * table can't be read, and the error shows nothing of those rows.
  *
  * @param table
  *   whose policy it is
  */
final class TotalPredicate(table: String) {

  def apply(predicate: Expression): Expression = predicate match {
    case safe if SafeExpressions.isSafe(safe) => safe
    case plain if !looksUp(plain)             => NullOnError(plain)
    case And(left, right)                     => And(apply(left), apply(right))
    case Or(left, right)                      => Or(apply(left), apply(right))
    case Not(And(left, right))                => Or(apply(Not(left)), apply(Not(right)))
    case Not(Or(left, right))                 => And(apply(Not(left)), apply(Not(right)))
    case Not(Not(child))                      => apply(child)
    case lookup                               => guarded(lookup)
  }

  /** What looks things up in a mask; where an operand fails, nothing is found. */
  def lookups(expression: Expression): Expression = withoutErrors(expression, mutable.ArrayBuffer.empty)

  /** That an operand failed must hide the row under a NOT, too. */
  private def guarded(lookup: Expression): Expression = {
    val operands = mutable.ArrayBuffer.empty[Expression]
    val found = withoutErrors(lookup, operands)
    val judged = lookup match {
      case _: InSubquery | _: Exists | Not(_: InSubquery | _: Exists) => found
      case _                                                          => NullOnError(found)
    }
    (judged +: operands.distinct.toSeq.map(succeeds)).reduce(And)
  }

  private def succeeds(operand: Expression): Expression =
    IsNotNull(NullOnError(CreateNamedStruct(Seq(Literal("value"), operand))))

  private def withoutErrors(
      lookup: Expression,
      operands: mutable.ArrayBuffer[Expression]
  ): Expression = {
    def operand(value: Expression): Expression =
      if (SafeExpressions.isPlain(value) || looksUp(value)) {
        value
      } else {
        operands += value.transformUp { case OuterReference(column) => column }
        NullOnError(value)
      }
    lookup.transformUp {
      case in: InSubquery => in.copy(values = in.values.map(operand))
      case subquery: SubqueryExpression =>
        subquery.withNewPlan(
          PullOutGroupingExpressions(subquery.plan).transformUpWithSubqueries { case node =>
            inside(node, operand)
          }
        )
    }
  }

  private def inside(node: LogicalPlan, operand: Expression => Expression): LogicalPlan = {
    def total(expression: Expression): Expression = expression match {
      case plain if SafeExpressions.isPlain(plain) || plain.isInstanceOf[OuterReference] => plain
      case alias: Alias                       => alias.withNewChildren(Seq(total(alias.child)))
      case and: And                           => and.mapChildren(total)
      case comparison: BinaryComparison       => comparison.mapChildren(total)
      case found: InSubquery                  => found
      case found: SubqueryExpression          => found
      case Not(found @ (_: InSubquery | _: SubqueryExpression)) => Not(found)
      case aggregate: AggregateExpression =>
        aggregate.mapChildren(function => function.mapChildren(total))
      case outer if isOuter(outer)            => operand(outer)
      case other if other.exists(_.isInstanceOf[AggregateExpression]) =>
        RefusedOnError(
          other.transformDown { case aggregate: AggregateExpression => total(aggregate) },
          table
        )
      case other if other.foldable            => other
      case other                              => RefusedOnError(other, table)
    }
    node match {
      case project: Project =>
        project.copy(projectList = project.projectList.map(c => total(c).asInstanceOf[NamedExpression]))
      case filter: Filter => filter.copy(condition = total(filter.condition))
      case join: Join     => join.copy(condition = join.condition.map(total))
      case aggregate: Aggregate =>
        aggregate.copy(aggregateExpressions =
          aggregate.aggregateExpressions.map(c => total(c).asInstanceOf[NamedExpression])
        )
      case other => other
    }
  }

  private def isOuter(expression: Expression): Boolean =
    expression.references.isEmpty && expression.exists(_.isInstanceOf[OuterReference]) &&
      !looksUp(expression)

  private def looksUp(expression: Expression): Boolean = expression.containsPattern(PLAN_EXPRESSION)
}
