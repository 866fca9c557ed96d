package io.iomete.spark.parser

import org.apache.spark.sql.catalyst.expressions.{Expression, Literal}
import org.apache.spark.sql.catalyst.parser.{
  HybridParameterContext,
  NamedParameterContext,
  ParameterContext,
  ParameterHandler,
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

  private def substitute(sqlText: String, parameters: ParameterContext): (String, PositionMapper) =
    parameters match {
      case NamedParameterContext(params) if params.values.exists(isLarge) =>
        val named = params.map { case (name, value) => name -> Literals.sqlOf(value) }
        textAndPositions(new SubstituteParamsParser().substitute(sqlText, namedParams = named))
      case PositionalParameterContext(params) if params.exists(isLarge) =>
        val positional = params.map(Literals.sqlOf).toList
        textAndPositions(new SubstituteParamsParser().substitute(sqlText, positionalParams = positional))
      case _ => ParameterHandler.substituteParameters(sqlText, parameters)
    }

  private def isLarge(value: Expression): Boolean = Literals.sqlOf(value) != value.sql

  private def textAndPositions(found: (String, Int, PositionMapper)): (String, PositionMapper) =
    (found._1, found._3)

  private def isNonEmpty(parameters: ParameterContext): Boolean = parameters match {
    case NamedParameterContext(params)      => params.nonEmpty
    case PositionalParameterContext(params) => params.nonEmpty
    case HybridParameterContext(args, _)    => args.nonEmpty
  }
}

private[parser] object Literals {

  /** A literal as SQL text.
    *
    * Spark writes BIGINT with a suffix, `6591778492307147493L`, which `VERSION AS OF` and Iceberg's
    * own statements don't read. A number beyond INT is a BIGINT without it, too.
    */
  def sqlOf(value: Expression): String = value match {
    case Literal(number: Long, LongType) if !number.isValidInt && number != Long.MinValue =>
      number.toString
    case other => other.sql
  }
}
