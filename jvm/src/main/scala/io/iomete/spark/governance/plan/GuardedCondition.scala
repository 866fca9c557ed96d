package io.iomete.spark.governance.plan

import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.catalyst.expressions._
import org.apache.spark.sql.catalyst.expressions.codegen.{CodegenContext, ExprCode, FalseLiteral}
import org.apache.spark.sql.catalyst.expressions.codegen.Block.BlockHelper
import org.apache.spark.sql.types.{BooleanType, DataType}

/** A condition of a write, which is asked only about rows that its author sees.
  *
  * Spark doesn't know the expression, so it neither splits it nor moves a part of it: a cast or a
  * division in `condition` never meets a row that `rows` hides. It is also the proof that the raw
  * target below was governed.
  *
  * @param anchor
  *   an [[Anchor]] in the target, which keeps the whole on the target's side of a join
  */
final case class GuardedCondition(
    rows: Expression,
    condition: Expression,
    anchor: Expression,
    proof: Proof
) extends TernaryExpression
    with ConditionalExpression {

  override def first: Expression = rows
  override def second: Expression = condition
  override def third: Expression = anchor

  override def dataType: DataType = BooleanType
  override def nullable: Boolean = false
  override def prettyName: String = "guarded"
  // Masks and filters are nobody's business.
  override def toString: String = "guarded()"
  override def sql: String = "guarded()"

  override def alwaysEvaluatedInputs: Seq[Expression] = Seq(rows)
  override def branchGroups: Seq[Seq[Expression]] = Nil
  override def withNewAlwaysEvaluatedInputs(inputs: Seq[Expression]): ConditionalExpression =
    copy(rows = inputs.head)

  override def eval(input: InternalRow): Any =
    rows.eval(input) == true && condition.eval(input) == true

  override protected def doGenCode(ctx: CodegenContext, ev: ExprCode): ExprCode = {
    val seen = rows.genCode(ctx)
    val meant = condition.genCode(ctx)
    ev.copy(
      code = code"""
      ${seen.code}
      boolean ${ev.value} = false;
      if (!${seen.isNull} && ${seen.value}) {
        ${meant.code}
        ${ev.value} = !${meant.isNull} && ${meant.value};
      }""",
      isNull = FalseLiteral
    )
  }

  override protected def withNewChildrenInternal(
      newFirst: Expression,
      newSecond: Expression,
      newThird: Expression
  ): GuardedCondition = copy(rows = newFirst, condition = newSecond, anchor = newThird)
}

/** Any column of a relation, for its place. It isn't folded, even where its value is known. */
final case class Anchor(child: Expression) extends UnaryExpression with Unevaluable {
  override def dataType: DataType = child.dataType
  override def nullable: Boolean = true
  override def contextIndependentFoldable: Boolean = false
  override protected def withNewChildInternal(newChild: Expression): Anchor = copy(child = newChild)
}
