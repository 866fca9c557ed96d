package io.iomete.spark.governance.commands

import io.iomete.spark.governance.plan.{GovernedExec, RecordedQuery}
import io.iomete.spark.identity.PrincipalBinding
import org.apache.spark.sql.{Row, SparkSession}
import org.apache.spark.sql.catalyst.plans.logical.{AnalysisHelper, LogicalPlan}
import org.apache.spark.sql.classic.{SparkSession => ClassicSession}
import org.apache.spark.sql.execution.command.LeafRunnableCommand
import org.apache.spark.sql.execution.{CacheManager, CachedData}

/** Cached data, which is everybody's in Spark, and here that of who has cached it. */
private[governance] final class CacheEntries(session: ClassicSession) {
  private val manager = session.sharedState.cacheManager

  /** Forgets what the session's principal has cached. */
  def clearOwn(): Unit = CacheEntries.all(manager).filter(isOwn).foreach { entry =>
    // The record would be a command to whoever looks at the plan once more.
    val query = AnalysisHelper.allowInvokingTransformsInAnalyzer {
      entry.plan.transform { case RecordedQuery(query, _) => query }
    }
    manager.uncacheQuery(session, query, false)
  }

  /** Forgets a table or view, if what the principal sees of it was cached by themselves. */
  def uncache(table: LogicalPlan): Unit =
    if (manager.lookupCachedData(session, table).exists(isOwn)) manager.uncacheQuery(session, table, false)

  /** Forgets, for everybody, what `test` is true of. */
  def forget(test: CachedData => Boolean): Unit = {
    val plans = CacheEntries.all(manager).filter(test).map(_.plan)
    if (plans.nonEmpty) CacheEntries.uncache(manager, session, plan => plans.exists(_ eq plan))
  }

  private def isOwn(entry: CachedData): Boolean = {
    val plan = entry.cachedRepresentation.cacheBuilder.cachedPlan
    // After a change to a table it was filled anew in the session of who has changed it.
    val asker = plan.collectFirst { case gate: GovernedExec => gate.reads.asker }.flatten
    val maker = asker.orElse(Option(plan.session).flatMap(PrincipalBinding.principalOf))
    maker == PrincipalBinding.principalOf(session)
  }
}

private object CacheEntries {

  /** By reflection: Spark's cache tells what is in it only to who has the plan. */
  private val entries = method("cachedData", 0)

  private val uncacheByCondition = method("uncacheByCondition", 4)

  private def method(name: String, parameters: Int) = {
    val found = classOf[CacheManager].getDeclaredMethods
      .find(m => m.getName == name && m.getParameterCount == parameters)
      .getOrElse(throw new IllegalStateException("Spark's CacheManager is not as it was in 4.1.3"))
    found.setAccessible(true)
    found
  }

  /** Not what is made of it: that is filled anew. */
  private def uncache(manager: CacheManager, session: ClassicSession, test: LogicalPlan => Boolean): Unit = {
    val _ = uncacheByCondition.invoke(manager, session, test, Boolean.box(false), Boolean.box(false))
  }

  def all(manager: CacheManager): Seq[CachedData] =
    entries.invoke(manager).asInstanceOf[IndexedSeq[CachedData]]
}

/** CLEAR CACHE of those who are no administrators. */
private[commands] case object ClearOwnCache extends LeafRunnableCommand {
  override def run(session: SparkSession): Seq[Row] = {
    new CacheEntries(session.asInstanceOf[ClassicSession]).clearOwn()
    Nil
  }
}

/** UNCACHE TABLE of those who are no administrators. */
private[commands] final case class UncacheOwn(table: LogicalPlan) extends LeafRunnableCommand {
  override def run(session: SparkSession): Seq[Row] = {
    new CacheEntries(session.asInstanceOf[ClassicSession]).uncache(table)
    Nil
  }
}
