package io.iomete.spark.parser

import io.iomete.spark.governance.Governing
import io.iomete.spark.identity.PrincipalBinding
import org.apache.spark.sql.SparkSession
import org.apache.spark.sql.catalyst.{FunctionIdentifier, TableIdentifier}
import org.apache.spark.sql.catalyst.expressions.Expression
import org.apache.spark.sql.catalyst.parser.{CatalystSqlParser, ParameterContext, ParserInterface}
import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan
import org.apache.spark.sql.catalyst.trees.CurrentOrigin
import org.apache.spark.sql.internal.SQLConf
import org.apache.spark.sql.types.{DataType, StructType}

/** Binds the parameters of `sql(query, args)` and `EXECUTE IMMEDIATE … USING` before other parsers.
  *
  * Spark binds them in its own parser, in `parsePlanWithParameters`. Delta's parser, which wraps it,
  * inherits that method's default and drops them; Iceberg's hands them on but parses its own
  * statements without them. Here the parameters become literals in the text, as Spark does it, and
  * what everyone else parses has none left.
  *
  * The delegate is a field because Iceberg looks for its own parser through the fields of the
  * session's (`ExtendedParser.findParser`, for sort orders).
  */
final class ParameterBindingParser(session: SparkSession, delegate: ParserInterface)
    extends ParserInterface {
  private val variables = new ShownVariables(() => isAdmins)

  override def parsePlan(sqlText: String): LogicalPlan = ofView(parsed(sqlText)(delegate.parsePlan))

  override def parsePlanWithParameters(
      sqlText: String,
      parameters: ParameterContext
  ): LogicalPlan =
    // In Spark's legacy mode the analyser binds, and the parsers only have to leave markers alone.
    if (SQLConf.get.legacyParameterSubstitutionConstantsOnly || !mayHoldMarkers(sqlText)) {
      parsed(sqlText)(delegate.parsePlan)
    } else {
      bindAndParse(variables.substitute(sqlText), PositionalOrder.restore(session, parameters))
    }

  private def mayHoldMarkers(sqlText: String): Boolean =
    sqlText.exists(c => c == '?' || c == ':' || c == '$')

  private def bindAndParse(sqlText: String, parameters: ParameterContext): LogicalPlan = {
    val bound = StatementBinder.bind(sqlText, parameters)
    val parseAsData = () => asWritten(bound.sqlText)(delegate.parsePlan)
    if (bound.hasParameters) {
      // The positions of errors are those in the text that the user wrote.
      val origin = CurrentOrigin.get.copy(
        sqlText = Some(bound.sqlText),
        startIndex = Some(0),
        stopIndex = Some(bound.sqlText.length - 1),
        positionMapper = Some(bound.positions)
      )
      CurrentOrigin.withOrigin(origin)(parseAsData())
    } else {
      parseAsData()
    }
  }

  private def parsed[T](sqlText: String)(parse: String => T): T =
    asWritten(variables.substitute(sqlText))(parse)

  /** The delegates substitute `${…}` once more; by now it is no variable, or can't be shown. */
  private def asWritten[T](sqlText: String)(parse: String => T): T =
    if (sqlText == null || !sqlText.contains("${")) parse(sqlText)
    else {
      val conf = SQLConf.get.clone()
      conf.setConf(SQLConf.VARIABLE_SUBSTITUTE_ENABLED, false)
      SQLConf.withExistingConf(conf)(parse(sqlText))
    }

  override def parseExpression(sqlText: String): Expression = parsed(sqlText)(delegate.parseExpression)

  override def parseTableIdentifier(sqlText: String): TableIdentifier =
    parsed(sqlText)(delegate.parseTableIdentifier)

  override def parseFunctionIdentifier(sqlText: String): FunctionIdentifier =
    parsed(sqlText)(delegate.parseFunctionIdentifier)

  override def parseMultipartIdentifier(sqlText: String): Seq[String] =
    parsed(sqlText)(delegate.parseMultipartIdentifier)

  override def parseQuery(sqlText: String): LogicalPlan = ofView(parsed(sqlText)(delegate.parseQuery))

  private def ofView(plan: LogicalPlan): LogicalPlan =
    if (ViewTexts.isParsed && !isAdmins) ViewTexts.forgotten(plan) else plan

  private def isAdmins: Boolean =
    Option(session).flatMap(PrincipalBinding.principalOf).exists(Governing.isAdmin)

  /** Spark's own grammar: Iceberg's parser refuses the parameters of SQL functions altogether. */
  override def parseRoutineParam(sqlText: String): StructType =
    CatalystSqlParser.parseRoutineParam(sqlText)

  override def parseTableSchema(sqlText: String): StructType = parsed(sqlText)(delegate.parseTableSchema)

  override def parseDataType(sqlText: String): DataType = parsed(sqlText)(delegate.parseDataType)
}
