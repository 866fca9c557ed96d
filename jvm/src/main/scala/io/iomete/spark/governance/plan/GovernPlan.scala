package io.iomete.spark.governance.plan

import io.iomete.spark.errors.IometeErrors
import io.iomete.spark.governance.commands.{CommandRights, ProtectedSettings, StreamRights}
import io.iomete.spark.governance.renames.Renaming
import io.iomete.spark.governance.{GovernedSession, Governing, ReadAudit}
import org.apache.spark.sql.SparkSession
import org.apache.spark.sql.catalyst.plans.logical._
import org.apache.spark.sql.catalyst.rules.Rule
import org.apache.spark.sql.execution.command.{ResetCommand, SetCommand}

/** Governs each query once, between analysis and optimisation.
  *
  * Every execution passes here, and no configuration can exclude it: a plan that was analysed
  * earlier, by somebody else or under other policies, too. The cache is looked up by what comes out,
  * so one principal's cached rows are served only to those who would see the same.
  */
final case class GovernPlan(session: SparkSession) extends Rule[LogicalPlan] {

  override def apply(plan: LogicalPlan): LogicalPlan = Governing.of(session).fold(plan) { governed =>
    val audit = new ReadAudit(governed)
    CachedReads.forgetUnusual(session)
    audit.refusals {
      if (isLookedUp(plan, governed)) plan
      else AnalysisHelper.allowInvokingTransformsInAnalyzer {
        requireSettings(governed, plan)
        val judged = Renaming.of(governed, CommandRights.judge(governed, plan))
        val reads = new GovernReads(governed)
        val done = reads(judged)
        val found = reads.found(judged)
        if (!found.isEmpty) CachedReads.requireUsual(governed, done, found)
        found.isWithheld = WithheldPlan.isNeeded(governed, judged, found)
        // A command runs once, right after this; a query each time that its rows are asked for.
        if (Commands.isCommand(done)) {
          audit.record(found)
          done
        } else if (found.isEmpty) {
          done
        } else {
          QueryReads.record(done, found)
        }
      }
    }
  }

  /** What has been written to is looked up in the cache, by the relation alone.
    *
    * Nothing is read, and who may insert needn't be able to read; if it were run, the backstop would
    * refuse it. Delta's tables are looked up while their command runs, and never shown in part then.
    */
  private def isLookedUp(plan: LogicalPlan, governed: GovernedSession): Boolean = plan match {
    case SubqueryAlias(_, child) if StreamsRefresh.isRunning     => isLookedUp(child, governed)
    case VisibleColumns(child, _, _) if StreamsRefresh.isRunning => isLookedUp(child, governed)
    case leaf: LeafNode if !leaf.isInstanceOf[Command] =>
      governed.sourceOf(leaf) match {
        case source: Source.OfTable =>
          val decision = governed.decide(source, governed.rights)
          !decision.isReadable ||
          !decision.isPlain(source.names) && DeltaTargets.of(governed.principal, leaf).isDefined
        case _ => false
      }
    case _ => false
  }

  private def requireSettings(governed: GovernedSession, plan: LogicalPlan): Unit = plan match {
    case _: SetCommand | _: ResetCommand => () // the way back
    case _                               => ProtectedSettings.requireUnchanged(governed)
  }
}

/** Plans that Spark runs for their effect, at once. */
private object Commands {

  def isCommand(plan: LogicalPlan): Boolean = plan match {
    case _: RecordedQuery        => false
    case _: Command              => true
    case WithCTE(child, _)       => isCommand(child)
    case Union(children, _, _)   => children.forall(isCommand)
    case _                       => false
  }
}

/** Refuses, while a plan is analysed, what may not be read at all.
  *
  * Without it a DataFrame's schema would tell of a table that no query may read. Whatever stands
  * under [[VisibleColumns]] was judged by name; this is for what comes another way: paths, metadata
  * tables, the bodies of SQL functions.
  */
final case class CheckReads(session: SparkSession) extends Rule[LogicalPlan] {

  override def apply(plan: LogicalPlan): LogicalPlan = {
    Governing.of(session).foreach { governed =>
      new ReadAudit(governed).refusals {
        requireSettings(plan, governed)
        if (!BodyOfView.isAnalysed || BodyOfFunction.isInnermost) check(plan, governed)
        new StreamRights(governed).check(plan)
      }
    }
    plan
  }

  /** Spark's other analyser runs this rule, but none of those that hide names. */
  private def requireSettings(plan: LogicalPlan, governed: GovernedSession): Unit = plan match {
    case _: SetCommand | _: ResetCommand => () // the way back
    case _ =>
      ProtectedSettings.requireUnchanged(governed)
      ProtectedSettings.otherAnalysers.find(session.conf.get(_, "false").toBoolean).foreach { key =>
        throw IometeErrors.analyserRefused(key)
      }
  }

  private def check(plan: LogicalPlan, governed: GovernedSession): Unit =
    plan match {
      case _: View | _: ExpandedView => () // with its creator's rights, when it runs
      // Spark analyses subqueries of bodies apart.
      case visible: VisibleColumns if visible.visibility.exists(_.isInBody) => ()
      case leaf: LeafNode if leaf.resolved && !leaf.isInstanceOf[Command] =>
        new LeafCheck(governed).check(leaf)
      case other =>
        other.children.foreach(check(_, governed))
        other.subqueries.foreach(check(_, governed))
    }
}
