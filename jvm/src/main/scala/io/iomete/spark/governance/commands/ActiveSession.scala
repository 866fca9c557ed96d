package io.iomete.spark.governance.commands

import org.apache.spark.sql.classic.{SparkSession => ClassicSession}

/** The session that Spark takes names, settings and catalogs from where it isn't told which. */
private[commands] object ActiveSession {

  def during[T](session: ClassicSession)(body: => T): T = {
    val before = ClassicSession.getActiveSession
    ClassicSession.setActiveSession(session)
    try body
    finally before.fold(ClassicSession.clearActiveSession())(ClassicSession.setActiveSession(_))
  }
}
