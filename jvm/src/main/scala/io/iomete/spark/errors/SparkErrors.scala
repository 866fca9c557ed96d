package io.iomete.spark.errors

import org.apache.spark.ErrorClassesJsonReader
import org.apache.spark.sql.catalyst.parser.CatalystSqlParser

/** What Spark itself says; ours must not differ where a difference would tell something. */
private[errors] object SparkErrors {
  private val reader = new ErrorClassesJsonReader(
    Seq(classOf[ErrorClassesJsonReader].getClassLoader.getResource("error/error-conditions.json"))
  )

  def template(condition: String): String = reader.getMessageTemplate(condition)

  /** A full name with each part in backticks, as Spark prints it. */
  def quoted(fullName: String): String =
    CatalystSqlParser
      .parseMultipartIdentifier(fullName)
      .map(part => "`" + part.replace("`", "``") + "`")
      .mkString(".")
}
