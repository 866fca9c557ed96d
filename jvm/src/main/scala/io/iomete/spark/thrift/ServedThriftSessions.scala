package io.iomete.spark.thrift

import java.util.concurrent.ConcurrentHashMap

import scala.jdk.CollectionConverters._

import io.iomete.spark.governance.GovernanceState
import io.iomete.spark.identity.SessionSource
import org.apache.hive.service.cli.SessionHandle
import org.apache.hive.service.rpc.thrift.TSessionHandle
import org.apache.spark.sql.SparkSession

/** Whose the sessions of the Thrift server are: of who was authenticated where they were opened.
  *
  * Hive's own record isn't asked. It cuts a name at `@` and `/`, and lets clients ask for others.
  *
  * @param contexts
  *   the server's Spark sessions by handle
  */
private[thrift] final class ServedThriftSessions(
    contexts: ConcurrentHashMap[SessionHandle, SparkSession]
) extends SessionSource {
  private val owners = new ConcurrentHashMap[TSessionHandle, String]
  private val opening = new ThreadLocal[String]

  /** Runs `open`; sessions that it makes and uses in this thread are `principal`'s. */
  def opened(principal: String)(open: => Option[TSessionHandle]): Unit = {
    opening.set(principal)
    try {
      forgetClosed()
      open.foreach(owners.put(_, principal))
    } finally opening.remove()
  }

  def isOf(principal: String, handle: TSessionHandle): Boolean =
    Option(owners.get(handle)).contains(principal)

  override def userOf(session: SparkSession): Option[String] =
    contexts.asScala.collectFirst { case (handle, known) if known eq session => handle } match {
      case Some(handle) => Option(owners.get(handle.toTSessionHandle)).orElse(nowOpening(session))
      // The server runs `USE` for a session before it lists it.
      case None => nowOpening(session)
    }

  private def nowOpening(session: SparkSession): Option[String] =
    Option(opening.get).filterNot(_ => GovernanceState.current.exists(_.isPolicySession(session)))

  private def forgetClosed(): Unit = {
    val known = contexts.keySet.asScala.map(_.toTSessionHandle)
    owners.keySet.removeIf(handle => !known(handle))
    ()
  }
}
