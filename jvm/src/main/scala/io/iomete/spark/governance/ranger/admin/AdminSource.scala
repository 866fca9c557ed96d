package io.iomete.spark.governance.ranger.admin

import java.nio.file.Path

import scala.annotation.tailrec
import scala.util.control.NonFatal

import io.iomete.spark.governance.ranger.{FileSource, PolicySource, Published, UnusableBundle}

/** Policies of a Ranger Admin, asked for again and again by a thread of its own.
  *
  * What one time of asking brings is put in force as a whole or not at all. Where the server is away,
  * or sends what can't be used, the last good policies stay, across a restart too; where it says that
  * there is no such service, nothing is granted.
  */
private[ranger] final class AdminSource private (
    file: FileSource,
    connection: AdminConnection,
    cache: AdminCache
) extends PolicySource {
  import AdminSource._

  private val client = new AdminClient(connection)
  private var known: Option[Known] = None
  private var local: Published = file.published
  @volatile private var inForce: Option[Published] = None
  @volatile private var trouble: Option[String] = None
  @volatile private var troubleHere: Option[String] = None
  private var isKept = false
  begin()
  private val poller = new Poller(connection.poll.toMillis, () => poll())
  poller.start()

  override val origin: String = connection.toString

  override def published: Published = inForce.get

  override def problem: Option[String] = file.problem.orElse(troubleHere).orElse(trouble)

  /** Takes owners and administrators from the bundle by now; Ranger is asked by the other thread. */
  override def refresh(): Boolean = synchronized {
    val before = inForce
    val _ = file.refresh()
    if (file.published ne local) {
      try {
        known.foreach(last => inForce = Some(publish(last, file.published)))
        local = file.published
        troubleHere = None
      } catch { case NonFatal(error) => troubleHere = Some(told(error)) }
    }
    inForce ne before
  }

  override def close(): Unit = poller.interrupt()

  /** The cache first: the server is told what is here, and a version never goes back. */
  private def begin(): Unit = {
    try
      cache.read().foreach { kept =>
        take(kept)
        isKept = true
      }
    catch { case NonFatal(error) => trouble = Some(s"What was kept of $connection can't be used: ${told(error)}") }
    poll()
    if (inForce.isEmpty) {
      throw new UnusableBundle(
        trouble.getOrElse(s"$connection sends nothing."),
        "see that Ranger Admin can be reached from here, and that `governance.ranger` in the settings is right; " +
          "nothing was kept of an earlier session that policies could come from."
      )
    }
  }

  /** Asks, and puts in force what has changed. Never throws, or nobody would ask again. */
  private def poll(): Unit =
    try {
      val before = synchronized(known)
      val now = ask(before, roundsAtMost)
      if (!before.contains(now)) {
        synchronized(take(now))
        isKept = false
      }
      if (!isKept) {
        cache.write(now)
        isKept = true
      }
      trouble = Option.when(now == Known.Gone)(s"There is no $connection: nothing is granted to anybody but admins.")
    } catch {
      case interrupted: InterruptedException => throw interrupted
      case NonFatal(error)                   => trouble = Some(told(error))
    }

  /** Asks for the four parts until none has changed meanwhile, so that they belong together. */
  @tailrec
  private def ask(before: Option[Known], rounds: Int): Known = {
    val answers = Part.all.iterator.map(part => part -> client.ask(part, before.flatMap(_.part(part))))
    val gathered = answers.foldLeft(Option(Map.empty[Part, Download])) {
      case (None, _)                           => None
      case (_, (_, Answer.NoSuchService))      => None
      case (Some(parts), (part, answer))       => Some(parts + (part -> taken(part, answer, before)))
    }
    gathered match {
      case None => Known.Gone
      case Some(parts) =>
        val isSame = before.exists(last => parts.forall { case (part, found) => last.part(part).exists(_ eq found) })
        if (isSame) before.get
        else if (rounds <= 1) new Known.Whole(parts)
        else ask(Some(new Known.Whole(parts)), rounds - 1)
    }
  }

  private def taken(part: Part, answer: Answer, before: Option[Known]): Download = {
    val last = before.flatMap(_.part(part))
    answer match {
      case changed: Answer.Changed =>
        val version = Versions.of(connection, part, changed.json)
        last.filter(_.version > version).foreach { newer =>
          throw new AdminFailure(
            s"$connection sends version $version of ${part.name}, and version ${newer.version} is in force. If " +
              s"Ranger was put back to an earlier state, remove `policies/${AdminCache.fileName}` and start anew."
          )
        }
        new Download(version, System.currentTimeMillis(), changed.json)
      case _ => last.get
    }
  }

  private def take(next: Known): Unit = {
    inForce = Some(publish(next, local))
    known = Some(next)
  }

  private def publish(next: Known, local: Published): Published =
    Published.of(new AdminBundle(connection, local).of(next))
}

private[ranger] object AdminSource {

  /** More changes than that while one is asking, and the next time of asking will tell. */
  private val roundsAtMost = 5

  /** Asks the server, or goes by what was kept of an earlier session.
    *
    * Throws UnusableBundle where there is neither: a session without governance must not start.
    */
  def start(bundle: Path, connection: AdminConnection): AdminSource =
    new AdminSource(
      new FileSource(bundle),
      connection,
      new AdminCache(bundle.resolveSibling(AdminCache.fileName), connection)
    )

  private def told(error: Throwable): String = error match {
    case failure: AdminFailure    => failure.getMessage
    case unusable: UnusableBundle => unusable.problem
    case other                    => String.valueOf(other)
  }

  private final class Poller(everyMillis: Long, poll: () => Unit) extends Thread("iomete-policies-admin") {
    setDaemon(true)

    override def run(): Unit =
      try
        while (!isInterrupted) {
          Thread.sleep(everyMillis)
          poll()
        }
      catch { case _: InterruptedException => () }
  }
}
