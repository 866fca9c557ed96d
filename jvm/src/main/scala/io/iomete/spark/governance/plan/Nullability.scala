package io.iomete.spark.governance.plan

import org.apache.spark.sql.catalyst.expressions._
import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan

/** Tells a plan that columns may be null now.
  *
  * A mask can give null where a column never was. Generated code doesn't look for nulls in what is
  * declared free of them, and would show a default value instead.
  */
object Nullability {

  /** As Spark's UpdateAttributeNullability, which passes analysed plans by. */
  def propagate(plan: LogicalPlan): LogicalPlan = plan.transformUpWithSubqueries {
    case node if node.children.nonEmpty =>
      val nullable = AttributeMap(node.children.flatMap(_.output).map(a => a -> a.nullable))
      node.transformExpressions {
        case a: AttributeReference if nullable.get(a).exists(_ != a.nullable) =>
          a.withNullability(nullable(a))
      }
  }
}
