package io.iomete.spark.governance.ranger

import java.util.regex.Matcher

import scala.util.matching.Regex

/** Turns what policies say of the asking user into SQL functions.
  *
  * Ranger would paste the text of an attribute into the SQL, and with it whatever SQL the text
  * holds. A function binds the value.
  */
private[governance] object UserMacros {

  /** Literals, quoted names, comments, macros: what a scan has to tell apart. */
  private val token: Regex =
    ("""(?s)('(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*")""" + // 1: a literal
      """|`(?:[^`]|``)*`|--[^\n]*|/\*.*?\*/""" +
      """|(\$\{\{.*?\}\}|\{USER\})""").r // 2: a macro
  private val attribute = """\$\{\{\s*USER\.([A-Za-z][A-Za-z0-9_]*)\s*\}\}""".r
  private val userName = """\$\{\{\s*USER\._name\s*\}\}|\{USER\}""".r
  private val leftOver = """\$\{\{|\$\[\[|\{USER\}""".r

  /** The SQL without macros, or why it can't be had. */
  def rewrite(sql: String): Either[String, String] = {
    val rewritten = token.replaceAllIn(
      sql,
      found => {
        val literal = Option(found.group(1)).map(quoted => quoted.substring(1, quoted.length - 1))
        val function = literal.orElse(Option(found.group(2))).flatMap(functionOf)
        Matcher.quoteReplacement(function.getOrElse(found.matched))
      }
    )
    leftOver.findFirstIn(rewritten) match {
      case None    => Right(rewritten)
      case Some(_) => Left("its expression has a macro other than `{USER}` and `USER.attribute`, or one inside a longer literal")
    }
  }

  def hasMacro(text: String): Boolean = leftOver.findFirstIn(text).isDefined

  private def functionOf(text: String): Option[String] = text match {
    case attribute(name) => Some(s"user_attribute('$name')")
    case userName()      => Some("current_user()")
    case _               => None
  }
}
