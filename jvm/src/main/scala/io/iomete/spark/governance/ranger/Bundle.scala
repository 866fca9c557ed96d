package io.iomete.spark.governance.ranger

import java.nio.charset.StandardCharsets
import java.security.MessageDigest

import org.apache.ranger.plugin.model.RangerRole
import org.apache.ranger.plugin.util.{ServicePolicies, ServiceTags}

/** A user as the bundle lists them; `groups` are all groups, nested ones included.
  *
  * Attribute values are String, Long, Double, Boolean, or Seq of one of these.
  */
final case class BundleUser(groups: Set[String], attributes: Map[String, Any], enabled: Boolean)

/** What administrators have published, as it stands in the file.
  *
  * @param owners
  *   by the parts of the full name: catalog, levels of the namespace, table
  */
final case class Bundle(
    version: Long,
    lakehouse: String,
    services: ServicePolicies,
    tags: ServiceTags,
    roles: Seq[RangerRole],
    users: Map[String, BundleUser],
    owners: Map[Seq[String], String],
    digest: String
)

/** A bundle that can't be used. The message says why, and a hint what to do about it. */
final class UnusableBundle(val problem: String, val hint: String, cause: Throwable = null)
    extends RuntimeException(s"$problem Hint: $hint", cause)

object Bundle {
  val format = 1
  private val publishAgain = "publish the policies again; `bundle.previous.json` beside it is the last version before."

  /** The last member of the file, whatever white space a serialiser puts in it. */
  private val seal = """,\s*"sha256"\s*:\s*"([0-9a-f]{64})"\s*\}\s*$""".r
  private val longestSeal = 256

  /** Reads what `bytes` hold.
    *
    * The digest is verified first, so a file that was cut off, or edited by hand, never gets as far
    * as the parser.
    */
  def read(bytes: Array[Byte]): Bundle = BundleReader.read(bytes, verifiedDigest(bytes))

  private[ranger] def unusable(problem: String, cause: Throwable = null): UnusableBundle =
    new UnusableBundle(problem, publishAgain, cause)

  /** The digest that the file states, which is the one that it has. */
  def verifiedDigest(bytes: Array[Byte]): String = {
    val tailStart = math.max(0, bytes.length - longestSeal)
    // One character a byte, so that offsets into the text are offsets into the file.
    val tail = new String(bytes, tailStart, bytes.length - tailStart, StandardCharsets.ISO_8859_1)
    val found = seal
      .findFirstMatchIn(tail)
      .getOrElse(throw unusable("The policy bundle does not end in its `sha256`: it is cut off."))
    val sha = MessageDigest.getInstance("SHA-256")
    sha.update(bytes, 0, tailStart + found.start)
    val actual = hex(sha.digest())
    if (actual != found.group(1)) {
      throw unusable("The policy bundle does not match its `sha256`: it was changed after it was published.")
    }
    actual
  }

  /** The digest as files state it. */
  private[ranger] def digestOf(bytes: Array[Byte]): String = hex(MessageDigest.getInstance("SHA-256").digest(bytes))

  private def hex(bytes: Array[Byte]): String = bytes.map(b => f"${b & 0xff}%02x").mkString
}
