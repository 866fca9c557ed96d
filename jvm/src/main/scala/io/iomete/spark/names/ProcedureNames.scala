package io.iomete.spark.names

import scala.util.Try

import org.apache.spark.sql.catalyst.expressions.{Expression, NamedArgumentExpression}
import org.apache.spark.sql.catalyst.parser.CatalystSqlParser
import org.apache.spark.sql.catalyst.plans.logical.Call
import org.apache.spark.sql.types.StringType

/** Names inside the arguments of `CALL`: Iceberg's `snapshot`, `register_table` and `migrate` create
  * tables under names that reach them as text.
  *
  * Which argument is a name differs by procedure. So every text that parses as a name is held to the
  * rule, unless it is a location, which the parser refuses for its slashes.
  */
private[names] object ProcedureNames {

  def check(call: Call): Unit = call.args.flatMap(textOf).flatMap(nameIn).foreach { parts =>
    NamePart.check("table", parts)
  }

  private def textOf(argument: Expression): Option[String] = argument match {
    case NamedArgumentExpression(_, value) => textOf(value)
    case value if value.foldable && value.dataType == StringType =>
      Option(value.eval()).map(_.toString)
    case _ => None
  }

  private def nameIn(text: String): Option[Seq[String]] =
    Try(CatalystSqlParser.parseMultipartIdentifier(text)).toOption
}
