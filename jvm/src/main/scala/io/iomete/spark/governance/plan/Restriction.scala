package io.iomete.spark.governance.plan

import io.iomete.spark.errors.IometeErrors
import io.iomete.spark.governance.GovernedSession
import io.iomete.spark.governance.decisions._
import io.iomete.spark.governance.masks.MaskExpressions
import org.apache.spark.sql.catalyst.expressions.{Mask => _, _}

/** What a decision makes of one relation, as expressions over its raw columns.
  *
  * @param columns
  *   the relation's columns, each with the name that policies know it by; metadata columns have None
  */
final class Restriction(
    governed: GovernedSession,
    table: TableResource,
    columns: Seq[(Attribute, Option[String])],
    decision: CombinedDecision
) {
  private val named = columns.map { case (column, name) => name.fold(column)(column.withName) }

  /** True for the rows that are shown; None if all are. */
  def predicate: Option[Expression] = usable {
    decision.principalsOfFilters.map { case (rule, principal) =>
      governed.governance.expressions.filter(rule.predicate, table, named, principal)
    }
  }.reduceOption(And(_, _))

  /** A column as it is shown, or [[DeniedColumn]]. */
  def shown(column: Attribute, policyName: Option[String]): Expression = policyName match {
    case Some(name) if !decision.isVisible(name) =>
      denied(column)
    // They show values of other columns, and by rows' places how many are hidden.
    case None if !decision.isPlain(named.filterNot(isMetadata).map(_.name)) =>
      denied(column)
    case None                                       => column
    case Some(name) if decision.isShownAsItIs(name) => column
    case Some(name) =>
      decision.principalsOfMasks.foldLeft[Expression](column) { case (value, (rules, principal)) =>
        usable(masked(value, column, ResourceNames.column(name), rules, principal))
      }
  }

  private def denied(column: Attribute): Expression =
    DeniedColumn(table.fullName, column.name, column.dataType, decision.rights.views.headOption.map(_.fullName))

  private def isMetadata(attribute: Attribute): Boolean = attribute match {
    case MetadataAttribute(_) => true
    case _                    => false
  }

  private def masked(
      value: Expression,
      column: Attribute,
      name: String,
      rules: Map[String, MaskRule],
      principal: String
  ): Expression = {
    val key = governed.governance.hashKey
    val prefix = name + "."
    val inFields = rules.collect {
      case (path, rule) if path.startsWith(prefix) =>
        path.stripPrefix(prefix).split('.').toSeq -> rule.mask
    }
    val custom = inFields.toSeq.collect { case (path, Mask.Custom(text)) => path -> text }
    val builtIn = inFields.filterNot { case (path, _) => custom.exists(_._1 == path) }
    // masks of a struct's fields come before one of the whole column, and custom ones see the others
    val inside = if (builtIn.isEmpty) value else MaskExpressions.nested(value, builtIn, key)
    val made = custom
      .filterNot { case (path, _) => builtIn.keys.exists(path.startsWith(_)) }
      .sortBy { case (path, _) => (-path.length, path.mkString(".")) }
      .foldLeft(inside) { case (made, (path, text)) =>
        MaskExpressions.withField(made, path, customised(text, made, column, path, principal))
      }
    rules.get(name).map(_.mask) match {
      case Some(Mask.Custom(text)) => customised(text, made, column, Nil, principal)
      case Some(mask)              => MaskExpressions(mask, made, key)
      case None                    => made
    }
  }

  /** What a custom mask makes of a column, or of a field in it, whose `value` other masks have made. */
  private def customised(
      text: String,
      value: Expression,
      column: Attribute,
      path: Seq[String],
      principal: String
  ): Expression = {
    val renamed = named.find(_.exprId == column.exprId).getOrElse(column)
    val expressions = governed.governance.expressions
    expressions.mask(text, renamed, table, named, principal, path).transformUp {
      case a: Attribute if a.exprId == column.exprId => value
    }
  }

  /** What is wrong with a policy is told to administrators; for others, the table can't be read. */
  private def usable[T](body: => T): T =
    try body
    catch {
      case error: PolicyExpressionException =>
        throw IometeErrors.policyUnusable(
          table.fullName,
          error.getMessage,
          isAdmin = governed.isAdmin
        )
    }
}
