package io.iomete.spark.identity

import org.apache.spark.sql.SparkSession
import org.apache.spark.sql.catalyst.expressions.{CurrentUser, Literal}
import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan
import org.apache.spark.sql.catalyst.rules.Rule
import org.apache.spark.sql.catalyst.trees.TreePattern.CURRENT_LIKE

/** `current_user()`, `user()` and `session_user()` are the session's principal.
  *
  * In normalisation rather than in analysis: analysed plans are kept (temporary views, DataFrames)
  * and run by others, whose name it then has to be; and the cache is looked up by the normalised
  * plan, so one principal's cached rows aren't served to another. Without a principal the expression
  * stays and Spark's optimiser puts the operating system's user there, as ever.
  */
final case class BoundUser(session: SparkSession) extends Rule[LogicalPlan] {

  override def apply(plan: LogicalPlan): LogicalPlan =
    if (plan.containsPattern(CURRENT_LIKE)) {
      PrincipalBinding.principalOf(session).fold(plan)(replace(plan, _))
    } else {
      plan
    }

  private def replace(plan: LogicalPlan, principal: String): LogicalPlan =
    // Subqueries are planned apart, by a planner that normalises nothing.
    plan.transformAllExpressionsWithSubqueries {
      case CurrentUser() => Literal.create(principal, CurrentUser().dataType)
    }
}
