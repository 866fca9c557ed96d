package io.iomete.spark.governance.masks

import java.lang.management.ManagementFactory
import java.nio.file.Files

import com.sun.management.OperatingSystemMXBean
import org.apache.spark.sql.SparkSession

/** Prints what masks cost: an aggregate over 3 million rows of Parquet, with a mask and without.
  *
  * Rounds are interleaved and medians compared, so that whatever else the machine does hits all
  * alike; the processor's time is told beside the clock's. The number of rounds may be given.
  */
object MaskBenchmark {
  private val rows = 3000000L
  private val warmUps = 4
  private val masks = Seq("redacted", "last_4", "hashed")
  private val aggregates = Seq(
    "max(length(%s)), count(*)",
    "max(%s)",
    "max(%s), sum(length(note)), max(day), sum(amount)"
  )

  def main(arguments: Array[String]): Unit = {
    val rounds = arguments.headOption.fold(15)(_.toInt)
    val spark = SparkSession
      .builder()
      .master("local[2]")
      .config("spark.ui.enabled", "false")
      .withExtensions(MaskFunctions.inject)
      .getOrCreate()
    try {
      val folder = Files.createTempDirectory("masks").resolve("customers").toString
      spark.range(0, rows, 1, 4).selectExpr(
        "concat('user', id, '.', hex(hash(id)), '@Example', id % 97, '.com') AS email",
        "concat('note ', id % 1000) AS note", "date_add(DATE'2020-01-01', int(id % 1000)) AS day",
        "CAST(id % 10007 AS DECIMAL(10, 2)) AS amount"
      ).write.parquet(folder)
      spark.read.parquet(folder).createOrReplaceTempView("customers")
      aggregates.foreach(report(spark, _, rounds))
    } finally spark.stop()
  }

  private def report(spark: SparkSession, aggregate: String, rounds: Int): Unit = {
    val columns = "email" +: masks.map(mask => s"$mask(email)")
    val runs = (1 to warmUps + rounds).map(_ => columns.map(column => timed(spark, aggregate.format(column))))
    val medians = runs.drop(warmUps).transpose.map { ofColumn =>
      Timing(median(ofColumn.map(_.seconds)), median(ofColumn.map(_.cpuSeconds)))
    }
    println(s"SELECT ${aggregate.format("email")}: ${medians.head}")
    columns.zip(medians).drop(1).foreach { case (column, timing) => println(s"  $column: ${timing.against(medians.head)}") }
  }

  private final case class Timing(seconds: Double, cpuSeconds: Double) {
    override def toString: String = f"$seconds%.3f s, CPU $cpuSeconds%.3f s"

    def against(bare: Timing): String =
      f"$this, ratios ${seconds / bare.seconds}%.2f and ${cpuSeconds / bare.cpuSeconds}%.2f"
  }

  private def timed(spark: SparkSession, aggregate: String): Timing = {
    val (start, cpuStart) = (System.nanoTime(), cpu.getProcessCpuTime)
    val _ = spark.sql(s"SELECT $aggregate FROM customers").collect()
    Timing((System.nanoTime() - start) / 1e9, (cpu.getProcessCpuTime - cpuStart) / 1e9)
  }

  private def cpu: OperatingSystemMXBean =
    ManagementFactory.getPlatformMXBean(classOf[OperatingSystemMXBean])

  private def median(values: Seq[Double]): Double = values.sorted.apply(values.size / 2)
}
