package io.iomete.spark.parser

import scala.jdk.CollectionConverters._

import org.antlr.v4.runtime.{CharStream, CharStreams, CommonTokenStream, Token}
import org.antlr.v4.runtime.misc.Interval
import org.apache.spark.sql.AnalysisException
import org.apache.spark.sql.catalyst.expressions.Expression
import org.apache.spark.sql.catalyst.parser.{
  HybridParameterContext,
  NamedParameterContext,
  ParameterContext,
  ParameterLocation,
  PositionMapper,
  PositionalParameterContext,
  SqlBaseLexer,
  Substitution
}

/** Finds parameter markers without a grammar, for the statements that Spark's doesn't know.
  *
  * Spark's lexer tells markers from what strings, quoted names and comments hold. A `:` that follows
  * a value directly (`payload:city`) is a path into it and no marker.
  */
private[parser] object MarkerTokens {
  private final case class Marker(name: Option[String], location: ParameterLocation)

  private val word = "[A-Za-z_][A-Za-z0-9_]*".r

  def substitute(sqlText: String, parameters: ParameterContext): (String, PositionMapper) = {
    val markers = find(tokensOf(sqlText))
    val substitutions = bind(markers, parameters)
    val text = substitutions.reverse.foldLeft(sqlText)(replace)
    (text, PositionMapper(sqlText, text, substitutions))
  }

  private def tokensOf(sqlText: String): Seq[Token] = {
    val lexer = new SqlBaseLexer(new UpperCased(CharStreams.fromString(sqlText)))
    // What isn't a token of Spark's may be one of Delta's; the parsers complain where nobody's is.
    lexer.removeErrorListeners()
    val tokens = new CommonTokenStream(lexer)
    tokens.fill()
    tokens.getTokens.asScala.toSeq.filter(_.getChannel == Token.DEFAULT_CHANNEL)
  }

  private def find(tokens: Seq[Token]): List[Marker] =
    tokens.indices.toList.flatMap { i =>
      val token = tokens(i)
      token.getType match {
        case SqlBaseLexer.QUESTION =>
          Some(Marker(None, ParameterLocation(token.getStartIndex, token.getStopIndex + 1)))
        case SqlBaseLexer.COLON if !isPath(tokens, i) =>
          tokens.lift(i + 1).filter(t => word.matches(t.getText)).map { name =>
            val location = ParameterLocation(token.getStartIndex, name.getStopIndex + 1)
            Marker(Some(name.getText), location)
          }
        case _ => None
      }
    }

  private def isPath(tokens: Seq[Token], colon: Int): Boolean =
    tokens.lift(colon - 1).exists { before =>
      val adjacent = before.getStopIndex + 1 == tokens(colon).getStartIndex
      adjacent && (word.matches(before.getText) || Set(")", "]", "`").contains(
        before.getText.takeRight(1)
      ))
    }

  private def bind(markers: List[Marker], parameters: ParameterContext): List[Substitution] = {
    val (named, positional) = valuesOf(parameters)
    val ordinals = markers.filter(_.name.isEmpty).zip(positional).toMap
    markers.map { marker =>
      val value = marker.name.fold(ordinals.get(marker))(named.get)
      val literal = Literals.sqlOf(value.getOrElse(throw unbound(marker)))
      Substitution(marker.location, literal)
    }
  }

  private def valuesOf(
      parameters: ParameterContext
  ): (Map[String, Expression], Seq[Expression]) = parameters match {
    case NamedParameterContext(params)      => (params, Nil)
    case PositionalParameterContext(params) => (Map.empty, params)
    case HybridParameterContext(args, names) =>
      (names.zip(args).filter(_._1.nonEmpty).toMap, args)
  }

  private def unbound(marker: Marker): AnalysisException =
    new AnalysisException(
      errorClass = "UNBOUND_SQL_PARAMETER",
      messageParameters = Map("name" -> marker.name.getOrElse(s"_${marker.location.start}"))
    )

  /** ANTLR counts code points, a String UTF-16 units. */
  private def replace(text: String, substitution: Substitution): String = {
    val start = text.offsetByCodePoints(0, substitution.start)
    val end = text.offsetByCodePoints(0, substitution.end)
    text.substring(0, start) + substitution.replacement + text.substring(end)
  }
}

/** Shows the lexer upper case only, as its keywords are, and leaves the text of tokens as it was. */
private[parser] final class UpperCased(wrapped: CharStream) extends CharStream {
  override def LA(i: Int): Int = {
    val found = wrapped.LA(i)
    if (found <= 0) found else Character.toUpperCase(found)
  }

  override def consume(): Unit = wrapped.consume()
  override def mark(): Int = wrapped.mark()
  override def release(marker: Int): Unit = wrapped.release(marker)
  override def index(): Int = wrapped.index()
  override def seek(index: Int): Unit = wrapped.seek(index)
  override def size(): Int = wrapped.size()
  override def getSourceName: String = wrapped.getSourceName
  override def getText(interval: Interval): String = wrapped.getText(interval)
}
