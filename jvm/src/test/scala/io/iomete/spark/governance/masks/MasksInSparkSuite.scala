package io.iomete.spark.governance.masks

import java.sql.Date
import java.util.Base64

import org.apache.spark.sql.{DataFrame, Row, SparkSession}
import org.apache.spark.sql.execution.{CodegenMode, ExtendedMode, FormattedMode, WholeStageCodegenExec}
import org.apache.spark.sql.functions.col
import org.apache.spark.sql.types._
import org.scalatest.BeforeAndAfterAll
import org.scalatest.funsuite.AnyFunSuite

class MasksInSparkSuite extends AnyFunSuite with BeforeAndAfterAll {
  private lazy val spark: SparkSession = SparkSession
    .builder()
    .master("local[2]")
    .config("spark.ui.enabled", "false")
    .config("spark.sql.shuffle.partitions", "2")
    .config("spark.sql.session.timeZone", "Pacific/Kiritimati")
    .withExtensions(MaskFunctions.inject)
    .getOrCreate()

  override def afterAll(): Unit = spark.stop()

  private val contact = StructType.fromDDL("email STRING NOT NULL, phone BIGINT, city STRING")
  private val schema = StructType(Seq(
    StructField("id", LongType, nullable = false),
    StructField("name", StringType),
    StructField("contact", contact),
    StructField("others", ArrayType(contact)),
    StructField("tags", ArrayType(StringType)),
    StructField("born", DateType),
    StructField("seen", TimestampType),
    StructField("paid", DecimalType(10, 2))
  ))
  private val rows = Seq(
    Row(1L, "Anna", Row("a@b.c", 5L, "Bonn"), Seq(Row("d@e.f", 6L, null), null), Seq("VIP", null),
      Date.valueOf("1980-05-05"), timestamp("2020-01-01T01:00:00Z"), new java.math.BigDecimal("12.35")),
    Row(2L, null, null, null, null, null, null, null),
    Row(3L, "李小龙", Row("x@y.z", null, null), Seq(), Seq(), Date.valueOf("0999-12-31"),
      timestamp("2019-12-31T23:59:59Z"), new java.math.BigDecimal("99999999.99"))
  )

  private def timestamp(text: String): java.sql.Timestamp = java.sql.Timestamp.from(java.time.Instant.parse(text))

  private def people: DataFrame = {
    val written = java.nio.file.Files.createTempDirectory("masks").resolve("people").toString
    spark.createDataFrame(spark.sparkContext.parallelize(rows, 2), schema).write.parquet(written)
    spark.read.schema(schema).parquet(written)
  }

  private def all(data: DataFrame): DataFrame =
    data.selectExpr("id" +: MaskFunctions.rules.keys.toSeq.sorted.map(column => s"mask_$column($column) AS $column"): _*)
      .select(schema.names.map(col).toSeq: _*)

  private val expected = Seq(
    Row(1L, "Xxxx", Row("a****", 10L, "Bonn"), Seq(Row("x@x.x", 6L, null), null), Seq("**P", null),
      Date.valueOf("1980-01-01"), timestamp("2020-01-01T00:00:00Z"), new java.math.BigDecimal("12.40")),
    Row(2L, null, null, null, null, null, null, null),
    Row(3L, "xxx", Row("x****", null, null), Seq(), Seq(), Date.valueOf("0999-01-01"),
      timestamp("2019-01-01T00:00:00Z"), null)
  )

  test("masks hold in real plans, with whole-stage code, with code by operator, and without any") {
    Seq("true" -> "CODEGEN_ONLY", "false" -> "CODEGEN_ONLY", "false" -> "NO_CODEGEN").foreach { case (whole, factory) =>
      spark.conf.set("spark.sql.codegen.wholeStage", whole)
      spark.conf.set("spark.sql.codegen.factoryMode", factory)
      try {
        val data = all(people)
        assert(data.orderBy("id").collect().toSeq == expected)
        assert(data.queryExecution.executedPlan.exists(_.isInstanceOf[WholeStageCodegenExec]) == (whole == "true"))
        assert(DataType.equalsIgnoreNullability(data.schema, schema))
      } finally {
        spark.conf.unset("spark.sql.codegen.wholeStage")
        spark.conf.unset("spark.sql.codegen.factoryMode")
      }
    }
  }

  test("masked values are filtered, joined, grouped, sorted and cached as what they show") {
    val data = all(people)
    assert(data.where("name = 'Xxxx'").count() == 1 && data.where("name = 'Anna'").count() == 0)
    assert(data.where("contact.email = 'a****'").select("id").head() == Row(1L))
    assert(data.where("get(others, 0).email = 'x@x.x'").count() == 1)
    assert(data.groupBy("contact.email").count().collect().toSet == Set(Row("a****", 1), Row("x****", 1), Row(null, 1)))
    assert(data.agg(Map("contact.email" -> "max", "tags" -> "max", "others" -> "max")).count() == 1)
    assert(data.select("name").union(data.select("contact.email")).distinct().count() == 5)
    assert(data.as("l").join(data.as("r"), col("l.contact.email") === col("r.contact.email")).count() == 2)
    val cached = data.cache()
    try assert(cached.orderBy("id").collect().toSeq == expected)
    finally { val _ = cached.unpersist() }
  }

  test("who reads an unmasked field scans neither the others nor their masks") {
    val plan = all(people).select("contact.city").queryExecution.executedPlan.toString
    assert(plan.contains("ReadSchema: struct<contact:struct<city:string>>") && !plan.contains("masked_"))
  }

  test("a guarded expression holds in whole-stage code, and doesn't show the value in an error") {
    val data = people
    val result = data.selectExpr("guarded(CAST(name AS INT)) AS a", "guarded(CAST(name AS INT) + 1) AS b", "name")
      .where("a IS NULL AND b IS NULL")
    assert(result.count() == 3)
    assert(result.collect().length == 3)
  }

  test("explain holds no byte of the key") {
    val data = people
    val hashed = data.selectExpr("hashed(name) AS name", "hashed(others) AS others")
    val key = TestKey.bytes
    val shown = Seq(ExtendedMode, FormattedMode, CodegenMode).map(hashed.queryExecution.explainString(_)) :+
      hashed.queryExecution.executedPlan.toJSON
    assert(shown.head.contains("masked_hashed"))
    val needles = Seq(key.map(b => f"$b%02x").mkString.take(8), Base64.getEncoder.encodeToString(key).take(8),
      key.take(4).mkString(","), key.take(4).mkString(", "))
    for (text <- shown; needle <- needles) assert(!text.contains(needle))
    assert(hashed.select("name").where("name is not null").head().getString(0).length == 32)
  }
}
