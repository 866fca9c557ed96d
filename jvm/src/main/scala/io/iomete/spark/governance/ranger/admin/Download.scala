package io.iomete.spark.governance.ranger.admin

/** One part as the server sent it.
  *
  * @param activated
  *   since when it is in force here, in milliseconds; Ranger Admin shows it
  */
private[admin] final class Download(val version: Long, val activated: Long, val json: Array[Byte])

/** What is known of a service: all four parts, or that there is no such service. */
private[admin] sealed trait Known {

  /** A part that is here already. */
  def part(part: Part): Option[Download]
}

private[admin] object Known {

  final class Whole(val parts: Map[Part, Download]) extends Known {
    override def part(part: Part): Option[Download] = parts.get(part)
  }

  /** The server says that it doesn't know the service: what it once said of it no longer holds. */
  case object Gone extends Known {
    override def part(part: Part): Option[Download] = None
  }
}

/** What a server's answer says. */
private[admin] sealed trait Answer

private[admin] object Answer {
  final class Changed(val json: Array[Byte]) extends Answer
  case object Unchanged extends Answer
  case object NoSuchService extends Answer
}

/** The server can't be reached, or answers what can't be used. The message holds no secret. */
private[admin] final class AdminFailure(problem: String, cause: Throwable = null)
    extends RuntimeException(problem, cause)
