package io.iomete.spark.governance.masks

import java.math.{BigDecimal, RoundingMode}

import org.apache.spark.sql.types._

/** A number rounded half up to `digits` after the point, in its own type; null where it no longer fits.
  *
  * Floating-point numbers are rounded as `round` does: by the decimal digits that they print with.
  */
private[masks] final case class Rounded(digits: Int, dataType: NumericType) extends ValueMask {
  override def name: String = s"rounded_$digits"
  override def mayGiveNull: Boolean = true

  override def apply(value: Any): Any = value match {
    case number: Byte => integral(number.toLong, Byte.MinValue, Byte.MaxValue, _.toByte)
    case number: Short => integral(number.toLong, Short.MinValue, Short.MaxValue, _.toShort)
    case number: Int => integral(number.toLong, Int.MinValue, Int.MaxValue, _.toInt)
    case number: Long => integral(number, Long.MinValue, Long.MaxValue, identity)
    case number: Float => if (number.isNaN || number.isInfinite) number else float(number)
    case number: Double => if (number.isNaN || number.isInfinite) number else double(number)
    case number: Decimal => decimal(number)
    case _ => null
  }

  private def integral(number: Long, least: Long, most: Long, narrow: Long => Any): Any =
    if (digits >= 0) narrow(number)
    else {
      val rounded = scaled(BigDecimal.valueOf(number))
      val fits = rounded.compareTo(BigDecimal.valueOf(least)) >= 0 &&
        rounded.compareTo(BigDecimal.valueOf(most)) <= 0
      if (fits) narrow(rounded.longValueExact) else null
    }

  private def float(number: Float): Any = {
    val rounded = scaled(BigDecimal.valueOf(number.toDouble)).floatValue
    if (rounded.isInfinite) null else rounded
  }

  private def double(number: Double): Any = {
    val rounded = scaled(BigDecimal.valueOf(number)).doubleValue
    if (rounded.isInfinite) null else rounded
  }

  private def decimal(number: Decimal): Any = dataType match {
    case column: DecimalType =>
      val rounded = scaled(number.toJavaBigDecimal).setScale(column.scale, RoundingMode.HALF_UP)
      if (rounded.precision > column.precision) null else Decimal(rounded, column.precision, column.scale)
    case _ => null
  }

  /** No number has so many digits before the point that more than this would change anything. */
  private def scaled(number: BigDecimal): BigDecimal = {
    val mostDigits = 400
    if (digits >= number.scale) number
    else number.setScale(digits.max(-mostDigits), RoundingMode.HALF_UP)
  }
}
