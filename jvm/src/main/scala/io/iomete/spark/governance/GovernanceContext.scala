package io.iomete.spark.governance

import io.iomete.spark.governance.audit.AuditWriter
import io.iomete.spark.governance.decisions.PolicyEngine
import io.iomete.spark.governance.masks.HashKey
import io.iomete.spark.governance.plan.PolicyExpressions
import io.iomete.spark.governance.renames.KnownTables
import io.iomete.spark.governance.ranger.RangerPolicyEngine
import io.iomete.spark.governance.ranger.admin.AdminConnection
import io.iomete.spark.system.SystemTablesEngine
import org.apache.spark.sql.SparkSession

/** All that governs one driver.
  *
  * @param bundle
  *   the lakehouse's own file with principals, tags, owners and, unless they come from elsewhere, policies
  * @param source
  *   which lakehouse's policies these are, and from where
  * @param policySession
  *   a session that analyses policies' own expressions, and never runs anything
  */
final class GovernanceContext(
    val bundle: String,
    val source: String,
    val ranger: RangerPolicyEngine,
    val hashKey: HashKey,
    val audit: AuditWriter,
    private[spark] val policySession: SparkSession,
    val expressions: PolicyExpressions
) {
  val engine: PolicyEngine = new SystemTablesEngine(ranger)

  /** What tables are, whatever they are called; None until there is a metadata database to ask. */
  @volatile private[spark] var known: Option[KnownTables] = None

  def isPolicySession(session: SparkSession): Boolean = session eq policySession
}

object GovernanceContext {

  private[spark] def sourceOf(bundle: String, admin: Option[AdminConnection]): String =
    admin.fold(bundle)(connection => s"$bundle with $connection")
}

/** The one governance of this JVM. */
object GovernanceState {
  @volatile private[spark] var current: Option[GovernanceContext] = None
}
