package io.iomete.spark.governance.renames

import java.util.concurrent.TimeUnit
import java.util.concurrent.locks.ReentrantLock

import io.iomete.spark.governance.decisions.TableResource

/** Renames that policies, tags and owners haven't followed yet.
  *
  * The Python side waits here for work, and statements wait until it is done: whoever renames a table
  * finds its policies under the new name afterwards.
  */
final class PendingMoves {
  private val lock = new ReentrantLock()
  private val changed = lock.newCondition()
  private var announced = 0L
  private var taken = 0L
  private var done = 0L
  private var asked: Option[Long] = None
  private var ending = Set.empty[(Long, TableResource, TableResource)]
  @volatile private var renamed = Map.empty[TableResource, Seq[TableResource]]

  /** Former names, by the name that is asked for. */
  def aliases(table: TableResource): Seq[TableResource] = renamed.getOrElse(table, Nil)

  /** From now on, what holds for `from` holds for `to`, too. */
  def alias(from: TableResource, to: TableResource): Unit = locked {
    renamed += to -> (renamed.getOrElse(to, Nil) :+ from).distinct
  }

  def forget(from: TableResource, to: TableResource): Unit = locked {
    val left = renamed.getOrElse(to, Nil).filter(_ != from)
    renamed = if (left.isEmpty) renamed - to else renamed + (to -> left)
  }

  /** The same as soon as a move that was announced is carried out: the new name has its policies. */
  def forgetOnceDone(number: Long, from: TableResource, to: TableResource): Unit = locked {
    if (done >= number) forget(from, to) else ending += ((number, from, to))
  }

  /** There is a move in the store. */
  def announce(): Long = locked {
    announced += 1
    changed.signalAll()
    announced
  }

  /** Waits for moves; whether there are any. */
  def await(milliseconds: Long): Boolean = locked {
    var left = TimeUnit.MILLISECONDS.toNanos(milliseconds)
    asked = Some(System.nanoTime())
    while (announced == taken && left > 0) left = changed.awaitNanos(left)
    asked = Some(System.nanoTime())
    val found = announced != taken
    taken = announced
    found
  }

  /** All that was taken by [[await]] is carried out, or left for later. */
  def carriedOut(): Unit = locked {
    done = taken
    val over = ending.filter(_._1 <= done)
    ending --= over
    over.foreach { case (_, from, to) => forget(from, to) }
    changed.signalAll()
  }

  /** Waits until a move that was announced is carried out, if anybody carries out moves here. */
  def awaitDone(number: Long, milliseconds: Long): Unit = locked {
    var left = TimeUnit.MILLISECONDS.toNanos(milliseconds)
    while (done < number && left > 0 && isFollowed) left = changed.awaitNanos(left)
  }

  private def isFollowed: Boolean =
    taken > done || asked.exists(System.nanoTime() - _ < PendingMoves.followed)

  private def locked[T](body: => T): T = {
    lock.lock()
    try body
    finally lock.unlock()
  }
}

private object PendingMoves {

  /** Whoever follows asks again within this time, in nanoseconds. */
  private val followed = 5000000000L
}
