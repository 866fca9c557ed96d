package io.iomete.spark

import java.nio.file.Paths
import java.util.{List => JList, Map => JMap}

import scala.jdk.CollectionConverters._
import scala.util.control.NonFatal

import io.iomete.spark.errors.IometeErrors
import io.iomete.spark.governance.audit.{AuditRules, AuditWriter}
import io.iomete.spark.governance.masks.HashKey
import io.iomete.spark.governance.plan.PolicyExpressions
import io.iomete.spark.governance.ranger.admin.AdminConnection
import io.iomete.spark.governance.ranger.{RangerPolicyEngine, UnusableBundle}
import io.iomete.spark.governance.renames.{KnownTableStore, KnownTables, LoadedTables}
import io.iomete.spark.governance.{
  GovernanceContext,
  GovernanceState,
  Governing,
  NameGate,
  PolicyChecks
}
import io.iomete.spark.store.{MetadataDatabase, StoreAddress}
import org.apache.spark.sql.SparkSession
import org.apache.spark.sql.classic.{SparkSession => ClassicSession}

/** What Python calls over Py4J to run governance; one lakehouse a driver. */
object Governance {

  /** Starts to govern every session of this driver; the same lakehouse again changes the audit's rules alone.
    *
    * @param bundle
    *   the file with policies, principals, tags and roles
    * @param hashKey
    *   32 bytes that only this lakehouse knows; hash masks use them
    * @param spool
    *   the folder for audit events
    * @param auditRequired
    *   whether what can't be recorded is refused
    * @param spoolFileBytes
    *   a spool file is followed by a new one before it gets longer
    * @param spoolFileSeconds
    *   … or when it is older
    * @return
    *   the version of the bundle in force
    */
  def start(
      session: SparkSession,
      bundle: String,
      hashKey: Array[Byte],
      spool: String,
      auditRequired: Boolean,
      spoolFileBytes: Long,
      spoolFileSeconds: Long
  ): Long =
    start(session, bundle, hashKey, spool, AuditRules(auditRequired, spoolFileBytes, spoolFileSeconds), None)

  /** The same by the policies of a Ranger Admin; the bundle tells owners and administrators.
    *
    * @param ranger
    *   see [[AdminConnection.of]]
    */
  def startWithRanger(
      session: SparkSession,
      bundle: String,
      hashKey: Array[Byte],
      spool: String,
      auditRequired: Boolean,
      spoolFileBytes: Long,
      spoolFileSeconds: Long,
      ranger: JMap[String, String]
  ): Long = {
    val rules = AuditRules(auditRequired, spoolFileBytes, spoolFileSeconds)
    start(session, bundle, hashKey, spool, rules, Some(AdminConnection.of(ranger)))
  }

  private def start(
      session: SparkSession,
      bundle: String,
      hashKey: Array[Byte],
      spool: String,
      rules: AuditRules,
      admin: Option[AdminConnection]
  ): Long = synchronized {
    val asked = GovernanceContext.sourceOf(bundle, admin)
    GovernanceState.current match {
      case Some(running) if running.source == asked =>
        running.audit.follow(rules)
        running.ranger.refresh()
      case Some(running) => throw IometeErrors.governanceInUse(running.source, asked)
      case None =>
        val context = made(session, bundle, hashKey, spool, rules, admin)
        GovernanceState.current = Some(context)
        context.ranger.version
    }
  }

  private def made(
      session: SparkSession,
      bundle: String,
      hashKey: Array[Byte],
      spool: String,
      rules: AuditRules,
      admin: Option[AdminConnection]
  ): GovernanceContext =
    try {
      val file = Paths.get(bundle)
      val engine = admin.fold(RangerPolicyEngine.start(file))(RangerPolicyEngine.start(file, _))
      val private_ = session.newSession().asInstanceOf[ClassicSession]
      new GovernanceContext(
        bundle,
        GovernanceContext.sourceOf(bundle, admin),
        engine,
        HashKey(hashKey),
        new AuditWriter(Paths.get(spool), rules),
        private_,
        new PolicyExpressions(private_, engine)
      )
    } catch {
      case unusable: UnusableBundle if admin.nonEmpty =>
        throw IometeErrors.governanceFailed(unusable.problem, unusable.hint, unusable)
      case NonFatal(error) =>
        throw IometeErrors.governanceFailed(
          Option(error.getMessage).getOrElse(error.getClass.getName),
          restoreBundle,
          error
        )
    }

  private val restoreBundle =
    "restore `policies/bundle.json` from `bundle.previous.json`, or open the lakehouse again with " +
      "iomete.connect(), which writes it anew."
  /** Has policies follow tables that are renamed, from now on.
    *
    * @param url
    *   of the metadata database, for JDBC
    * @param user
    *   null where the database needs none, like `password`
    */
  def knowTables(url: String, user: String, password: String): Unit = synchronized {
    val context = running
    if (context.known.isEmpty) {
      val database = new MetadataDatabase(StoreAddress(url, Option(user), Option(password), None))
      context.known = Some(
        new KnownTables(
          new KnownTableStore(database),
          new LoadedTables(context.policySession).identityOf,
          () => context.ranger.version
        )
      )
    }
  }

  /** Waits for tables that were renamed, and whose policies haven't followed; whether there are any. */
  def awaitMoves(milliseconds: Long): Boolean =
    GovernanceState.current.flatMap(_.known).exists(_.moves.await(milliseconds))

  /** What was found by [[awaitMoves]] is carried out, and in force. */
  def movesCarriedOut(): Unit = running.known.foreach(_.moves.carriedOut())

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

  /** Why the newest policies aren't in force, or null. */
  def problem(): String = running.ranger.problem.orNull

  /** Policies that can't be carried out, each with the reason; what they are on is closed. */
  def brokenPolicies(): JList[String] = running.ranger.brokenPolicies.asJava

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
