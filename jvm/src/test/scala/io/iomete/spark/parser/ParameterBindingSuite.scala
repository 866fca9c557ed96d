package io.iomete.spark.parser

import scala.util.Try

import org.apache.spark.SparkThrowable
import org.apache.spark.sql.catalyst.expressions.Literal
import org.apache.spark.sql.catalyst.parser._
import org.apache.spark.sql.execution.SparkSqlParser
import org.scalatest.funsuite.AnyFunSuite

/** For statements of Spark's own, the binding is to be the one that Spark does. */
class ParameterBindingSuite extends AnyFunSuite {
  private val spark = new SparkSqlParser()

  /** Like Delta's parser: whatever wraps Spark's and overrides nothing. */
  private val ours = new ParameterBindingParser(null, new DroppingParser(spark))

  private val parameters = NamedParameterContext(
    Map("n" -> Literal(42), "text" -> Literal("it's :n ? -- 🦆"), "minus" -> Literal(-3))
  )

  private val statements = Seq(
    "SELECT :n, :text AS t, ':n' FROM t WHERE a = :minus",
    "SELECT '🦆', :n, nope FROM t ORDER BY :n",
    "INSERT INTO t VALUES (:n, :text)",
    "CREATE VIEW v AS SELECT :n AS n",
    "BEGIN DECLARE x INT DEFAULT :n; SELECT x + :n; END",
    "SELECT /* :nope */ :n -- :nope\n, 1",
    "CALL c.s.p(a => :n, b => :text)",
    "SELECT payload:city, :n FROM t",
    "SELECT :missing",
    "SELECT :n, ?",
    "SELECT :n FROM FROM t",
    "SELECT 1",
    "EXECUTE IMMEDIATE 'SELECT :n' USING 1 AS n"
  )

  statements.foreach { statement =>
    test(s"as Spark binds it: $statement") {
      val expected = outcome(spark.parsePlanWithParameters(statement, parameters).toString)
      assert(outcome(ours.parsePlanWithParameters(statement, parameters).toString) == expected)
    }
  }

  test("positions of plan nodes lead to the text that was written") {
    val statement = "SELECT :n, :minus, nope FROM t"
    val contexts = Seq(spark, ours).map { parser =>
      val plan = parser.parsePlanWithParameters(statement, parameters)
      plan.expressions.map(_.origin.context.fragment())
    }
    assert(contexts(0) == contexts(1))
    assert(contexts(1).contains("nope"))
  }

  test("what nobody can parse gets the parsers' error") {
    val error = intercept[ParseException] {
      ours.parsePlanWithParameters("SELECT :n nonsense here (", parameters)
    }
    assert(error.getCondition == "PARSE_SYNTAX_ERROR")
  }

  test("a negative number after a minus starts no comment") {
    val plan = ours.parsePlanWithParameters("SELECT 5 -:minus, 1", parameters)
    assert(plan.expressions.size == 2)
  }

  test("statements that Spark doesn't know are bound by tokens") {
    def bound(statement: String): String = StatementBinder.bind(statement, parameters).sqlText
    assert(bound("VACUUM t RETAIN :n HOURS") == "VACUUM t RETAIN 42 HOURS")
    assert(bound("OPTIMIZE t WHERE a = ':n' AND `:n` = :n") == "OPTIMIZE t WHERE a = ':n' AND `:n` = 42")
    assert(bound("OPTIMIZE t WHERE j:n = :n -- :n") == "OPTIMIZE t WHERE j:n = 42 -- :n")
    assert(bound("OPTIMIZE `🦆` WHERE a = :n") == "OPTIMIZE `🦆` WHERE a = 42")
  }

  private def outcome(parse: => String): String = Try(parse).fold(
    {
      case error: SparkThrowable =>
        val fragments = error.getQueryContext.map(_.fragment()).mkString("|")
        s"${error.getCondition} ${error.getMessageParameters} $fragments"
      case error => error.toString
    },
    // Ids differ from one parse to the next.
    _.replaceAll("#\\d+|[0-9a-f]{8}-[0-9a-f-]{27}", "#")
  )
}
