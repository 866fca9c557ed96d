package io.iomete.spark.governance.masks

import org.apache.spark.TaskKilledException
import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.catalyst.expressions.{ConditionalExpression, Expression, UnaryExpression}
import org.apache.spark.sql.catalyst.expressions.codegen.{CodeGenerator, CodegenContext, ExprCode}
import org.apache.spark.sql.catalyst.expressions.codegen.Block.BlockHelper
import org.apache.spark.sql.types.DataType

/** What `child` gives, or null where it throws: makes a custom mask total.
  *
  * Spark's `TryEval` isn't enough: a part of its child that a statement uses twice is evaluated ahead
  * of it, where nothing catches; it lets errors of deep recursion and failed assertions through; and
  * it swallows the killing of a task. A conditional expression isn't looked into for such parts. A
  * constant child is folded to what this gives.
  */
final case class NullOnError(child: Expression) extends UnaryExpression with ConditionalExpression {

  override def dataType: DataType = child.dataType
  override def nullable: Boolean = true
  override lazy val throwable: Boolean = false
  override def prettyName: String = "null_on_error"

  override def alwaysEvaluatedInputs: Seq[Expression] = Nil
  override def branchGroups: Seq[Seq[Expression]] = Nil
  override def withNewAlwaysEvaluatedInputs(inputs: Seq[Expression]): ConditionalExpression = this

  override def eval(input: InternalRow): Any =
    try child.eval(input)
    catch { case NullOnError.OfValue() => null }

  override protected def doGenCode(ctx: CodegenContext, ev: ExprCode): ExprCode = {
    val evaluated = child.genCode(ctx)
    val error = ctx.freshName("error")
    val guard = NullOnError.getClass.getName.stripSuffix("$")
    ev.copy(code = code"""
      boolean ${ev.isNull} = true;
      ${CodeGenerator.javaType(dataType)} ${ev.value} = ${CodeGenerator.defaultValue(dataType)};
      try {
        ${evaluated.code}
        if (!${evaluated.isNull}) {
          ${ev.value} = ${evaluated.value};
          ${ev.isNull} = false;
        }
      } catch (Throwable $error) {
        $guard.rethrowUnlessOfValue($error);
      }""")
  }

  override protected def withNewChildInternal(newChild: Expression): NullOnError = copy(child = newChild)
}

object NullOnError {

  /** For generated code. */
  def rethrowUnlessOfValue(error: Throwable): Unit = error match {
    case OfValue() => ()
    case other => throw other
  }

  /** Errors that a value brings about, unlike those of the process or of an end from outside. */
  private[masks] object OfValue {
    def unapply(error: Throwable): Boolean = error match {
      case _: InterruptedException | _: TaskKilledException => false
      case _: Exception | _: StackOverflowError | _: AssertionError | _: NotImplementedError => true
      case _ => false
    }
  }
}
