package io.iomete.spark.governance.commands

import java.util.Locale

import io.iomete.spark.errors.IometeErrors
import io.iomete.spark.governance.decisions.ResourceNames
import io.iomete.spark.governance.{GovernedSession, Governing, ReadAudit}
import org.apache.spark.sql.SparkSession
import org.apache.spark.sql.catalyst.analysis.UnresolvedFunction
import org.apache.spark.sql.catalyst.expressions.{CallMethodViaReflection, Expression}
import org.apache.spark.sql.catalyst.plans.logical.{LogicalPlan, ScriptTransformation}
import org.apache.spark.sql.catalyst.rules.Rule

/** Parts of a query that run programs of the asker's choice in Spark's own processes.
  *
  * They see files, settings and secrets that no policy guards, so they need the right `execute` on
  * the session catalog, where functions live.
  */
object ForeignCode {
  private val functions = Set("reflect", "java_method", "try_reflect")

  /** Raises: IOMETE_ACCESS_DENIED. */
  def requireAllowed(governed: GovernedSession, plan: LogicalPlan): Unit =
    if (!governed.isAdmin) {
      plan.foreachWithSubqueries(node => found(node).foreach(requireMayRun(governed, _)))
    }

  private[commands] def requireMayRun(governed: GovernedSession, what: String): Unit =
    if (!governed.engine.isAllowed(governed.principal, "execute", ResourceNames.sessionCatalog, "")) {
      throw IometeErrors.foreignCodeDenied(governed.principal, what)
    }

  private def found(node: LogicalPlan): Option[String] = node match {
    case _: ScriptTransformation => Some("TRANSFORM")
    case other                   => other.expressions.iterator.flatMap(_.find(call.isDefinedAt)).map(call).nextOption()
  }

  private val call: PartialFunction[Expression, String] = {
    case unresolved: UnresolvedFunction if isReflection(unresolved.nameParts) => unresolved.nameParts.last
    case reflection: CallMethodViaReflection                                 => reflection.prettyName
  }

  private def isReflection(name: Seq[String]): Boolean = functions(name.last.toLowerCase(Locale.ROOT))
}

/** Refuses foreign code before anything is resolved: Spark runs some expressions while it analyses. */
final case class RefuseForeignCode(session: SparkSession) extends Rule[LogicalPlan] {
  override def apply(plan: LogicalPlan): LogicalPlan = {
    Governing.of(session).foreach { governed =>
      new ReadAudit(governed).refusals(ForeignCode.requireAllowed(governed, plan))
    }
    plan
  }
}
