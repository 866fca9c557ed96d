package io.iomete.spark.governance.ranger

import java.nio.file.{Files, NoSuchFileException, Path}
import java.nio.file.attribute.{BasicFileAttributes, FileTime}

import scala.util.control.NonFatal

/** The bundle in a file: loads it, and again whenever the file is another one.
  *
  * What can't be used never replaces what is in force.
  */
private final class FileSource(file: Path) extends PolicySource {
  private var seen: Option[FileSource.FileState] = None
  @volatile private var loaded: Published = first()
  @volatile private var trouble: Option[String] = None

  override val origin: String = s"`$file`"

  override def published: Published = loaded

  override def problem: Option[String] = trouble

  override def refresh(): Boolean = synchronized {
    val before = loaded
    try look()
    catch {
      case interrupted: InterruptedException => throw interrupted
      // Of any kind: an error that ended the watching would leave old policies in force unseen.
      case error: Throwable =>
        // What can't be read is tried again; what can't be used is, when it changes.
        if (!error.isInstanceOf[UnusableBundle]) seen = None
        trouble = Some(FileSource.describe(file, error))
    }
    loaded ne before
  }

  override def close(): Unit = ()

  private def look(): Unit = {
    val state = FileSource.stateOf(file)
    if (!seen.contains(state) || state.isYoung) {
      val bytes = Files.readAllBytes(file)
      // The state of before the reading: a change during it is met at the next look.
      seen = Some(state)
      val digest = Bundle.verifiedDigest(bytes)
      if (digest != loaded.digest) take(BundleReader.read(bytes, digest))
      trouble = None
    }
  }

  private def take(bundle: Bundle): Unit = {
    def refuse(what: String): Nothing =
      throw new UnusableBundle(s"The policy bundle $what.", "publish the policies of this lakehouse again.")
    if (bundle.lakehouse != loaded.lakehouse) refuse("belongs to another lakehouse")
    if (bundle.version < loaded.version) {
      refuse(s"has version ${bundle.version}, and version ${loaded.version} is in force")
    }
    if (bundle.version == loaded.version) refuse(s"is another one with the same version ${bundle.version}")
    loaded = Published.of(bundle)
  }

  private def first(): Published =
    try {
      val state = FileSource.stateOf(file)
      val published = Published.of(Bundle.read(Files.readAllBytes(file)))
      seen = Some(state)
      published
    } catch {
      case NonFatal(error) =>
        throw new UnusableBundle(
          FileSource.describe(file, error),
          "no session starts without its policies; see that the file is there and can be read.",
          error
        )
    }
}

private object FileSource {

  /** What changes when a file is replaced. */
  final case class FileState(modified: FileTime, size: Long, key: AnyRef) {

    /** Whether the file may change again without a trace: clocks of file systems tick slowly. */
    def isYoung: Boolean = System.currentTimeMillis() - modified.toMillis < youth
  }

  private val youth = 2000L

  def stateOf(file: Path): FileState = {
    val attributes = Files.readAttributes(file, classOf[BasicFileAttributes])
    FileState(attributes.lastModifiedTime, attributes.size, String.valueOf(attributes.fileKey))
  }

  def describe(file: Path, error: Throwable): String = error match {
    case unusable: UnusableBundle => s"`$file`: ${unusable.getMessage}"
    case _: NoSuchFileException   => s"The policy bundle `$file` does not exist."
    case other                    => s"The policy bundle `$file` cannot be read: $other."
  }
}
