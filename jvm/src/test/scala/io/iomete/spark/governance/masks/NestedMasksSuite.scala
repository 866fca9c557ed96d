package io.iomete.spark.governance.masks

import io.iomete.spark.governance.decisions.Mask
import org.apache.spark.sql.Row
import org.apache.spark.sql.catalyst.CatalystTypeConverters
import org.apache.spark.sql.catalyst.expressions._
import org.apache.spark.sql.types._
import org.scalatest.funsuite.AnyFunSuite

class NestedMasksSuite extends AnyFunSuite {
  private val comment = new MetadataBuilder().putString("comment", "private").build()
  private val email = StructField("eMail", StringType, nullable = false, comment)
  private val phone = StructField("phone", IntegerType, nullable = false)
  private val contact = StructType(Seq(email, phone, StructField("city", StringType)))

  private def nested(dataType: DataType, nullable: Boolean, rules: (String, Mask)*): Expression =
    MaskExpressions.nested(
      BoundReference(0, dataType, nullable),
      rules.map { case (path, mask) => path.split('.').toSeq.filter(_.nonEmpty) -> mask }.toMap,
      TestKey.key
    )

  private def evaluate(expression: Expression, dataType: DataType): Any => Any = {
    val both = new BothWays.Of(expression)
    val in = CatalystTypeConverters.createToCatalystConverter(dataType)
    value => CatalystTypeConverters.convertToScala(both(in(value)), dataType)
  }

  test("only the named field of a struct is masked, and its type stays") {
    val masked = nested(contact, nullable = true, "email" -> Mask.Redact)
    val show = evaluate(masked, contact)

    assert(show(Row("a@b.c", 7, "Bonn")) == Row("x@x.x", 7, "Bonn"))
    assert(show(Row("a@b.c", 7, null)) == Row("x@x.x", 7, null))
    assert(show(null) == null)
    assert(masked.dataType == contact)
    assert(masked.nullable && !nested(contact, nullable = false, "email" -> Mask.Redact).nullable)
  }

  test("a masked field becomes nullable only if the mask gives nulls") {
    val masked = nested(contact, nullable = true, "email" -> Mask.Nullify, "phone" -> Mask.Hash,
      "city" -> Mask.Constant("none"))
    val types = masked.dataType.asInstanceOf[StructType]

    assert(types.map(_.nullable) == Seq(true, true, true))
    assert(types.map(_.metadata) == contact.map(_.metadata) && types.names.sameElements(contact.names))
    assert(DataType.equalsIgnoreNullability(types, contact))
    assert(evaluate(masked, contact)(Row("a@b.c", 7, null)) == Row(null, null, "none"))
  }

  test("paths lead through arrays, of arrays, of structs") {
    val inner = StructType(Seq(StructField("Numbers", ArrayType(contact, containsNull = true)),
      StructField("id", LongType, nullable = false)))
    val outer = ArrayType(ArrayType(inner, containsNull = false), containsNull = true)
    val masked = nested(outer, nullable = true, "numbers.email" -> Mask.ShowLast(2), "id" -> Mask.Round(-1))
    val show = evaluate(masked, outer)

    val value = Seq(Seq(Row(Seq(Row("a@b.c", 7, "Bonn"), null), 12L), Row(null, 15L)), null, Seq())
    assert(show(value) == Seq(Seq(Row(Seq(Row("***.c", 7, "Bonn"), null), 10L), Row(null, 20L)), null, Seq()))
    assert(show(null) == null)
    assert(DataType.equalsIgnoreNullability(masked.dataType, outer))
    assert(nested(outer, nullable = true, "numbers.email" -> Mask.ShowLast(2)).dataType == outer)
  }

  test("the mask of a struct covers its fields, and its nulls remain") {
    val dataType = StructType(Seq(StructField("c", contact), StructField("other", StringType)))
    val masked = nested(dataType, nullable = true, "c" -> Mask.Redact, "c.city" -> Mask.Constant("open"))
    val show = evaluate(masked, dataType)

    assert(show(Row(Row("a@b.c", 7, "Bonn"), "kept")) == Row(Row("x@x.x", null, "Xxxx"), "kept"))
    assert(show(Row(null, null)) == Row(null, null))
    val whole = evaluate(nested(dataType, nullable = true, "" -> Mask.ShowFirst(1)), dataType)
    assert(whole(Row(Row("a@b.c", 7, "Bonn"), "kept")) == Row(Row("a****", null, "B***"), "k***"))
    val array = evaluate(nested(ArrayType(dataType), nullable = true, "" -> Mask.Constant("0")), ArrayType(dataType))
    assert(array(Seq(null, Row(null, null), Row(Row("a", 1, null), "k"))) ==
      Seq(null, Row(null, "0"), Row(Row("0", 0, "0"), "0")))
  }

  test("a path that leads to nothing masks nothing, one into a value that can't be told apart hides it") {
    val column = BoundReference(0, contact, nullable = true)
    assert(nested(contact, nullable = true, "missing" -> Mask.Redact, "missing.email" -> Mask.Redact) == column)
    assert(nested(contact, nullable = true) == column)
    assert(nested(ArrayType(contact), nullable = true, "missing" -> Mask.Redact).isInstanceOf[BoundReference])

    val dataType = StructType(Seq(StructField("m", MapType(StringType, contact)), StructField("s", StringType),
      StructField("k", StringType)))
    val show = evaluate(nested(dataType, nullable = true, "m.email" -> Mask.Redact, "s.email" -> Mask.Redact), dataType)
    assert(show(Row(Map("a" -> Row("a@b.c", 7, null)), "{email: 'a@b.c'}", "k")) == Row(null, null, "k"))
  }

  test("fields whose names differ in case only are all masked, each with its own value") {
    val dataType = StructType.fromDDL("a STRING").add("A", StringType).add("ä.b", StringType)
    val show = evaluate(nested(dataType, nullable = true, "a" -> Mask.ShowFirst(1)), dataType)
    assert(show(Row("one", "two", "raw")) == Row("o**", "t**", "raw"))
    val dotted = MaskExpressions.nested(BoundReference(0, dataType, nullable = true), Map(Seq("ä.b") -> Mask.Redact), TestKey.key)
    assert(evaluate(dotted, dataType)(Row("one", "two", "Raw")) == Row("one", "two", "Xxx"))
  }

  test("depth is no obstacle") {
    val deep = (1 to 60).foldLeft[DataType](StringType) { (inner, i) =>
      if (i % 2 == 0) ArrayType(inner) else StructType(Seq(StructField("f", inner)))
    }
    val value = (1 to 60).foldLeft[Any]("secret") { (inner, i) => if (i % 2 == 0) Seq(inner) else Row(inner) }
    val hidden = (1 to 60).foldLeft[Any]("xxxxxx") { (inner, i) => if (i % 2 == 0) Seq(inner) else Row(inner) }
    assert(new BothWays.OfMask(Mask.Redact, deep)(value) == hidden)
    val structs = (1 to 30).foldLeft[DataType](StringType)((inner, _) => StructType(Seq(StructField("f", inner))))
    val path = Seq.fill(30)("f").mkString(".")
    val row = (1 to 30).foldLeft[Any]("secret")((inner, _) => Row(inner))
    val shown = evaluate(nested(structs, nullable = true, path -> Mask.ShowFirst(1)), structs)(row)
    assert(shown == (1 to 30).foldLeft[Any]("s*****")((inner, _) => Row(inner)))
  }

  test("equal masks make equal plans, so that caches are found") {
    val first = nested(contact, nullable = true, "email" -> Mask.Hash, "city" -> Mask.Redact)
    val second = nested(contact, nullable = true, "email" -> Mask.Hash, "city" -> Mask.Redact)
    assert(first == second && first.semanticEquals(second) && first.hashCode == second.hashCode)
  }
}
