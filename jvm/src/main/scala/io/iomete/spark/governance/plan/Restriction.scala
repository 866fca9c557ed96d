package io.iomete.spark.governance.plan

import io.iomete.spark.errors.IometeErrors
import io.iomete.spark.governance.GovernedSession
import io.iomete.spark.governance.decisions._
import io.iomete.spark.governance.masks.{HashKey, MaskExpressions}
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
      DeniedColumn(table.fullName, column.name, column.dataType)
    // They show values of other columns, and by rows' places how many are hidden.
    case None if !decision.isPlain(named.filterNot(isMetadata).map(_.name)) =>
      DeniedColumn(table.fullName, column.name, column.dataType)
    case None => column
    case Some(name) =>
      decision.principalsOfMasks.foldLeft[Expression](column) { case (value, (rules, principal)) =>
        usable(masked(value, column, ResourceNames.column(name), rules, principal))
      }
  }

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
    val inside = inFields(value, name, rules, key)
    rules.get(name).map(_.mask) match {
      case Some(Mask.Custom(text)) =>
        val renamed = named.find(_.exprId == column.exprId).getOrElse(column)
        val made = governed.governance.expressions.mask(text, renamed, table, named, principal)
        made.transformUp { case a: Attribute if a.exprId == column.exprId => inside }
      case Some(mask) => MaskExpressions(mask, inside, key)
      case None       => inside
    }
  }

  /** Masks of a struct's fields come before one of the whole column. */
  private def inFields(
      value: Expression,
      name: String,
      rules: Map[String, MaskRule],
      key: HashKey
  ): Expression = {
    val prefix = name + "."
    val nested = rules.collect {
      case (path, rule) if path.startsWith(prefix) =>
        path.stripPrefix(prefix).split('.').toSeq -> rule.mask
    }
    nested.values.collectFirst { case custom: Mask.Custom => custom }.foreach { _ =>
      throw new PolicyExpressionException(s"a custom mask is bound to a field of `$name`")
    }
    if (nested.isEmpty) value else MaskExpressions.nested(value, nested, key)
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
