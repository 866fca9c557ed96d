package io.iomete.spark.governance.ranger.admin

import scala.util.control.NonFatal

import com.fasterxml.jackson.databind.{DeserializationFeature, ObjectMapper}

/** The version that a download says it is of. */
private[admin] object Versions {
  private val mapper = new ObjectMapper().enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)

  /** Throws [[AdminFailure]] where what was sent is no JSON, or has no version. */
  def of(connection: AdminConnection, part: Part, json: Array[Byte]): Long = {
    def malformed(why: String, cause: Throwable = null): Nothing =
      throw new AdminFailure(s"$connection sends ${part.name} that can't be read: $why.", cause)
    val content =
      try mapper.readTree(json)
      catch { case NonFatal(error) => malformed("it is no JSON, or only the beginning of it", error) }
    val version = Option(content).map(_.path(member(part)))
    version
      .filter(_.isIntegralNumber)
      .map(_.longValue)
      .getOrElse(malformed(s"it has no `${member(part)}`"))
  }

  private def member(part: Part): String = part match {
    case Part.Policies => "policyVersion"
    case Part.Tags     => "tagVersion"
    case Part.Roles    => "roleVersion"
    case Part.Users    => "userStoreVersion"
  }
}
