package io.iomete.spark.governance.masks

import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.catalyst.expressions.{GenericInternalRow, Literal}
import org.apache.spark.sql.catalyst.util.{ArrayData, GenericArrayData}
import org.apache.spark.sql.types.{ArrayType, DataType, StructType}

/** What a mask does to one value of one type, in Catalyst's own representation.
  *
  * Masks are equal if they do the same, so that equal plans stay equal.
  */
private[masks] trait ValueMask extends Product with Serializable {

  /** The masked value, or null; `value` never is. Throws on no value. */
  def apply(value: Any): Any

  /** Whether a value that isn't null may become null. */
  def mayGiveNull: Boolean = false

  /** The type of what it gives: `dataType` itself, or one that holds nulls in more places. */
  def typeOf(dataType: DataType): DataType = dataType

  /** What plans show. */
  def name: String

  final override def toString: String = name
}

/** The value as it is. */
private[masks] case object Unchanged extends ValueMask {
  override def apply(value: Any): Any = value
  override def name: String = "unchanged"
}

private[masks] case object Nullified extends ValueMask {
  override def apply(value: Any): Any = null
  override def mayGiveNull: Boolean = true
  override def name: String = "nullified"
}

/** One value for all. A column, or a field of a struct, holds it instead of null, too. */
private[masks] final case class Always(constant: Literal) extends ValueMask {
  override def apply(value: Any): Any = constant.value
  override def name: String = "constant"
}

/** Elements of an array; those that are null stay so. */
private[masks] final case class Elements(mask: ValueMask, elementType: DataType) extends ValueMask {

  override def apply(value: Any): Any = {
    val elements = value.asInstanceOf[ArrayData]
    val masked = new Array[Any](elements.numElements())
    var i = 0
    while (i < masked.length) {
      if (!elements.isNullAt(i)) masked(i) = mask(elements.get(i, elementType))
      i += 1
    }
    new GenericArrayData(masked)
  }

  override def typeOf(dataType: DataType): DataType = dataType match {
    case array: ArrayType =>
      ArrayType(mask.typeOf(array.elementType), array.containsNull || mask.mayGiveNull)
    case other => other
  }

  override def name: String = s"elements_${mask.name}"
}

/** Fields of a struct, by their position. */
private[masks] final case class Fields(masks: Seq[ValueMask], struct: StructType) extends ValueMask {
  private val types = struct.fields.map(_.dataType)
  private val maskAt = masks.toArray

  override def apply(value: Any): Any = {
    val row = value.asInstanceOf[InternalRow]
    val masked = new Array[Any](maskAt.length)
    var i = 0
    while (i < masked.length) {
      masked(i) = field(row, i)
      i += 1
    }
    new GenericInternalRow(masked)
  }

  private def field(row: InternalRow, i: Int): Any = maskAt(i) match {
    case Always(constant) => constant.value
    case mask => if (row.isNullAt(i)) null else mask(row.get(i, types(i)))
  }

  override def typeOf(dataType: DataType): DataType = dataType match {
    case StructType(fields) =>
      StructType(fields.zip(masks).map { case (field, mask) =>
        field.copy(dataType = mask.typeOf(field.dataType), nullable = field.nullable || mask.mayGiveNull)
      })
    case other => other
  }

  override def name: String = masks.map(_.name).mkString("fields_", "_", "")
}
