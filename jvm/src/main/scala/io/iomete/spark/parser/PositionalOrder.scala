package io.iomete.spark.parser

import scala.util.control.NoStackTrace

import org.apache.spark.sql.SparkSession
import org.apache.spark.sql.catalyst.expressions.{Expression, Literal}
import org.apache.spark.sql.catalyst.parser.{ParameterContext, PositionalParameterContext}

/** Brings positional parameters back into the order in which they were given.
  *
  * Spark 4.1.0 to 4.1.3 collects them in a Map from `_pos_0`, `_pos_1` … and hands on its values:
  * from five on, in the order of hashes, so that `SELECT ?, ?, ?, ?, ?` is silently answered with
  * other values (SPARK-58341, fixed in later releases). The order of a Map with those keys is known
  * and can be undone. Whether there is anything to undo is found out once, by a query that Spark
  * hands to our parser and that gets no further.
  */
private[parser] object PositionalOrder {
  private val largestOrderedMap = 4
  private val probeSize = 32

  /** Thrown out of the parser with what a probe found. */
  private final class ProbeAnswer(val values: Seq[Expression]) extends RuntimeException with NoStackTrace

  private val probing = new ThreadLocal[Boolean] {
    override def initialValue(): Boolean = false
  }
  @volatile private var scrambled: Option[Boolean] = None

  def restore(session: SparkSession, parameters: ParameterContext): ParameterContext =
    parameters match {
      case PositionalParameterContext(params) if params.size > largestOrderedMap =>
        if (probing.get) throw new ProbeAnswer(params)
        if (isScrambled(session)) PositionalParameterContext(unscrambled(params)) else parameters
      case other => other
    }

  private def unscrambled(params: Seq[Expression]): Seq[Expression] =
    params.zip(orderOfMap(params.size)).sortBy(_._2).map(_._1)

  private def orderOfMap(size: Int): Seq[Int] =
    (0 until size).map(i => s"_pos_$i" -> i).toMap.values.toSeq

  private def isScrambled(session: SparkSession): Boolean = scrambled.getOrElse {
    val values = 0 until probeSize
    val found = probe(session, values)
    // In neither order we would only make it worse: then Spark's word stands.
    val answer = found != values && found == orderOfMap(probeSize)
    scrambled = Some(answer)
    answer
  }

  private def probe(session: SparkSession, values: Seq[Int]): Seq[Any] = {
    probing.set(true)
    try {
      val _ = session.sql(values.map(_ => "?").mkString("SELECT ", ", ", ""), values.toArray)
      values
    } catch {
      case answer: ProbeAnswer => answer.values.collect { case Literal(value, _) => value }
    } finally probing.remove()
  }
}
