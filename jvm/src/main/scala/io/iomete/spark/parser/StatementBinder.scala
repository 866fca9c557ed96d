package io.iomete.spark.parser

import org.apache.spark.sql.catalyst.parser.{
  HybridParameterContext,
  NamedParameterContext,
  ParameterContext,
  ParameterHandler,
  ParseException,
  PositionMapper,
  PositionalParameterContext
}

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
      try ParameterHandler.substituteParameters(sqlText, parameters)
      catch { case _: ParseException => MarkerTokens.substitute(sqlText, parameters) }
    BoundStatement(text, positions, isNonEmpty(parameters))
  }

  private def isNonEmpty(parameters: ParameterContext): Boolean = parameters match {
    case NamedParameterContext(params)      => params.nonEmpty
    case PositionalParameterContext(params) => params.nonEmpty
    case HybridParameterContext(args, _)    => args.nonEmpty
  }
}
