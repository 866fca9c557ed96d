package io.iomete.spark.identity

import java.nio.charset.StandardCharsets.UTF_8
import java.nio.file.attribute.{PosixFileAttributes, PosixFilePermission}
import java.nio.file.{Files, InvalidPathException, Path, Paths}
import java.security.MessageDigest
import java.util.HexFormat

import scala.jdk.CollectionConverters._
import scala.util.control.NonFatal

import io.iomete.spark.errors.IometeErrors
import org.apache.spark.sql.AnalysisException
import org.slf4j.LoggerFactory

/** Tokens in a file that only its owner can read: a line is the SHA-256 of a token in hexadecimal
  * digits, white space, and the name of a user. Empty lines and those that begin with `#` don't count.
  *
  * The digests aren't salted, so tokens have to be long and random: 32 bytes from a generator. The
  * file is read again when it changes. One that can't be used any more lets nobody in.
  */
final class TokenFile private (path: Path) extends TokenVerifier {
  import TokenFile._

  @volatile private var loaded = read(path)

  override def principalOf(token: String): Option[String] =
    if (token.isBlank) None else current.users.get(digest(token))

  private def current: Loaded = {
    val known = loaded
    if (stampOf(path).contains(known.stamp)) known else synchronized { reload() }
  }

  private def reload(): Loaded = {
    loaded =
      try read(path)
      catch {
        case NonFatal(error) =>
          // Said once a change, and looked at again with the next one.
          val stamp = stampOf(path).getOrElse("")
          if (stamp != loaded.stamp) logger.error("Nobody is let in: {}", error.getMessage)
          Loaded(stamp, Map.empty)
      }
    loaded
  }
}

object TokenFile {
  private val logger = LoggerFactory.getLogger(classOf[TokenFile])
  private val line = "([0-9a-fA-F]{64})\\s+(\\S.*)".r

  /** Raises: IOMETE_TOKENS_UNUSABLE. */
  def open(file: String): TokenFile = {
    if (file.isBlank) {
      throw IometeErrors.tokensUnusable(file, s"`${TokenVerifier.key}` names no file")
    }
    val path =
      try Paths.get(file)
      catch {
        case error: InvalidPathException => throw IometeErrors.tokensUnusable(file, error.getMessage)
      }
    new TokenFile(path)
  }

  def digest(token: String): String =
    HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(token.getBytes(UTF_8)))

  /** What a file held when it looked like `stamp`. */
  private final case class Loaded(stamp: String, users: Map[String, String])

  private def read(path: Path): Loaded = {
    // Looked at first: what is written while we read is seen as a change the next time.
    val attributes =
      try Files.readAttributes(path, classOf[PosixFileAttributes])
      catch { case NonFatal(error) => throw unusable(path, s"it can't be read ($error)") }
    val others = attributes.permissions.asScala.filterNot(_.name.startsWith("OWNER_"))
    if (others.nonEmpty) {
      throw unusable(path, s"others than its owner have rights on it (${namesOf(others)})")
    }
    val lines =
      try Files.readAllLines(path, UTF_8).asScala.map(_.trim).toSeq
      catch { case NonFatal(error) => throw unusable(path, s"it can't be read ($error)") }
    Loaded(stampOf(attributes), usersIn(path, lines))
  }

  private def usersIn(path: Path, lines: Seq[String]): Map[String, String] =
    lines.zipWithIndex.foldLeft(Map.empty[String, String]) {
      case (users, ("", _))                          => users
      case (users, (text, _)) if text.startsWith("#") => users
      // The line itself isn't told: someone may have put the token there.
      case (users, (line(digest, user), number)) =>
        if (users.get(digest.toLowerCase).exists(_ != user)) {
          throw unusable(path, s"line ${number + 1} gives a token to a second user")
        }
        users + (digest.toLowerCase -> user)
      case (_, (_, number)) =>
        throw unusable(path, s"line ${number + 1} is no SHA-256 digest followed by a user")
    }

  private def stampOf(path: Path): Option[String] =
    try Some(stampOf(Files.readAttributes(path, classOf[PosixFileAttributes])))
    catch { case NonFatal(_) => None }

  private def stampOf(found: PosixFileAttributes): String =
    s"${found.fileKey} ${found.lastModifiedTime} ${found.size} ${found.permissions}"

  private def namesOf(permissions: Iterable[PosixFilePermission]): String =
    permissions.map(_.name.toLowerCase).toSeq.sorted.mkString(", ")

  private def unusable(path: Path, problem: String): AnalysisException =
    IometeErrors.tokensUnusable(path.toString, problem)
}
