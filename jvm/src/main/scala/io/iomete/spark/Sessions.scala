package io.iomete.spark

import io.iomete.spark.identity.PrincipalBinding
import org.apache.spark.sql.SparkSession

/** What Python calls over Py4J to give Spark sessions their principals.
  *
  * Each method takes the session it is about; none looks at the active session, which belongs to a
  * thread and not to a person.
  */
object Sessions {

  def bindPrincipal(session: SparkSession, principal: String): Unit =
    PrincipalBinding.bind(session, principal)

  /** The principal, or null for a session without one (Py4J knows no Option). */
  def principalOf(session: SparkSession): String = PrincipalBinding.principalOf(session).orNull

  /** A session of its own for `principal`: no temporary view, variable or setting of `session`'s. */
  def newSession(session: SparkSession, principal: String): SparkSession = {
    val fresh = session.newSession()
    PrincipalBinding.bind(fresh, principal)
    fresh
  }
}
