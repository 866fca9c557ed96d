package io.iomete.spark.governance

import java.io.IOException

import scala.util.control.NonFatal

import io.iomete.spark.errors.{IometeErrors, Refused}
import io.iomete.spark.governance.audit.{AuditEvent, Verdict}
import io.iomete.spark.governance.plan.{QueryReads, RelationName, TableRead}
import io.iomete.spark.identity.PrincipalBinding
import org.apache.spark.sql.classic.{SparkSession => ClassicSession}
import org.apache.spark.sql.execution.SQLExecution

/** Leaves the events of what a session reads, and of what it is refused. */
final class ReadAudit(governed: GovernedSession) {
  private val session = governed.session.asInstanceOf[ClassicSession]

  /** One event a table and path. Raises: IOMETE_AUDIT_FAILED if they must be written and can't. */
  def record(reads: QueryReads): Unit = {
    val query = queryId
    reads.tables
      .groupBy(read => (read.table, read.rights))
      .values
      .map(_.head)
      .foreach(read => write(allowed(read, reads.columns.get(read.table), query)))
    reads.paths.foreach(path => write(ofPath(path, query)))
  }

  /** Runs `body`, and records its refusal if it is refused. */
  def refusals[T](body: => T): T =
    try body
    catch {
      case NonFatal(error: Refused) =>
        if (error.markRecorded()) write(denied(error))
        throw error
    }

  /** Somebody named a relation that isn't there for them; whether it exists isn't asked. */
  def hidden(name: RelationName): Unit =
    write(
      event("select", name.table.fullName, Verdict.Denied, queryId)
        .copy(reason = Some("nothing is granted on it, or it doesn't exist"))
    )

  /** The same of a namespace. */
  def hidden(namespace: Seq[String]): Unit =
    write(
      event("use", decisions.ResourceNames.quoted(namespace), Verdict.Denied, queryId)
        .copy(reason = Some("nothing is granted in it, or it doesn't exist"))
    )

  private def allowed(read: TableRead, used: Option[Set[String]], query: String): AuditEvent = {
    val names = used.map(_.map(decisions.ResourceNames.column))
    val masks = read.decision.masks.flatten.collect {
      case (column, rule) if names.forall(_(column.takeWhile(_ != '.'))) =>
        column -> rule.mask.rangerType
    }.toMap
    event("select", read.table.fullName, Verdict.Allowed, query).copy(
      columns = names.map(_.toSeq.sorted),
      policies = read.decision.policies,
      masks = masks,
      filters = read.decision.filters.map(_.policy),
      snapshot = read.snapshot,
      via = read.rights.views.map(_.fullName)
    )
  }

  private def ofPath(path: String, query: String): AuditEvent =
    event("read", path, Verdict.Allowed, query)

  private def denied(error: Refused): AuditEvent =
    event(error.action, error.resource, Verdict.Denied, queryId).copy(reason = Some(error.reason))

  private[governance] def event(action: String, resource: String, verdict: Verdict, query: String): AuditEvent =
    AuditEvent(
      principal = governed.principal,
      action = action,
      resource = resource,
      columns = None,
      verdict = verdict,
      policies = Nil,
      masks = Map.empty,
      filters = Nil,
      snapshot = None,
      query = query,
      session = PrincipalBinding.idOf(session),
      application = session.sparkContext.applicationId,
      via = Nil,
      reason = None
    )

  /** Anybody can set the property: what isn't an execution that is running is no name for one. */
  private[governance] def queryId: String =
    Option(session.sparkContext.getLocalProperty(SQLExecution.EXECUTION_ID_KEY))
      .flatMap(_.toLongOption)
      .filter(id => SQLExecution.getQueryExecution(id) != null)
      .fold(java.util.UUID.randomUUID().toString)(id => s"${session.sparkContext.applicationId}-$id")

  private[governance] def write(event: AuditEvent): Unit =
    try governed.governance.audit.write(event)
    catch { case error: IOException => throw IometeErrors.auditFailed(error) }
}
