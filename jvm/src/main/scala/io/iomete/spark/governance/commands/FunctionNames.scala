package io.iomete.spark.governance.commands

import io.iomete.spark.governance.{GovernedSession, Governing}
import org.apache.spark.sql.SparkSession
import org.apache.spark.sql.catalyst.analysis._
import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan
import org.apache.spark.sql.catalyst.rules.Rule
import org.apache.spark.sql.classic.{SparkSession => ClassicSession}
import org.apache.spark.sql.connector.catalog.LookupCatalog
import org.apache.spark.sql.errors.QueryCompilationErrors

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

  override def apply(plan: LogicalPlan): LogicalPlan = {
    Governing.of(session).filterNot(_.isAdmin).foreach { governed =>
      val names = new FunctionLookup(governed)
      plan.foreachWithSubqueries { node =>
        node match {
          case name: UnresolvedFunctionName => names.require(name.multipartIdentifier, name)
          case other =>
            other.expressions.foreach(_.foreach {
              case call: UnresolvedFunction => names.require(call.nameParts, node)
              case _                        => ()
            })
        }
      }
    }
    plan
  }
}

private final class FunctionLookup(governed: GovernedSession) extends LookupCatalog {
  private val state = governed.session.asInstanceOf[ClassicSession].sessionState
  override protected val catalogManager = state.catalogManager

  /** Raises: UNRESOLVED_ROUTINE, as for a function that isn't there. */
  def require(parts: Seq[String], node: LogicalPlan): Unit = if (parts.size > 1) {
    val isHidden = parts match {
      case CatalogAndIdentifier(catalog, identifier) =>
        !isBuiltIn(parts) && !FunctionNames.isKnown(governed, catalog.name, identifier.namespace.toSeq)
      case _ => false
    }
    if (isHidden) {
      val current = catalogManager.currentCatalog.name +: catalogManager.currentNamespace.toSeq
      val path = state.conf.resolutionSearchPath(current).map(_.map(quoted).mkString("."))
      throw QueryCompilationErrors.unresolvedRoutineError(parts, path, node.origin)
    }
  }

  private def isBuiltIn(parts: Seq[String]): Boolean =
    Set("builtin", "session", "system")(parts.head.toLowerCase(java.util.Locale.ROOT))

  private def quoted(part: String): String = io.iomete.spark.governance.decisions.ResourceNames.quoted(Seq(part))
}
