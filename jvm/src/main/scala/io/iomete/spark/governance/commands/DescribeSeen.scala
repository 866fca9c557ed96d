package io.iomete.spark.governance.commands

import io.iomete.spark.governance.Governing
import org.apache.spark.sql.{Row, SparkSession}
import org.apache.spark.sql.catalyst.expressions.Attribute
import org.apache.spark.sql.execution.command.LeafRunnableCommand
import org.apache.spark.sql.types.StructField
import org.json4s.JsonDSL._
import org.json4s.jackson.JsonMethods
import org.json4s.{JArray, JNull, JString, JValue}

/** What DESCRIBE shows of a table or view to who doesn't see all of it: the columns of their queries. */
private[commands] sealed trait DescribeSeen extends LeafRunnableCommand {
  def name: Seq[String]

  protected def fields(session: SparkSession): Seq[StructField] =
    Governing.of(session).toSeq.flatMap(new SeenTables(_).schema(name))

  override def simpleString(maxFields: Int): String = s"Describe ${name.mkString(".")}"
}

/** DESCRIBE TABLE. */
private[commands] final case class DescribeSeenTable(name: Seq[String], override val output: Seq[Attribute])
    extends DescribeSeen {
  override def run(session: SparkSession): Seq[Row] =
    fields(session).map(f => Row(f.name, f.dataType.simpleString, f.getComment().orNull))
}

/** DESCRIBE TABLE … column, which is visible. */
private[commands] final case class DescribeSeenColumn(
    name: Seq[String],
    column: String,
    override val output: Seq[Attribute]
) extends DescribeSeen {
  override def run(session: SparkSession): Seq[Row] =
    fields(session).filter(_.name.equalsIgnoreCase(column)).flatMap { f =>
      Seq(
        Row("col_name", f.name),
        Row("data_type", f.dataType.simpleString),
        Row("comment", f.getComment().getOrElse("NULL"))
      )
    }
}

/** DESCRIBE TABLE … AS JSON. */
private[commands] final case class DescribeSeenJson(name: Seq[String], override val output: Seq[Attribute])
    extends DescribeSeen {
  override def run(session: SparkSession): Seq[Row] = {
    val columns = fields(session).map { f =>
      ("name" -> JString(f.name)) ~ ("type" -> JsonMethods.parse(s"""{"name": ${f.dataType.json}}""")) ~
        ("nullable" -> f.nullable) ~
        ("comment" -> f.getComment().fold[JValue](JNull)(JString(_)))
    }
    val described = ("table_name" -> name.last) ~ ("namespace" -> name.drop(1).dropRight(1)) ~
      ("catalog_name" -> name.head) ~ ("columns" -> JArray(columns.toList))
    Seq(Row(JsonMethods.compact(described)))
  }
}
