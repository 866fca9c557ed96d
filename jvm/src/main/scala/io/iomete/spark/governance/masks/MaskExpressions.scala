package io.iomete.spark.governance.masks

import java.util.{Locale, UUID}

import io.iomete.spark.governance.decisions.Mask
import org.apache.spark.sql.catalyst.expressions._
import org.apache.spark.sql.types._

/** Masks as Catalyst expressions over a column.
  *
  * An expression has the type of its column, at most with nulls in more places, and throws on no
  * value. A mask that doesn't fit a type gives null. Arrays are masked by element, with their nulls
  * kept; structs by field; maps give null.
  */
object MaskExpressions {

  /** Field paths of one column, in lower case, with the mask of each; the empty path is the column. */
  type Rules = Map[Seq[String], Mask]

  private val fieldId = ExprId(0, new UUID(0, 0))

  /** `value` as `mask` shows it.
    *
    * @throws IllegalArgumentException
    *   for a custom mask, which is SQL over the columns of a table
    */
  def apply(mask: Mask, value: Expression, key: HashKey): Expression =
    nested(value, Map(Seq.empty[String] -> mask), key)

  /** `column` with the fields masked that `rules` name; paths lead through arrays into their structs.
    *
    * The mask of a struct covers all below it. A path that leads to no field of a struct masks
    * nothing; one that leads into a map, or into a value that has no fields, makes that null.
    */
  def nested(column: Expression, rules: Rules, key: HashKey): Expression =
    expression(column, valueMask(column.dataType, rules, key))

  /** `column` with the field that `path` leads to, through structs alone, replaced by `shown`. */
  def withField(column: Expression, path: Seq[String], shown: Expression): Expression =
    (column.dataType, path) match {
      case (struct: StructType, name +: rest) =>
        rebuilt(column, struct) { (raw, field) =>
          if (!field.name.equalsIgnoreCase(name)) (raw, false)
          else (withField(raw, rest, shown), rest.isEmpty && shown.nullable)
        }
      case _ => shown
    }

  /** Why the mask can't be applied to columns of this type at all, for those who write policies.
    *
    * That a mask nullifies what it doesn't fit is no reason.
    */
  def check(mask: Mask, dataType: DataType): Option[String] = mask match {
    case Mask.ShowFirst(characters) if characters < 0 => Some(negativeCount(characters))
    case Mask.ShowLast(characters) if characters < 0 => Some(negativeCount(characters))
    case Mask.Constant(text) if !holds(text, dataType) =>
      Some(s"`$text` is no value of type ${dataType.sql}. Give a text that can be cast to it.")
    case _ => None
  }

  private def negativeCount(characters: Int): String =
    s"`$characters` characters can't be shown. Give a number from 0 on."

  private def holds(text: String, dataType: DataType): Boolean = dataType match {
    case StructType(fields) => fields.exists(field => holds(text, field.dataType))
    case ArrayType(elementType, _) => holds(text, elementType)
    case other => Constants.literal(text, other).isDefined
  }

  private def valueMask(dataType: DataType, rules: Rules, key: HashKey): ValueMask =
    (rules.get(Nil), dataType) match {
      case (Some(Mask.Nullify), _) => Nullified
      case (Some(mask), struct: StructType) =>
        fields(struct, field => valueMask(field.dataType, Map(Seq.empty[String] -> mask), key))
      case (Some(mask), ArrayType(elementType, _)) =>
        Elements(valueMask(elementType, Map(Seq.empty[String] -> mask), key), elementType)
      case (Some(mask), other) => ofValue(mask, other, key)
      case (None, _) if rules.isEmpty => Unchanged
      case (None, struct: StructType) =>
        fields(struct, field => valueMask(field.dataType, below(rules, field.name), key))
      case (None, ArrayType(elementType, _)) =>
        valueMask(elementType, rules, key) match {
          case Unchanged => Unchanged
          case mask => Elements(mask, elementType)
        }
      case (None, _) => Nullified
    }

  private def fields(struct: StructType, maskOf: StructField => ValueMask): ValueMask = {
    val masks = struct.fields.map(maskOf).toSeq
    if (masks.forall(_ == Unchanged)) Unchanged else Fields(masks, struct)
  }

  private def below(rules: Rules, name: String): Rules = {
    val folded = name.toLowerCase(Locale.ROOT)
    rules.collect { case (path, mask) if path.head == folded => path.tail -> mask }
  }

  private def ofValue(mask: Mask, dataType: DataType, key: HashKey): ValueMask =
    (mask, dataType) match {
      case (Mask.Redact, _: StringType) => Redacted
      case (Mask.ShowFirst(characters), _: StringType) => ShownEnd(characters.max(0), atStart = true)
      case (Mask.ShowLast(characters), _: StringType) => ShownEnd(characters.max(0), atStart = false)
      case (Mask.Hash, _: StringType) => HashedText(key)
      case (Mask.Hash, BinaryType) => HashedBinary(key)
      case (Mask.Hash, LongType) => HashedLong(key)
      case (Mask.Constant(text), _) => Constants.literal(text, dataType).fold[ValueMask](Nullified)(Always(_))
      case (Mask.Year, DateType) => YearOfDate
      case (Mask.Year, TimestampType | TimestampNTZType) => YearOfTimestamp
      case (Mask.Round(digits), number: NumericType) => Rounded(digits, number)
      case (Mask.Custom(_), _) =>
        throw new IllegalArgumentException(
          "A custom mask is SQL: resolve it against its table instead of asking for its expression."
        )
      case _ => Nullified
    }

  private def expression(value: Expression, mask: ValueMask): Expression = mask match {
    case Unchanged => value
    case Nullified => Literal.create(null, value.dataType)
    case Always(constant) => constant
    case Fields(masks, struct) =>
      val maskOf = struct.fields.zip(masks).toMap
      rebuilt(value, struct)((raw, field) => (expression(raw, maskOf(field)), maskOf(field).mayGiveNull))
    case other => Masked(value, other)
  }

  /** From Spark's own parts, which the optimiser looks through: who reads one field scans no other.
    *
    * `shown` gives what a field becomes, and whether that may be null where the field isn't.
    */
  private def rebuilt(value: Expression, struct: StructType)(
      shown: (Expression, StructField) => (Expression, Boolean)
  ): Expression = {
    val fields = struct.fields.toSeq.zipWithIndex.flatMap { case (field, i) =>
      val (made, mayGiveNull) = shown(GetStructField(value, i, Some(field.name)), field)
      val nullable = field.nullable || mayGiveNull
      Seq(Literal(field.name), described(withNullability(made, nullable), field))
    }
    val masked = CreateNamedStruct(fields)
    if (value.nullable) If(IsNull(value), Literal.create(null, masked.dataType), masked) else masked
  }

  private def withNullability(value: Expression, nullable: Boolean): Expression =
    if (value.nullable == nullable) value
    else if (nullable) KnownNullable(value)
    else KnownNotNull(value)

  /** Spark keeps aliases in structs that carry metadata. One id for all: two such plans are equal. */
  private def described(value: Expression, field: StructField): Expression = value match {
    case same: GetStructField if same.metadata == field.metadata => same
    case other if field.metadata == Metadata.empty => other
    case other =>
      Alias(other, field.name)(exprId = fieldId, explicitMetadata = Some(field.metadata))
  }
}
