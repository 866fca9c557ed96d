package io.iomete.spark.governance

import io.iomete.spark.governance.audit.AuditWriter
import io.iomete.spark.governance.decisions.PolicyEngine
import io.iomete.spark.governance.masks.HashKey
import io.iomete.spark.governance.plan.PolicyExpressions
import io.iomete.spark.governance.ranger.RangerPolicyEngine
import org.apache.spark.sql.SparkSession

/** All that governs one driver.
  *
  * @param policySession
  *   a session that analyses policies' own expressions, and never runs anything
  */
final class GovernanceContext(
    val bundle: String,
    val ranger: RangerPolicyEngine,
    val hashKey: HashKey,
    val audit: AuditWriter,
    policySession: SparkSession,
    val expressions: PolicyExpressions
) {
  val engine: PolicyEngine = ranger

  def isPolicySession(session: SparkSession): Boolean = session eq policySession
}

/** The one governance of this JVM. */
object GovernanceState {
  @volatile private[spark] var current: Option[GovernanceContext] = None
}
