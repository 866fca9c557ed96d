package io.iomete.spark.governance.renames

import java.util.concurrent.{ConcurrentHashMap, LinkedBlockingQueue, ThreadPoolExecutor, TimeUnit}

import scala.collection.concurrent.TrieMap
import scala.util.control.NonFatal

import io.iomete.spark.governance.decisions.TableResource
import org.apache.spark.internal.Logging

/** Knows tables by what they are, so that a policy stays with a table that is called otherwise.
  *
  * Each table is recorded when it is met first, with the names that it and its columns have then.
  * From there on policies are about that name, until the Python side has moved them: whoever asks for
  * the table under another name, whoever has renamed it and in whichever program, is answered by the
  * policies of both.
  *
  * A rename of ours is recorded before it happens ([[Renaming]]); one of other programs is noticed
  * when the table is met ([[found]]).
  *
  * Cost: a look into the metadata database for each table that a driver meets first, a comparison of
  * its columns for each further decision.
  *
  * @param load
  *   the identity of the table that has a name now, or None
  * @param version
  *   of the policies in force: what is recorded for later ones doesn't hold yet
  */
final class KnownTables(
    store: KnownTableStore,
    load: TableResource => Option[TableIdentity],
    version: () => Long
) extends Logging {
  import KnownTables._

  val moves = new PendingMoves
  private val known = new ConcurrentHashMap[String, Remembered]()
  private val settled = new ConcurrentHashMap[(String, TableResource), Settled]()
  private val looked = TrieMap.empty[Any, Long]
  @volatile private var silentUntil = 0L
  private val background = {
    // What doesn't fit is met again.
    val pool = new ThreadPoolExecutor(1, 1, 10, TimeUnit.SECONDS, new LinkedBlockingQueue[Runnable](1000),
      (work: Runnable) => {
        val thread = new Thread(work, "iomete-known-tables")
        thread.setDaemon(true)
        thread
      },
      new ThreadPoolExecutor.DiscardPolicy)
    pool.allowCoreThreadTimeOut(true)
    pool
  }

  /** What policies may call a table that was loaded under a name. */
  def boundTo(table: TableResource, identity: TableIdentity): Bound = {
    val now = version()
    val memo = settled.get((identity.key, table))
    if (memo != null && memo.version == now && memo.shape == identity.shape) memo.bound
    else {
      val bound = remembered(table, identity).fold(Bound.byName) { found =>
        val first = boundBy(found, table, identity, now)
        if (first.isByName) first else boundBy(again(identity.key, found), table, identity, now)
      }
      if (!bound.isByName) found(table, identity.key)
      else if (!isSilent) keep((identity.key, table), Settled(identity.shape, now, bound))
      bound
    }
  }

  /** Further names of what has a name, by renames of this driver that aren't carried out yet. */
  def aliases(table: TableResource): Seq[TableResource] = moves.aliases(table)

  /** Records a table under the name that it still has; returns once that is durable.
    *
    * Throws what JDBC throws: what can't be recorded mustn't be renamed.
    */
  def ensure(table: TableResource, identity: TableIdentity): Unit = {
    val _ = remember(identity.key, store.learn(identity.key, table, identity.columns))
  }

  /** Records that something without an identity is about to be renamed; the id of the record. */
  def begin(from: TableResource, to: TableResource, principal: String): String =
    store.begin(Move(None, from, to, Map.empty, isStatement = true, principal))

  def takeBack(begun: String): Unit = { val _ = quietly { store.takeBack(begun); true } }

  /** Records where a statement of ours has brought something; whether that worked. */
  def complete(rename: Rename, begun: Option[String], principal: String): Boolean = quietly {
    begun.foreach(store.complete)
    rename.identity.foreach { identity =>
      for {
        to <- rename.to.iterator.flatMap(name => load(name).filter(_.key == identity.key).map(name -> _)).nextOption()
        last <- store.find(identity.key).headOption
      } {
        val (name, now) = to
        store.record(Move(Some(identity.key -> last.since), last.table, name, now.columns, isStatement = true, principal))
      }
    }
    true
  }

  private def quietly(work: => Boolean): Boolean =
    try work
    catch {
      case NonFatal(error) =>
        logWarning("A rename couldn't be recorded; both names are protected", error)
        false
    }

  /** Looks, a moment later, whether a name is that of a table which policies call otherwise: somebody
    * who may not know of the name asks for it, and gets no answer that takes longer if it is there.
    */
  def lookFor(table: TableResource): Unit = seldom(("look", table)) {
    load(table).foreach { identity =>
      check(table, identity, remember(identity.key, store.find(identity.key)))
    }
  }

  /** A table that has another name than policies know, or other columns: is it so, or was it? */
  private def found(table: TableResource, key: String): Unit = seldom((key, table)) {
    load(table).filter(_.key == key).foreach { identity =>
      check(table, identity, remember(key, store.find(key)))
    }
  }

  private def check(table: TableResource, identity: TableIdentity, rows: Seq[KnownTable]): Unit = rows.headOption.foreach { last =>
    val isRenamed = last.table != table || identity.columns.exists { case (id, path) =>
      last.columns.get(id).exists(_ != path)
    }
    // Two names of one table, as of files that were registered twice, are both its names for good.
    val hasBothNames = last.table != table && load(last.table).exists(_.key == identity.key)
    val move = Move(Some(identity.key -> last.since), last.table, table, identity.columns, isStatement = false, nobody)
    if (isRenamed && !hasBothNames && isDue(move, repetition)) {
      store.record(move)
      moves.announce()
    }
  }

  private def boundBy(rows: Seq[KnownTable], table: TableResource, identity: TableIdentity, now: Long): Bound = {
    val inForce = rows.find(_.since <= now).getOrElse(rows.last)
    Bound.of(inForce, table, identity)
  }

  /** What is known of a table; None where the store can't be asked: then its name has to do. */
  private def remembered(table: TableResource, identity: TableIdentity): Option[Seq[KnownTable]] =
    Option(known.get(identity.key)).map(_.rows).orElse(fresh(identity.key)).map {
      case Nil =>
        later(remember(identity.key, store.learn(identity.key, table, identity.columns)))
        Seq(KnownTable(0, table, identity.columns))
      case rows =>
        if (!identity.columns.keys.forall(rows.head.columns.contains)) {
          later(remember(identity.key, store.learn(identity.key, table, identity.columns)))
        }
        rows
    }

  private def again(key: String, rows: Seq[KnownTable]): Seq[KnownTable] = {
    val before = known.get(key)
    // Policies of another version may call the table otherwise, and the store says so by now.
    if (before != null && before.version == version() && System.nanoTime() - before.at < patience) rows
    else fresh(key).filter(_.nonEmpty).getOrElse(rows)
  }

  private def fresh(key: String): Option[Seq[KnownTable]] =
    if (isSilent) None
    else
      try {
        Some(remember(key, store.find(key)))
      } catch {
        case NonFatal(error) =>
          silentUntil = System.nanoTime() + silence
          logWarning("Renames by other programs can't be followed: the metadata database can't be read", error)
          None
      }

  private def isSilent: Boolean = silentUntil != 0 && System.nanoTime() < silentUntil

  private def remember(key: String, read: => Seq[KnownTable]): Seq[KnownTable] = {
    val asOf = version() // before it is read: what comes meanwhile is read again
    val rows = read
    if (known.size > most) known.clear()
    if (rows.nonEmpty) known.put(key, Remembered(rows, asOf, System.nanoTime()))
    rows
  }

  private def keep(key: (String, TableResource), what: Settled): Unit = {
    if (settled.size > most) settled.clear()
    val _ = settled.put(key, what)
  }

  private def seldom(what: Any)(work: => Unit): Unit = if (isDue(what, patience)) later(work)

  private def isDue(what: Any, nanoseconds: Long): Boolean = {
    val now = System.nanoTime()
    val due = looked.get(what).forall(now - _ > nanoseconds)
    if (due) {
      if (looked.size > most) looked.clear()
      looked.put(what, now)
    }
    due
  }

  private def later(work: => Any): Unit = background.execute { () =>
    try { val _ = work }
    catch { case NonFatal(error) => logWarning("What a table is called couldn't be recorded", error) }
  }
}

private object KnownTables {

  /** Before the same is looked for again, in nanoseconds. */
  private val patience = 1000000000L

  /** Before a move is recorded again that couldn't be carried out, in nanoseconds. */
  private val repetition = 60000000000L

  /** After the store couldn't be asked, in nanoseconds. */
  private val silence = 5000000000L

  /** Tables that are remembered; then it starts anew. */
  private val most = 20000

  private val nobody = "iomete"

  private final case class Remembered(rows: Seq[KnownTable], version: Long, at: Long)

  /** A table whose name and columns are those that policies know. */
  private final case class Settled(shape: AnyRef, version: Long, bound: Bound)
}
