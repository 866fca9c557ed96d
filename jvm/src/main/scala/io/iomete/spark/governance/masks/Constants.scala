package io.iomete.spark.governance.masks

import scala.util.control.NonFatal

import org.apache.spark.sql.catalyst.expressions.{Cast, EvalMode, Literal}
import org.apache.spark.sql.types._
import org.apache.spark.unsafe.types.UTF8String

/** Texts of constant masks as values of a column's type. */
private[masks] object Constants {

  /** None where the text is no value of this type.
    *
    * A time without a zone is one in UTC, so that it doesn't depend on who asks. CHAR is padded, a
    * text longer than CHAR or VARCHAR allows is none of its values.
    */
  def literal(text: String, dataType: DataType): Option[Literal] =
    valueOf(text, dataType).map(Literal(_, dataType))

  private def valueOf(text: String, dataType: DataType): Option[Any] = dataType match {
    case CharType(length) => upTo(length, text).map(_.rpad(length, UTF8String.fromString(" ")))
    case VarcharType(length) => upTo(length, text)
    case _: StringType => Some(UTF8String.fromString(text))
    case _: StructType | _: ArrayType | _: MapType | _: UserDefinedType[_] => None
    case scalar => cast(text, scalar)
  }

  private def upTo(length: Int, text: String): Option[UTF8String] =
    Some(UTF8String.fromString(text)).filter(_.numChars <= length)

  private def cast(text: String, dataType: DataType): Option[Any] = {
    val cast = Cast(Literal(text), dataType, Some("UTC"), EvalMode.ANSI)
    // What a text isn't, the cast says by an error of one of several kinds.
    try if (cast.checkInputDataTypes().isSuccess) Option(cast.eval()) else None
    catch { case NonFatal(_) => None }
  }
}
