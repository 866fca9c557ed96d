package io.iomete.spark.governance.masks

import io.iomete.spark.errors.IometeErrors
import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.catalyst.expressions.{ConditionalExpression, Expression, UnaryExpression}
import org.apache.spark.sql.catalyst.expressions.codegen.{CodeGenerator, CodegenContext, ExprCode}
import org.apache.spark.sql.catalyst.expressions.codegen.Block.BlockHelper
import org.apache.spark.sql.types.DataType

/** What `child` gives; where it throws, the refusal of a table whose policy can't be applied.
  *
  * Errors of values show them, and these are of rows that a policy looks up.
  *
  * @param table
  *   whose policy it is
  */
final case class RefusedOnError(child: Expression, table: String)
    extends UnaryExpression
    with ConditionalExpression {

  override def dataType: DataType = child.dataType
  override def nullable: Boolean = child.nullable
  override lazy val throwable: Boolean = true
  override def prettyName: String = "refused_on_error"

  override def alwaysEvaluatedInputs: Seq[Expression] = Nil
  override def branchGroups: Seq[Seq[Expression]] = Nil
  override def withNewAlwaysEvaluatedInputs(inputs: Seq[Expression]): ConditionalExpression = this

  override def eval(input: InternalRow): Any =
    try child.eval(input)
    catch { case error: Throwable => throw RefusedOnError.instead(error, table) }

  override protected def doGenCode(ctx: CodegenContext, ev: ExprCode): ExprCode = {
    val evaluated = child.genCode(ctx)
    val error = ctx.freshName("error")
    val guard = RefusedOnError.getClass.getName.stripSuffix("$")
    val name = ctx.addReferenceObj("table", table)
    ev.copy(code = code"""
      boolean ${ev.isNull} = true;
      ${CodeGenerator.javaType(dataType)} ${ev.value} = ${CodeGenerator.defaultValue(dataType)};
      try {
        ${evaluated.code}
        ${ev.isNull} = ${evaluated.isNull};
        ${ev.value} = ${evaluated.value};
      } catch (Throwable $error) {
        $guard.refuse($error, $name);
      }""")
  }

  override protected def withNewChildInternal(newChild: Expression): RefusedOnError =
    copy(child = newChild)
}

object RefusedOnError {

  /** For generated code. */
  def refuse(error: Throwable, table: String): Unit = throw instead(error, table)

  private def instead(error: Throwable, table: String): Throwable = error match {
    case NullOnError.OfValue() =>
      IometeErrors.policyUnusable(table, "what it looks up can't be evaluated", isAdmin = false)
    case other => other
  }
}
