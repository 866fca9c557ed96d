package io.iomete.spark.governance.audit

import java.io.IOException
import java.nio.file.{FileSystemException, Path}
import java.time.Instant
import java.util.UUID
import java.util.concurrent.atomic.AtomicLong

import org.slf4j.LoggerFactory

/** Writes audit events to `audit-<driver>-<number>.jsonl` in a folder, safe for threads.
  *
  * When `write` returns, the operating system has the whole line: the end of this process, even by
  * `kill -9`, loses nothing. The end of the machine may lose the last seconds, as nothing is synced.
  *
  * Files are kept short, in bytes and in time: readers delete those that are done with.
  */
final class AuditWriter(folder: Path, @volatile private var rules: AuditRules)
    extends AutoCloseable {
  private val logger = LoggerFactory.getLogger(classOf[AuditWriter])

  /** A writer's own, so that two in one JVM never meet. */
  val driver: String = UUID.randomUUID().toString

  private val events = new AtomicLong
  private val lostEvents = new AtomicLong
  @volatile private var isFailing = false

  private var number = 0
  private var current: Option[SpoolFile] = None
  private var isClosed = false

  // Now rather than at the first query: who requires auditing wants to know at the start.
  guarded(synchronized { next(); () })

  /** Goes by other rules from now on. */
  def follow(other: AuditRules): Unit = rules = other

  /** Events that couldn't be written, where they aren't required. */
  def lost: Long = lostEvents.get

  /** Raises: IOException where auditing is required and the event can't be written. */
  def write(event: AuditEvent): Unit = {
    val line = AuditLine.bytes(s"$driver-${events.incrementAndGet()}", Instant.now(), event)
    val isWritten = guarded(synchronized(fileFor(line).append(line)))
    if (!isWritten) { lostEvents.incrementAndGet(); () }
    else if (isFailing) recovered()
  }

  /** Ends the writer; readers may take the rest and remove the files. */
  override def close(): Unit = synchronized {
    isClosed = true
    current.foreach(_.close())
    current = None
  }

  private def fileFor(line: Array[Byte]): SpoolFile =
    current match {
      case Some(file) if file.isIntact && hasRoom(file, line) && !isOld(file) => file
      case _ => next()
    }

  private def hasRoom(file: SpoolFile, line: Array[Byte]): Boolean =
    file.size == 0 || file.size + line.length <= rules.fileBytes

  private def isOld(file: SpoolFile): Boolean = file.size > 0 && file.ageSeconds >= rules.fileSeconds

  /** The next file; the one before is closed only then, so that it is never without a successor. */
  private def next(): SpoolFile = {
    if (isClosed) throw new IOException("the writer is closed")
    number += 1
    val file = SpoolFile.create(folder.resolve(f"audit-$driver-$number%06d.jsonl"))
    val before = current
    current = Some(file)
    before.foreach(_.close())
    file
  }

  /** Whether `body` was done. */
  private def guarded(body: => Unit): Boolean =
    try {
      body
      true
    } catch {
      case error: IOException => refuse(error)
      // A file system without owners and modes.
      case error: UnsupportedOperationException => refuse(error)
    }

  private def refuse(cause: Exception): Boolean = {
    val error = new IOException(
      s"The audit trail in `$folder` can't be written: ${reasonOf(cause)}. Hint: make room on the " +
        "disk, and see that the folder is there, is this user's, and allows file locks",
      cause
    )
    if (rules.required) throw error
    failing(error)
    false
  }

  private def failing(error: IOException): Unit = synchronized {
    if (!isFailing) {
      isFailing = true
      logger.error("Audit events are being lost. {}", error.getMessage)
    }
  }

  private def recovered(): Unit = synchronized {
    if (isFailing) {
      isFailing = false
      logger.error("Audit events are written again; {} were lost so far.", lost)
    }
  }

  /** Java's file system errors are named by their path alone where the system gave no text. */
  private def reasonOf(error: Exception): String = error match {
    case named: FileSystemException if named.getReason == null =>
      s"${named.getClass.getSimpleName} ${named.getFile}"
    case other => Option(other.getMessage).getOrElse(other.getClass.getSimpleName)
  }
}
