package io.iomete.spark.governance.ranger

import java.util.concurrent.ConcurrentHashMap
import java.util.concurrent.atomic.AtomicInteger

import io.iomete.spark.governance.decisions.{ReadDecision, TableResource}

/** Answers of one window of time. Bounded by what it holds: when it is full, it starts anew. */
private final class DecisionCache {
  private val reads = new ConcurrentHashMap[DecisionCache.Read, ReadDecision]()
  private val checks = new ConcurrentHashMap[Product, java.lang.Boolean]()
  private val held = new AtomicInteger()

  def read(principal: String, table: TableResource, columns: Seq[String])(decide: => ReadDecision): ReadDecision = {
    val key = DecisionCache.Read(principal, table, columns)
    reads.get(key) match {
      case null =>
        val decision = decide
        makeRoom(columns.size + 1)
        reads.put(key, decision)
        decision
      case known => known
    }
  }

  def check(key: Product)(decide: => Boolean): Boolean =
    checks.get(key) match {
      case null =>
        val decision = decide
        makeRoom(1)
        checks.put(key, decision)
        decision
      case known => known
    }

  private def makeRoom(cells: Int): Unit =
    if (held.addAndGet(cells) > DecisionCache.cells) {
      reads.clear()
      checks.clear()
      held.set(cells)
    }
}

private object DecisionCache {

  /** Columns and answers: some tens of megabytes at most. */
  private val cells = 400000

  private final case class Read(principal: String, table: TableResource, columns: Seq[String])
}
