package io.iomete.spark.governance.plan

import org.apache.spark.sql.catalyst.expressions._
import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan
import org.apache.spark.sql.types.{ArrayType, DataType, MapType, StructType}

/** Where nulls can be that a relation declares itself free of.
  *
  * A mask can give null where a column never was. Generated code doesn't look for nulls in what is
  * declared free of them, and would show a default value instead.
  */
object Nullability {

  /** Whether `shown` can have nulls, inside too, that `declared` can't. */
  def isLooser(shown: Expression, declared: Attribute): Boolean =
    shown.nullable && !declared.nullable ||
      looser(declared.dataType, shown.dataType) != declared.dataType

  /** `declared`, with the nulls that `shown` can have, too. */
  def looser(declared: DataType, shown: DataType): DataType = (declared, shown) match {
    case (a: StructType, b: StructType) if a.length == b.length =>
      StructType(a.fields.zip(b.fields).map { case (one, other) =>
        one.copy(
          dataType = looser(one.dataType, other.dataType),
          nullable = one.nullable || other.nullable
        )
      })
    case (ArrayType(one, nulls), ArrayType(other, more)) => ArrayType(looser(one, other), nulls || more)
    case (MapType(key, one, nulls), MapType(_, other, more)) =>
      MapType(key, looser(one, other), nulls || more)
    case _ => declared
  }

  /** Tells a plan that was analysed for somebody else, as Spark's UpdateAttributeNullability, which
    * passes analysed plans by.
    */
  def propagate(plan: LogicalPlan): LogicalPlan = plan.transformUpWithSubqueries {
    case node if node.children.nonEmpty =>
      val below = AttributeMap(node.children.flatMap(_.output).map(a => a -> a))
      node.transformExpressions {
        case a: AttributeReference if below.get(a).exists(isLooser(_, a)) =>
          val now = below(a)
          a.withDataType(looser(a.dataType, now.dataType)).withNullability(a.nullable || now.nullable)
      }
  }
}
