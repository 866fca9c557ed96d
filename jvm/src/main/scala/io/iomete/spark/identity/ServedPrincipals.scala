package io.iomete.spark.identity

import java.util.concurrent.CopyOnWriteArrayList

import scala.jdk.CollectionConverters._

import org.apache.spark.sql.SparkSession

/** A server in this driver that opens Spark sessions for people it has authenticated. */
trait SessionSource {

  /** Who opened `session`; None if this server didn't, or doesn't know.
    *
    * The answer rests on what the server has verified: never on a name that a client has sent
    * without proof, nor on anything that a query or a client's configuration can set.
    */
  def userOf(session: SparkSession): Option[String]
}

/** Where [[PrincipalBinding]] asks about sessions that nobody has bound.
  *
  * An endpoint adds its source once it authenticates everyone, and not before: until then its
  * sessions belong to nobody, and run nothing.
  */
object ServedPrincipals {
  private val sources = new CopyOnWriteArrayList[SessionSource]

  /** Asks `source` from now on, too; the same one again changes nothing. */
  def add(source: SessionSource): Unit = {
    sources.addIfAbsent(source)
    ()
  }

  /** The user of a server's session. Two servers that disagree know nothing. */
  private[identity] def userOf(session: SparkSession): Option[String] =
    sources.asScala.flatMap(_.userOf(session)).filterNot(_.isBlank).distinct.toSeq match {
      case Seq(user) => Some(user)
      case _         => None
    }
}
