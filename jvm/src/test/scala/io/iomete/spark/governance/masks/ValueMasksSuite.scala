package io.iomete.spark.governance.masks

import java.time.{Instant, LocalDate, LocalDateTime, ZoneOffset}
import java.time.temporal.ChronoUnit.MICROS

import scala.util.Random

import io.iomete.spark.governance.decisions.Mask
import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.catalyst.expressions.{BoundReference, Literal, TruncDate}
import org.apache.spark.sql.catalyst.util.CharVarcharUtils
import org.apache.spark.sql.types._
import org.scalatest.funsuite.AnyFunSuite

class ValueMasksSuite extends AnyFunSuite {
  private val scalars = Seq(StringType, StringType("UTF8_LCASE"), CharType(5), VarcharType(7), BinaryType,
    BooleanType, ByteType, ShortType, IntegerType, LongType, FloatType, DoubleType, DecimalType(10, 2),
    DecimalType(38, 0), DateType, TimestampType, TimestampNTZType, TimeType(6), YearMonthIntervalType(),
    DayTimeIntervalType(), CalendarIntervalType, NullType, VariantType)
  private val types = scalars ++ scalars.map(ArrayType(_, containsNull = false)) ++
    scalars.map(MapType(StringType, _)) ++
    scalars.map(t => StructType(Seq(StructField("F", t, nullable = false, described), StructField("g", t))))
  private val masks = Seq(Mask.Redact, Mask.ShowFirst(4), Mask.ShowLast(0), Mask.Hash, Mask.Nullify,
    Mask.Constant("1"), Mask.Constant("none"), Mask.Year, Mask.Round(-1))

  private def described: Metadata = new MetadataBuilder().putString("comment", "a field").build()

  test("a mask keeps the type of what it masks, whether it fits or not, and masks no null") {
    for (mask <- masks; dataType <- types; nullable <- Seq(true, false)) {
      val masked = MaskExpressions(mask, BoundReference(0, dataType, nullable), TestKey.key)
      assert(DataType.equalsIgnoreNullability(masked.dataType, dataType), s"$mask $dataType")
      assert(fieldsOf(masked.dataType).map(_.metadata) == fieldsOf(dataType).map(_.metadata))
      assert(fieldsOf(masked.dataType).map(_.nullable).zip(fieldsOf(dataType).map(_.nullable)).forall {
        case (now, before) => now || !before
      })
      assert(masked.resolved && masked.deterministic)
      assert(!masked.exists(part => part.isInstanceOf[Masked] && part.contextIndependentFoldable))
      assert(MaskExpressions(mask, BoundReference(0, dataType, nullable), TestKey.key) == masked)
      if (nullable && !mask.isInstanceOf[Mask.Constant]) assert(masked.eval(InternalRow(null)) == null)
    }
  }

  test("what a mask doesn't fit is null") {
    Seq(Mask.Redact, Mask.ShowFirst(2), Mask.ShowLast(2), Mask.Hash, Mask.Year, Mask.Constant("none"))
      .foreach(mask => assert(new BothWays.OfMask(mask, IntegerType)(42) == null))
    Seq(Mask.Year, Mask.Round(0)).foreach(mask => assert(new BothWays.OfMask(mask, StringType)("a") == null))
    masks.foreach { mask =>
      assert(new BothWays.OfMask(mask, MapType(StringType, StringType))(Map("a" -> "b")) == null)
      assert(new BothWays.OfMask(Mask.Nullify, ArrayType(StringType))(Seq("a")) == null)
    }
  }

  test("a constant is a value of the column's type") {
    Seq[(String, DataType, Any)](
      ("none", StringType, "none"),
      ("ab", CharType(4), "ab  "),
      ("ab", VarcharType(2), "ab"),
      ("-7", IntegerType, -7),
      ("7", LongType, 7L),
      ("1.5", DoubleType, 1.5),
      ("1.005", DecimalType(5, 2), new java.math.BigDecimal("1.01")),
      ("true", BooleanType, true),
      ("1970-01-01", DateType, java.sql.Date.valueOf("1970-01-01")),
      ("2020-01-01T00:00:00", TimestampType, java.sql.Timestamp.from(Instant.parse("2020-01-01T00:00:00Z"))),
      ("2020-01-01 00:00:00+02:00", TimestampType,
        java.sql.Timestamp.from(Instant.parse("2019-12-31T22:00:00Z"))),
      ("2020-01-01 00:00:00", TimestampNTZType, LocalDateTime.parse("2020-01-01T00:00:00"))
    ).foreach { case (text, dataType, expected) =>
      val masked = new BothWays.OfMask(Mask.Constant(text), dataType)
      assert(masked(null) == expected, s"$text $dataType")
      assert(MaskExpressions.check(Mask.Constant(text), dataType).isEmpty)
    }
    val array = new BothWays.OfMask(Mask.Constant("0"), ArrayType(IntegerType))
    assert(array(Seq[Any](1, null, 3)) == Seq[Any](0, null, 0) && array(null) == null)
  }

  test("a constant that is no value of the type is null, and told to who writes the policy") {
    Seq("none" -> IntegerType, "300" -> ByteType, "2020-13-01" -> DateType, "abc" -> CharType(2),
      "abc" -> VarcharType(2), "12345.6" -> DecimalType(5, 2), "x" -> MapType(StringType, StringType),
      "none" -> ArrayType(IntegerType), "none" -> StructType.fromDDL("a INT, b DATE"))
      .foreach { case (text, dataType) =>
        val problem = MaskExpressions.check(Mask.Constant(text), dataType)
        assert(problem.exists(_.contains(s"`$text`")))
      }
    assert(new BothWays.OfMask(Mask.Constant("none"), IntegerType)(1) == null)
    assert(MaskExpressions.check(Mask.Constant("none"), StructType.fromDDL("a INT, b STRING")).isEmpty)
    assert(MaskExpressions.check(Mask.ShowFirst(-1), StringType).exists(_.contains("`-1`")))
    assert(MaskExpressions.check(Mask.ShowLast(-1), StringType).exists(_.contains("`-1`")))
    Seq(Mask.Redact, Mask.Hash, Mask.Year, Mask.Round(99), Mask.ShowFirst(0), Mask.Nullify).foreach { mask =>
      types.foreach(dataType => assert(MaskExpressions.check(mask, dataType).isEmpty))
    }
  }

  test("a date becomes 1 January of its year, before the Gregorian calendar, too") {
    val masked = new BothWays.OfMask(Mask.Year, DateType)
    val random = new Random(6)
    val days = Seq(0, -1, 364, 365, -719529, -577737, -577738, Int.MaxValue) ++ Seq.fill(5000)(random.nextInt())
    days.filter(_ > Int.MinValue + 366).foreach { day =>
      val found = masked.catalyst(day).asInstanceOf[Int]
      assert(LocalDate.ofEpochDay(found.toLong) == LocalDate.ofEpochDay(day.toLong).withDayOfYear(1))
      assert(found == TruncDate(Literal(day, DateType), Literal("YEAR")).eval())
    }
    assert(masked.catalyst(Int.MinValue) == null)
  }

  test("a timestamp becomes midnight of 1 January in UTC") {
    val random = new Random(7)
    for (dataType <- Seq(TimestampType, TimestampNTZType)) {
      val masked = new BothWays.OfMask(Mask.Year, dataType)
      val micros = Seq(0L, -1L, 1L, -12219292800000000L, Long.MaxValue) ++ Seq.fill(5000)(random.nextLong())
      micros.filter(_ > Long.MinValue + 366L * 86400 * 1000000).foreach { value =>
        val before = LocalDateTime.ofEpochSecond(Math.floorDiv(value, 1000000L), 0, ZoneOffset.UTC)
        val after = Instant.EPOCH.plus(masked.catalyst(value).asInstanceOf[Long], MICROS)
        assert(after.atOffset(ZoneOffset.UTC).toLocalDateTime == before.toLocalDate.withDayOfYear(1).atStartOfDay)
      }
      assert(masked.catalyst(Long.MinValue) == null)
    }
  }

  test("numbers are rounded half up in their own type, and null where they no longer fit") {
    val decimal = DecimalType(5, 2)
    Seq[(Int, DataType, Any, Any)](
      (-1, ByteType, 14.toByte, 10.toByte), (-1, ByteType, 15.toByte, 20.toByte),
      (-1, ByteType, -15.toByte, -20.toByte), (-1, ByteType, 127.toByte, null), (-3, ByteType, 99.toByte, 0.toByte),
      (-2, ShortType, 1250.toShort, 1300.toShort), (-1, ShortType, Short.MaxValue, null),
      (-3, IntegerType, 1234500, 1235000), (2, IntegerType, 7, 7), (-9, IntegerType, Int.MaxValue, 2000000000),
      (-1, IntegerType, Int.MaxValue, null), (-100, LongType, Long.MaxValue, 0L),
      (-1, LongType, Long.MaxValue, null), (-1, LongType, Long.MinValue + 4, Long.MinValue + 8),
      (Int.MinValue, LongType, 5L, 0L), (Int.MaxValue, LongType, 5L, 5L),
      (1, DoubleType, 0.25, 0.3), (1, DoubleType, -0.25, -0.3), (2, DoubleType, 2.675, 2.68),
      (0, DoubleType, 1e300, 1e300), (-308, DoubleType, 1.7e308, null), (-400, DoubleType, 1.7e308, 0.0),
      (Int.MaxValue, DoubleType, 0.1, 0.1), (Int.MinValue, DoubleType, 0.1, 0.0),
      (0, DoubleType, Double.PositiveInfinity, Double.PositiveInfinity),
      (1, FloatType, 0.25f, 0.3f), (-38, FloatType, 3.4e38f, 3e38f), (-38, FloatType, Float.MinPositiveValue, 0.0f),
      (1, decimal, new java.math.BigDecimal("1.25"), new java.math.BigDecimal("1.30")),
      (0, decimal, new java.math.BigDecimal("999.50"), null),
      (-2, decimal, new java.math.BigDecimal("349.99"), new java.math.BigDecimal("300.00")),
      (9, decimal, new java.math.BigDecimal("1.25"), new java.math.BigDecimal("1.25")),
      (-50, decimal, new java.math.BigDecimal("1.25"), new java.math.BigDecimal("0.00"))
    ).foreach { case (digits, dataType, value, expected) =>
      assert(new BothWays.OfMask(Mask.Round(digits), dataType)(value) == expected, s"$digits $value")
    }
    assert(new BothWays.OfMask(Mask.Round(0), DoubleType)(Double.NaN).asInstanceOf[Double].isNaN)
  }

  test("a custom mask isn't taken for any other") {
    intercept[IllegalArgumentException] {
      MaskExpressions(Mask.Custom("upper({col})"), BoundReference(0, StringType, nullable = true), TestKey.key)
    }
  }

  test("a CHAR or VARCHAR keeps its length through masks that keep the length") {
    val raw = StructType(Seq(StructField("c", CharType(5)), StructField("v", VarcharType(7))))
    val read = CharVarcharUtils.replaceCharVarcharWithStringInSchema(raw)
    val masked = MaskExpressions(Mask.Redact, BoundReference(0, read, nullable = true), TestKey.key)
    val found = CharVarcharUtils.getRawSchema(masked.dataType.asInstanceOf[StructType])
    assert(found.map(_.dataType) == raw.map(_.dataType))
  }

  private def fieldsOf(dataType: DataType): Seq[StructField] = dataType match {
    case StructType(fields) => fields.toSeq
    case _ => Nil
  }
}
