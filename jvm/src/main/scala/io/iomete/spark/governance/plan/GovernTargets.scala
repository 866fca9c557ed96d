package io.iomete.spark.governance.plan

import io.iomete.spark.errors.IometeErrors
import io.iomete.spark.governance.{GovernedSession, Governing, ReadAudit}
import org.apache.spark.sql.SparkSession
import org.apache.spark.sql.catalyst.analysis.EliminateSubqueryAliases
import org.apache.spark.sql.catalyst.plans.logical._
import org.apache.spark.sql.catalyst.rules.Rule
import org.apache.spark.sql.connector.catalog.SupportsRowLevelOperations
import org.apache.spark.sql.execution.datasources.v2.ExtractV2Table

/** UPDATE, DELETE and MERGE by somebody who sees their target masked, filtered or in part.
  *
  * The target stands in [[VisibleColumns]] while the statement is resolved, so that it can't name
  * what is hidden, and so that Spark doesn't rewrite it yet. Then [[TargetAsSeen]] makes conditions
  * and assigned values see what their author sees, and the target is taken out of its wrapping:
  * columns that aren't assigned keep their raw values, and hidden rows stay as they are.
  */
final case class GovernTargets(session: SparkSession) extends Rule[LogicalPlan] {

  override def apply(plan: LogicalPlan): LogicalPlan = Governing.of(session).fold(plan) { governed =>
    plan.resolveOperatorsUp {
      case update @ UpdateTable(WrappedTarget(target), _, _)  => govern(governed, target, update)
      case delete @ DeleteFromTable(WrappedTarget(target), _) => govern(governed, target, delete)
      case merge @ MergeIntoTable(WrappedTarget(target), _, _, _, _, _, _) =>
        govern(governed, target, merge)
      case merge: DeltaMergeInto =>
        WrappedTarget.unapply(merge.target).fold[LogicalPlan](merge)(govern(governed, _, merge))
    }
  }

  private def govern(
      governed: GovernedSession,
      target: LogicalPlan,
      command: LogicalPlan
  ): LogicalPlan = Source.of(target) match {
    case source: Source.OfTable =>
      val decision = governed.decide(source, governed.rights)
      if (!decision.isRestricted && source.names.forall(decision.isVisible)) {
        WrappedTarget.removed(command)
      } else {
        new ReadAudit(governed).refusals {
          requireRewritable(governed, target, source, decision)
          restricted(command, new TargetAsSeen(governed, source, decision))
        }
      }
    // A view, or a table that knows no such statement: Spark says so.
    case _ => WrappedTarget.removed(command)
  }

  private def requireRewritable(
      governed: GovernedSession,
      target: LogicalPlan,
      source: Source.OfTable,
      decision: CombinedDecision
  ): Unit = {
    if (!decision.isReadable || decision.broken.isDefined) {
      throw Refusals.of(governed, source.table, governed.rights, decision)
    }
    target match {
      case ExtractV2Table(_: SupportsRowLevelOperations) => ()
      case _ => throw IometeErrors.restrictedWrite(governed.principal, source.table.fullName)
    }
  }

  private def restricted(command: LogicalPlan, target: TargetAsSeen): LogicalPlan = command match {
    case waiting if !waiting.resolved => waiting
    case update: UpdateTable          => target.rewrite(update)
    case delete: DeleteFromTable      => target.rewrite(delete)
    // It appends what an anti-join with the target leaves, and that target is read as any other.
    case merge: MergeIntoTable if target.isOnlyAppendedTo(merge) =>
      WrappedTarget.removed(merge)
    // Spark refuses it, and shows the condition that its author has written.
    case merge: MergeIntoTable if TargetAsSeen.asksElsewhere(merge) => WrappedTarget.removed(merge)
    case merge: MergeIntoTable => target.rewrite(merge)
    case other                 => other
  }
}

/** The target of a statement, which [[HideRelations]] has wrapped. */
object WrappedTarget {

  def unapply(table: LogicalPlan): Option[LogicalPlan] = table match {
    case SubqueryAlias(_, child)                            => unapply(child)
    case visible: VisibleColumns if visible.resolved => Some(EliminateSubqueryAliases(visible.child))
    case _                                                  => None
  }

  def removed(command: LogicalPlan): LogicalPlan = command match {
    case update: UpdateTable     => update.copy(table = inside(update.table))
    case delete: DeleteFromTable => delete.copy(table = inside(delete.table))
    case merge: MergeIntoTable   => merge.copy(targetTable = inside(merge.targetTable))
    case merge: DeltaMergeInto   => merge.copy(target = inside(merge.target))
    case other                   => other
  }

  private def inside(table: LogicalPlan): LogicalPlan = table match {
    case alias: SubqueryAlias        => alias.copy(child = inside(alias.child))
    case VisibleColumns(child, _, _) => child
    case other                       => other
  }
}
