package io.iomete.spark.governance.commands

import io.iomete.spark.governance.decisions.ResourceNames
import io.iomete.spark.governance.plan.BodyOfView
import io.iomete.spark.governance.{GovernedSession, Governing}
import org.apache.spark.sql.SparkSession
import org.apache.spark.sql.catalyst.analysis._
import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan
import org.apache.spark.sql.catalyst.rules.{Rule, RuleId}
import org.apache.spark.sql.classic.{SparkSession => ClassicSession}
import org.apache.spark.sql.iomete.SparkInternals

/** Functions of a namespace are known to who may know of the namespace. */
private[governance] object FunctionNames {

  def isKnown(governed: GovernedSession, catalog: String, namespace: Seq[String]): Boolean =
    Namespaces.isKnown(governed, catalog, namespace) || isOfFormat(governed, catalog, namespace)

  /** `lake.system.bucket` and others come with each Iceberg catalog. */
  private def isOfFormat(governed: GovernedSession, catalog: String, namespace: Seq[String]): Boolean =
    namespace == Seq("system") && Namespaces.isCatalogKnown(governed, catalog)
}

/** A function that may not be known of is missing, where a command or a query names it. */
final case class HideFunctions(session: SparkSession) extends Rule[LogicalPlan] {

  override def apply(plan: LogicalPlan): LogicalPlan =
    Governing.of(session).filterNot(_.isAdmin || BodyOfView.isBodyOf(plan)).fold(plan) { governed =>
      val lookup = new FunctionLookup(governed)
      plan.foreachWithSubqueries(_.expressions.foreach(_.foreach {
        case call: UnresolvedFunction if lookup.isHidden(call.nameParts) =>
          throw SparkInternals.functionNotFound(call.nameParts, lookup.current, call.origin)
        case _ => ()
      }))
      plan.resolveOperatorsUp {
        case name: UnresolvedFunctionName if lookup.isHidden(name.multipartIdentifier) =>
          val hidden = new HiddenFunction(name, lookup.fullName(name.multipartIdentifier))
          hidden.copyTagsFrom(name)
          hidden
      }
    }
}

/** A function that Spark's rules pass by, as if each had been found to have no effect here: Spark's own
  * check then reports it missing.
  */
private final class HiddenFunction(name: UnresolvedFunctionName, fullName: Seq[String])
    extends UnresolvedFunctionName(
      name.multipartIdentifier,
      name.commandName,
      name.requirePersistent,
      name.funcTypeMismatchHint,
      Some(fullName)
    ) {
  override protected def isRuleIneffective(ruleId: RuleId): Boolean = true
  override def canEqual(that: Any): Boolean = that.isInstanceOf[HiddenFunction]
}

private final class FunctionLookup(governed: GovernedSession) {
  private val state = governed.session.asInstanceOf[ClassicSession].sessionState
  private val analyzer = state.analyzer

  /** A name of one part is a function of Spark's, or a temporary one, or of the current namespace. */
  def isHidden(parts: Seq[String]): Boolean = parts.size > 1 && !isOfSpark(parts) && (parts match {
    case analyzer.CatalogAndIdentifier(catalog, identifier) =>
      !FunctionNames.isKnown(governed, catalog.name, identifier.namespace.toSeq)
    case _ => false
  })

  def fullName(parts: Seq[String]): Seq[String] = parts match {
    case analyzer.CatalogAndIdentifier(catalog, identifier) =>
      (catalog.name +: identifier.namespace.toSeq :+ identifier.name).map(ResourceNames.column)
    case _ => parts
  }

  def current: Seq[String] =
    state.catalogManager.currentCatalog.name +: state.catalogManager.currentNamespace.toSeq

  private def isOfSpark(parts: Seq[String]): Boolean =
    Set("builtin", "session", "system")(ResourceNames.column(parts.head))
}
