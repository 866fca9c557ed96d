package io.iomete.spark.governance.audit

/** What one decision leaves behind; its id and its time are the writer's.
  *
  * @param action
  *   select, insert, …; read and write for paths
  * @param resource
  *   a full name with parts in backticks where they need them, or a path
  * @param columns
  *   the columns used, in lower case; None where they aren't known
  * @param policies
  *   ids of the access policies that decided
  * @param masks
  *   mask types by column
  * @param filters
  *   ids of the policies whose row filters apply
  * @param query
  *   shared by all events of one execution
  * @param via
  *   the views passed through, outermost first
  * @param reason
  *   why it was denied
  */
final case class AuditEvent(
    principal: String,
    action: String,
    resource: String,
    columns: Option[Seq[String]],
    verdict: Verdict,
    policies: Seq[Long],
    masks: Map[String, String],
    filters: Seq[Long],
    snapshot: Option[String],
    query: String,
    session: String,
    application: String,
    via: Seq[String],
    reason: Option[String]
)

sealed abstract class Verdict(val text: String) extends Product with Serializable

object Verdict {
  case object Allowed extends Verdict("allowed")
  case object Denied extends Verdict("denied")
}
