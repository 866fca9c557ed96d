package io.iomete.spark.identity

import java.util.{Map => JMap, UUID}

import scala.jdk.CollectionConverters._

import io.iomete.spark.errors.IometeErrors
import org.apache.spark.sql.SparkSession
import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan
import org.apache.spark.sql.classic.{SparkSession => ClassicSession, Strategy}
import org.apache.spark.sql.execution.SparkPlan
import org.apache.spark.sql.iomete.SparkInternals

/** Whose Spark session it is.
  *
  * The principal travels in a planner strategy that plans nothing, among the session's
  * `experimental.extraStrategies`. That odd place is the only part of a session's state which has
  * the three properties we need: Spark copies it when it clones a session (each streaming query runs
  * in a clone), it starts empty in `newSession()`, and neither SQL nor a configuration key reaches
  * it. A configuration key or a temporary function could be set by a query, a local property stays
  * behind in pooled threads, and a map from sessions to principals doesn't know clones.
  *
  * Scala code that overwrites the strategies loses its identity, which is a refusal, not a gain. (It
  * runs inside the driver and is trusted as far as the driver is.)
  */
object PrincipalBinding {

  /** Binds a session once; the same principal again changes nothing.
    *
    * Raises: IOMETE_PRINCIPAL_ALREADY_BOUND, IOMETE_INVALID_PRINCIPAL.
    */
  def bind(session: SparkSession, principal: String): Unit = {
    if (principal == null || principal.isBlank) throw IometeErrors.invalidPrincipal()
    // Two threads that bind the same session must not both find it unbound.
    session.experimental.synchronized {
      principalOf(session) match {
        case Some(`principal`) =>
        case Some(other)       => throw IometeErrors.principalAlreadyBound(other, principal)
        case None              => put(session, principal)
      }
    }
  }

  /** The principal of this very session, whichever session is active; None means no rights at all.
    *
    * A session that a server opened is bound here, for good, when it is first asked about: before
    * its first statement is analysed, and so before Spark clones it.
    */
  def principalOf(session: SparkSession): Option[String] = bindingsOf(session) match {
    case Seq(bound) => Some(bound.principal)
    case Seq()      => bindServed(session)
    // Several, that someone put there past `bind`: no identity.
    case _ => None
  }

  /** What the audit trail calls a session and its clones; empty for a session without a principal. */
  def idOf(session: SparkSession): String = bindingsOf(session) match {
    case Seq(bound) => bound.id
    case _          => ""
  }

  /** The session's configuration when it was bound; None for a session without a principal. */
  def settingsOf(session: SparkSession): Option[BoundSettings] = bindingsOf(session) match {
    case Seq(bound) => Some(bound.settings)
    case _          => None
  }

  /** Binds a session in which code of the library's or Iceberg's runs for `principal`, and nobody's
    * statements: what no name leads to may be read there.
    */
  private[spark] def bindTrusted(session: SparkSession, principal: String): Unit =
    session.experimental.synchronized(put(session, principal, isTrusted = true))

  private[spark] def isTrusted(session: SparkSession): Boolean = bindingsOf(session) match {
    case Seq(bound) => bound.isTrusted
    case _          => false
  }

  private def bindServed(session: SparkSession): Option[String] =
    session.experimental.synchronized {
      bindingsOf(session) match {
        case Seq() =>
          val user = ServedPrincipals.userOf(session)
          user.foreach(put(session, _))
          user
        case Seq(bound) => Some(bound.principal) // another thread was first
        case _          => None
      }
    }

  private def put(session: SparkSession, principal: String, isTrusted: Boolean = false): Unit = {
    val methods = session.experimental
    val settings = session.asInstanceOf[ClassicSession].sessionState.conf.getAllConfs
    val bound = new BoundPrincipal(principal, new BoundSettings(settings), isTrusted)
    methods.extraStrategies = methods.extraStrategies :+ bound
  }

  private def bindingsOf(session: SparkSession): Seq[BoundPrincipal] =
    session.experimental.extraStrategies.collect { case bound: BoundPrincipal => bound }
}

private[identity] final class BoundPrincipal(
    val principal: String,
    val settings: BoundSettings,
    val isTrusted: Boolean
) extends Strategy {
  val id: String = UUID.randomUUID().toString

  override def apply(plan: LogicalPlan): Seq[SparkPlan] = Nil

  override def toString: String = s"BoundPrincipal($principal)"
}

/** The settings that a session was bound with. */
final class BoundSettings(val bound: Map[String, String]) {

  @volatile private var passed: JMap[String, String] = bound.asJava

  /** Has `check` look at a session's settings, unless they are those that passed it last. */
  def checked(session: SparkSession)(check: Map[String, String] => Unit): Unit = {
    val conf = session.asInstanceOf[ClassicSession].sessionState.conf
    if (!SparkInternals.holds(conf, passed)) {
      val now = conf.getAllConfs
      check(now)
      passed = now.asJava
    }
  }
}
