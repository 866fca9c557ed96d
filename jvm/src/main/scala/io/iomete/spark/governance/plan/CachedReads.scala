package io.iomete.spark.governance.plan

import io.iomete.spark.errors.IometeErrors
import io.iomete.spark.governance.GovernedSession
import io.iomete.spark.governance.commands.{CacheEntries, ProtectedSettings}
import org.apache.spark.sql.SparkSession
import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan
import org.apache.spark.sql.catalyst.trees.TreePattern.CURRENT_LIKE
import org.apache.spark.sql.classic.{SparkSession => ClassicSession}
import org.apache.spark.sql.execution.CacheManager
import org.apache.spark.sql.execution.CachedData
import org.apache.spark.sql.execution.columnar.InMemoryRelation
import org.apache.spark.sql.execution.datasources.{HadoopFsRelation, LogicalRelation}

/** What is cached answers whoever would see the same, below other people's filters and in what policies look
  * up. So it is read as the Spark application reads it, whoever caches it.
  */
private[plan] object CachedReads {

  /** When somebody has a query cached.
    *
    * Raises: IOMETE_SETTING_CHANGES_CACHE, IOMETE_TIME_CACHED.
    */
  def requireUsual(governed: GovernedSession, query: LogicalPlan, reads: QueryReads): Unit =
    if (isBeingCached) {
      ProtectedSettings.changedOfResults(governed.session, reads.isInZone).foreach { key =>
        throw IometeErrors.settingChangesCache(named(reads), key)
      }
      // The time would be the one at which the cache was filled.
      query.foreach {
        case barrier: PolicyBarrier if asksForTime(barrier) => throw IometeErrors.timeCached(named(reads))
        case _                                              => ()
      }
    }

  /** When a cache is filled, which may be long after, in the session of whoever asks first, or, once a table
    * has changed, from the session of who has changed it.
    */
  def requireUsual(gate: GovernedExec): Unit = changedOf(gate).foreach { key =>
    throw IometeErrors.settingChangesCache(named(gate.reads), key)
  }

  /** Tasks that fill a cache go by the settings of the session that they are run for. */
  def requireFilled(session: SparkSession, cached: Seq[InMemoryRelation]): Unit =
    cached.filterNot(_.cacheBuilder.isCachedColumnBuffersLoaded).foreach { relation =>
      for (gate <- gateOf(relation); key <- ProtectedSettings.changedOfResults(session, isInZone = false))
        throw IometeErrors.settingChangesCache(named(gate.reads), key)
    }

  def in(plan: LogicalPlan): Seq[InMemoryRelation] =
    if (plan == null) Nil else plan.collectWithSubqueries { case cached: InMemoryRelation => cached }

  /** Forgets, before a query is looked up, what couldn't be filled: nobody is to fail on the settings of
    * somebody else.
    */
  def forgetUnusual(session: SparkSession): Unit =
    new CacheEntries(session.asInstanceOf[ClassicSession]).forget(isUnusual)

  private def isUnusual(entry: CachedData): Boolean = {
    val relation = entry.cachedRepresentation
    !relation.cacheBuilder.isCachedColumnBuffersLoaded && gateOf(relation).exists(changedOf(_).isDefined)
  }

  private def gateOf(relation: InMemoryRelation): Option[GovernedExec] =
    relation.cachedPlan.collectFirst { case gate: GovernedExec => gate }

  /** Spark caches with a copy of the session, but files are read with the settings of the one that found them. */
  private def changedOf(gate: GovernedExec): Option[String] = {
    val ofFiles = gate.recorded.collectWithSubqueries {
      case LogicalRelation(files: HadoopFsRelation, _, _, _, _) => files.sparkSession
    }
    (gate.session +: ofFiles).distinct.iterator
      .flatMap(ProtectedSettings.changedOfResults(_, gate.reads.isInZone))
      .nextOption()
  }

  private def asksForTime(plan: LogicalPlan): Boolean = plan.exists { node =>
    node.expressions.exists(_.containsPattern(CURRENT_LIKE)) || node.subqueries.exists(asksForTime)
  }

  private def named(reads: QueryReads): String =
    (reads.tables.map(_.table.fullName) ++ reads.paths).headOption.getOrElse("the query")

  /** Spark governs the query again, also to fill it anew after a change to a table: of these two only the
    * first may be refused, and the stack alone tells.
    */
  private def isBeingCached: Boolean = StackWalker.getInstance().walk[Boolean] {
    _.anyMatch { frame =>
      frame.getClassName.startsWith(classOf[CacheManager].getName) && frame.getMethodName.contains("cacheQueryInternal")
    }
  }
}
