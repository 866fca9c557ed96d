package io.iomete.spark.parser

import org.apache.spark.sql.catalyst.expressions.{Expression, Literal}
import org.apache.spark.sql.catalyst.parser.{
  HybridParameterContext,
  NamedParameterContext,
  ParameterContext,
  ParameterExpectation,
  ParseException,
  PositionMapper,
  PositionalParameterContext,
  SubstituteParamsParser
}
import org.apache.spark.sql.types.LongType

/** A statement with literals in place of its parameter markers.
  *
  * @param positions
  *   leads from positions in `sqlText` back to the statement as it was written
  */
private[parser] final case class BoundStatement(
    sqlText: String,
    positions: PositionMapper,
    hasParameters: Boolean
)

private[parser] object StatementBinder {

  /** Binds by Spark's grammar, or by tokens where Spark doesn't know the statement.
    *
    * `OPTIMIZE`, `VACUUM` or `ADD PARTITION FIELD` are Delta's and Iceberg's alone. A statement that
    * nobody knows ends up there too; its error then comes from the parsers.
    */
  def bind(sqlText: String, parameters: ParameterContext): BoundStatement = {
    val (text, positions) =
      try substitute(sqlText, parameters)
      catch { case _: ParseException => MarkerTokens.substitute(sqlText, parameters) }
    BoundStatement(text, positions, isNonEmpty(parameters))
  }

  /** What Spark's ParameterHandler does, with [[Literals]] for its own way to write values. */
  private def substitute(sqlText: String, parameters: ParameterContext): (String, PositionMapper) = {
    val spark = new SubstituteParamsParser()
    val (text, _, positions) = parameters match {
      case NamedParameterContext(params) =>
        val named = params.map { case (name, value) => name -> Literals.sqlOf(value) }
        spark.substitute(sqlText, namedParams = named)
      case PositionalParameterContext(params) =>
        spark.substitute(sqlText, positionalParams = params.map(Literals.sqlOf).toList)
      case HybridParameterContext(args, names) =>
        val values = args.map(Literals.sqlOf).toList
        spark.substitute(
          sqlText,
          namedParams = names.zip(values).filter(_._1.nonEmpty).toMap,
          positionalParams = values,
          expectationType = ParameterExpectation.Unknown,
          allParametersAreNamed = !names.exists(_.isEmpty),
          originalArgs = args,
          originalParamNames = names
        )
    }
    (text, positions)
  }

  private def isNonEmpty(parameters: ParameterContext): Boolean = parameters match {
    case NamedParameterContext(params)      => params.nonEmpty
    case PositionalParameterContext(params) => params.nonEmpty
    case HybridParameterContext(args, _)    => args.nonEmpty
  }
}

private[parser] object Literals {

  /** A literal as SQL text, where Spark's own would be misread.
    *
    * Spark writes BIGINT with a suffix, `6591778492307147493L`, which `VERSION AS OF` and Iceberg's
    * own statements don't read; a number beyond INT is a BIGINT without it, too. And a negative
    * number after a minus, `5 -?`, would start a comment.
    */
  def sqlOf(value: Expression): String = {
    val sql = value match {
      case Literal(number: Long, LongType) if !number.isValidInt && number != Long.MinValue =>
        number.toString
      case other => other.sql
    }
    if (sql.startsWith("-")) " " + sql else sql
  }
}
