package io.iomete.spark.governance.audit

import java.io.{FileOutputStream, IOException}
import java.nio.channels.OverlappingFileLockException
import java.nio.file.{Files, Path}
import java.nio.file.attribute.PosixFilePermissions

import scala.util.control.NonFatal

/** A file of the spool, open for appending and locked for as long as this driver may write to it.
  *
  * The lock tells readers that the driver lives: the kernel frees it with the process, however that
  * ends. It is a POSIX lock, so nothing else in this JVM may open and close the file.
  *
  * Not thread-safe; the writer sees to that.
  */
private[audit] final class SpoolFile(val path: Path) {
  private val file = path.toFile

  // Not a FileChannel: that is closed for good when a thread that writes is interrupted, which is
  // how Spark cancels work. One write() to the operating system all the same.
  private val stream = new FileOutputStream(file, true)
  private var written = file.length()
  private var isBroken = false

  if (!isLocked()) {
    stream.close()
    throw new IOException(s"`$path` is locked by another process")
  }

  private val openedAt = System.nanoTime()

  /** How long ago it was made. */
  def ageSeconds: Long = (System.nanoTime() - openedAt) / 1000000000L

  /** How many bytes are in the file. */
  def size: Long = written

  /** Whether what is written next will be found: the file is still there, and is what we wrote.
    *
    * One stat(). A removed file could be written to, and nobody would ever read it.
    */
  def isIntact: Boolean =
    !isBroken && file.length() == written && (written > 0 || file.exists())

  /** Appends a line, or leaves the file as it was.
    *
    * Raises: IOException.
    */
  def append(line: Array[Byte]): Unit =
    try {
      stream.write(line)
      written += line.length
    } catch {
      case error: IOException =>
        // A full disk takes part of a line, and the next one mustn't end up in it.
        try { stream.getChannel.truncate(written); () }
        catch { case NonFatal(_) => isBroken = true }
        throw error
    }

  /** Ends the lock, too. */
  def close(): Unit = stream.close()

  private def isLocked(): Boolean =
    try stream.getChannel.tryLock() != null
    catch {
      case _: OverlappingFileLockException => false
      case error: IOException =>
        stream.close()
        throw error
    }
}

private[audit] object SpoolFile {
  private val ownerOnly = PosixFilePermissions.fromString("rw-------")
  private val ownerOnlyFolder = PosixFilePermissions.fromString("rwx------")

  /** Makes a file that isn't there yet, mode 0600, and its folder, mode 0700. */
  def create(path: Path): SpoolFile = {
    makePrivate(path.getParent)
    Files.createFile(path, PosixFilePermissions.asFileAttribute(ownerOnly))
    try {
      Files.setPosixFilePermissions(path, ownerOnly) // a umask may have taken the owner's own rights
      new SpoolFile(path)
    } catch {
      case NonFatal(error) =>
        Files.deleteIfExists(path) // or one would stay behind for every event that is tried
        throw error
    }
  }

  private def makePrivate(folder: Path): Unit = {
    if (!Files.isDirectory(folder)) {
      Files.createDirectories(folder, PosixFilePermissions.asFileAttribute(ownerOnlyFolder))
    }
    if (Files.getPosixFilePermissions(folder) != ownerOnlyFolder) {
      Files.setPosixFilePermissions(folder, ownerOnlyFolder)
    }
    ()
  }
}
