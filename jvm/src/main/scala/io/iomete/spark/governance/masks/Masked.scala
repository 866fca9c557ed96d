package io.iomete.spark.governance.masks

import org.apache.spark.sql.catalyst.expressions.{AttributeReference, Expression, UnaryExpression}
import org.apache.spark.sql.catalyst.expressions.codegen.{CodeGenerator, CodegenContext, ExprCode}
import org.apache.spark.sql.types.DataType

/** A column, or a part of one, as a mask shows it. Null stays null.
  *
  * The mask reaches generated code as an object, so that neither code nor plan holds a key.
  */
private[masks] final case class Masked(child: Expression, mask: ValueMask) extends UnaryExpression {

  override def dataType: DataType = mask.typeOf(child.dataType)
  override def nullable: Boolean = child.nullable || mask.mayGiveNull
  override def nullIntolerant: Boolean = true
  override def prettyName: String = s"masked_${mask.name}"
  override def toString: String = s"$prettyName($child)"

  override protected def nullSafeEval(value: Any): Any = mask(value)

  override protected def doGenCode(ctx: CodegenContext, ev: ExprCode): ExprCode = {
    val reference = ctx.addReferenceObj("mask", mask, classOf[ValueMask].getName)
    val masked = ctx.freshName("masked")
    val boxed = CodeGenerator.boxedType(dataType)
    nullSafeCodeGen(
      ctx,
      ev,
      value => {
        val argument = if (isPrimitive) s"$boxed.valueOf($value)" else value
        val call = s"Object $masked = $reference.apply($argument);"
        val assignment = s"${ev.value} = ($boxed) $masked;"
        if (mask.mayGiveNull) s"$call ${ev.isNull} = $masked == null; if (!${ev.isNull}) { $assignment }"
        else s"$call $assignment"
      }
    )
  }

  private def isPrimitive: Boolean = CodeGenerator.isPrimitiveType(dataType)

  override protected def withNewChildInternal(newChild: Expression): Masked = copy(child = newChild)
}

/** A column under a built-in mask. */
object MaskedColumn {
  def unapply(expression: Expression): Option[AttributeReference] = expression match {
    case Masked(column: AttributeReference, _) => Some(column)
    case _ => None
  }
}
