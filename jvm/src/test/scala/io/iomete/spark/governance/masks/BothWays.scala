package io.iomete.spark.governance.masks

import io.iomete.spark.governance.decisions.Mask
import org.apache.spark.sql.catalyst.{CatalystTypeConverters, InternalRow}
import org.apache.spark.sql.catalyst.expressions.{BoundReference, Expression, UnsafeProjection}
import org.apache.spark.sql.catalyst.expressions.codegen.{GenerateMutableProjection, GenerateUnsafeProjection}
import org.apache.spark.sql.types.{DataType, StringType}
import org.apache.spark.unsafe.types.UTF8String
import org.scalatest.Assertions

/** Evaluates masks interpreted and by generated code, which have to give the same. */
private[masks] object BothWays extends Assertions {
  /** One mask of one type, for many values in Scala's representation. */
  final class OfMask(mask: Mask, dataType: DataType, nullable: Boolean = true) {
    private val expression = MaskExpressions(mask, BoundReference(0, dataType, nullable), TestKey.key)
    private val evaluation = new Of(expression)
    private val toCatalyst = CatalystTypeConverters.createToCatalystConverter(dataType)
    assert(DataType.equalsIgnoreNullability(expression.dataType, dataType))

    def apply(value: Any): Any =
      CatalystTypeConverters.convertToScala(catalyst(toCatalyst(value)), dataType)

    def catalyst(value: Any): Any = evaluation(value)
  }

  final class Of(expression: Expression) {
    private val dataType = expression.dataType
    private val unsafe = GenerateUnsafeProjection.generate(Seq(expression))
    private val mutable = GenerateMutableProjection.generate(Seq(expression))
    private val interpretedUnsafe = UnsafeProjection.create(Seq(BoundReference(0, dataType, expression.nullable)))

    def apply(value: Any): Any = {
      val row = InternalRow(value)
      val interpreted = expression.eval(row)
      assert(interpreted != null || expression.nullable)
      val viaMutable = mutable(row).get(0, dataType)
      val viaUnsafe = unsafe(row)
      // The bytes of a row are the same or they aren't.
      assert(interpretedUnsafe(InternalRow(interpreted)) == viaUnsafe)
      assert(interpretedUnsafe(InternalRow(viaMutable)) == viaUnsafe)
      interpreted
    }
  }

  /** What a mask makes of a string. */
  def text(mask: Mask): String => String = {
    val masked = new OfMask(mask, StringType)
    value => masked(value).asInstanceOf[String]
  }

  /** The same, of bytes that may not be UTF-8. */
  def bytes(mask: Mask): Array[Byte] => Array[Byte] = {
    val masked = new OfMask(mask, StringType)
    value => masked.catalyst(UTF8String.fromBytes(value)).asInstanceOf[UTF8String].getBytes
  }
}
