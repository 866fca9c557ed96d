package org.apache.spark.sql.connect.iomete

import io.iomete.spark.identity.SessionSource
import org.apache.spark.sql.SparkSession
import org.apache.spark.sql.classic.{SparkSession => ClassicSession}
import org.apache.spark.sql.connect.service.SparkConnectService

/** Whose the sessions of the Connect server are. In Spark's package, because only there one may look.
  *
  * The server keeps a session under the user and the session id of the request that opened it, and
  * looks each request's session up by both. [[io.iomete.spark.connect.ConnectAuthentication]] lets no
  * request pass whose user isn't the token's.
  */
object ServedConnectSessions extends SessionSource {

  override def userOf(session: SparkSession): Option[String] = session match {
    case session: ClassicSession if SparkConnectService.started =>
      val known = SparkConnectService.sessionManager.listActiveSessions
      known.find(_.serverSessionId == session.sessionUUID).map(_.userId)
    case _ => None
  }
}
