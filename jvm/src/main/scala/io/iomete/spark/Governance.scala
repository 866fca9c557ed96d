package io.iomete.spark

import java.nio.file.Paths
import java.util.{List => JList}

import scala.jdk.CollectionConverters._
import scala.util.control.NonFatal

import io.iomete.spark.errors.IometeErrors
import io.iomete.spark.governance.audit.AuditWriter
import io.iomete.spark.governance.masks.HashKey
import io.iomete.spark.governance.plan.PolicyExpressions
import io.iomete.spark.governance.ranger.RangerPolicyEngine
import io.iomete.spark.governance.{
  GovernanceContext,
  GovernanceState,
  Governing,
  NameGate,
  PolicyChecks
}
import org.apache.spark.sql.SparkSession
import org.apache.spark.sql.classic.{SparkSession => ClassicSession}

/** What Python calls over Py4J to run governance; one lakehouse a driver. */
object Governance {

  /** Starts to govern every session of this driver; the same lakehouse again changes nothing.
    *
    * @param bundle
    *   the file with policies, principals, tags and roles
    * @param hashKey
    *   32 bytes that only this lakehouse knows; hash masks use them
    * @param spool
    *   the folder for audit events
    * @return
    *   the version of the bundle in force
    */
  def start(
      session: SparkSession,
      bundle: String,
      hashKey: Array[Byte],
      spool: String,
      auditRequired: Boolean
  ): Long = synchronized {
    GovernanceState.current match {
      case Some(running) if running.bundle == bundle => running.ranger.refresh()
      case Some(running) => throw IometeErrors.governanceInUse(running.bundle, bundle)
      case None =>
        val context = made(session, bundle, hashKey, spool, auditRequired)
        GovernanceState.current = Some(context)
        context.ranger.version
    }
  }

  private def made(
      session: SparkSession,
      bundle: String,
      hashKey: Array[Byte],
      spool: String,
      auditRequired: Boolean
  ): GovernanceContext =
    try {
      val engine = RangerPolicyEngine.start(Paths.get(bundle))
      val private_ = session.newSession().asInstanceOf[ClassicSession]
      new GovernanceContext(
        bundle,
        engine,
        HashKey(hashKey),
        new AuditWriter(Paths.get(spool), required = auditRequired),
        private_,
        new PolicyExpressions(private_, engine)
      )
    } catch {
      case NonFatal(error) =>
        throw IometeErrors.governanceFailed(
          Option(error.getMessage).getOrElse(error.getClass.getName),
          error
        )
    }

  /** Ends governance with the driver; whatever still runs is refused from here on. */
  private[spark] def stop(): Unit = synchronized {
    GovernanceState.current.foreach { running =>
      GovernanceState.current = None
      running.ranger.close()
      running.audit.close()
    }
  }

  /** Loads the bundle now if it has changed; returns the version in force. */
  def refresh(): Long = running.ranger.refresh()

  def version(): Long = running.ranger.version

  /** Why the newest bundle isn't in force, or null. */
  def problem(): String = running.ranger.problem.orNull

  /** What is wrong with a row filter on a table, or null. */
  def checkFilter(session: SparkSession, table: String, predicate: String): String =
    new PolicyChecks(running, session).filter(table, predicate).orNull

  /** What is wrong with a mask on a column, or null. */
  def checkMask(
      session: SparkSession,
      table: String,
      column: String,
      maskType: String,
      value: String
  ): String =
    new PolicyChecks(running, session).mask(table, column, maskType, Option(value)).orNull

  def isAdmin(session: SparkSession): Boolean = gate(session).isAdmin

  /** Whether anything is granted on a catalog, namespace or table, or below it. */
  def mayKnow(session: SparkSession, parts: JList[String]): Boolean =
    gate(session).mayKnow(parts.asScala.toSeq)

  /** Whether an action is granted on a catalog, namespace or table. */
  def may(session: SparkSession, action: String, parts: JList[String]): Boolean =
    gate(session).may(action, parts.asScala.toSeq)

  /** Whether a table is seen as it is: no column hidden or masked, no row filtered. */
  def readsPlainly(session: SparkSession, table: JList[String]): Boolean =
    gate(session).readsPlainly(table.asScala.toSeq)

  private def gate(session: SparkSession): NameGate =
    new NameGate(Governing.of(session).getOrElse(throw IometeErrors.noPrincipal()))

  private def running: GovernanceContext =
    GovernanceState.current.getOrElse(throw IometeErrors.notGoverned())
}
