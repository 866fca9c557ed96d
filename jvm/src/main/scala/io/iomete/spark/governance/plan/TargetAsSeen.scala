package io.iomete.spark.governance.plan

import io.iomete.spark.errors.IometeErrors
import io.iomete.spark.governance.GovernedSession
import io.iomete.spark.governance.decisions.TableResource
import org.apache.spark.sql.catalyst.expressions._
import org.apache.spark.sql.catalyst.expressions.Literal.TrueLiteral
import org.apache.spark.sql.catalyst.expressions.objects.{AssertNotNull, StaticInvoke}
import org.apache.spark.sql.catalyst.plans.logical._
import org.apache.spark.sql.catalyst.trees.TreePattern.PLAN_EXPRESSION
import org.apache.spark.sql.catalyst.util.CharVarcharCodegenUtils

/** The target of one write, as the one who writes sees it.
  *
  * In conditions and in values that are assigned, its columns stand for what is shown of them.
  */
final class TargetAsSeen(
    governed: GovernedSession,
    source: Source.OfTable,
    decision: CombinedDecision
) extends PredicateHelper {
  private val table: TableResource = source.table
  private val restriction = new Restriction(governed, table, source.columns, decision)
  private val proof = Proof.of(table, Some(decision.asker))

  private lazy val rows: Expression = judged(restriction.predicate.getOrElse(TrueLiteral))

  private lazy val shown: AttributeMap[Expression] = AttributeMap(source.columns.map {
    case (column, name) => column -> judged(restriction.shown(column, name))
  })

  private lazy val changed: AttributeSet = AttributeSet(shown.collect {
    case (column, value) if value != column => column
  })

  /** What isn't of the target: columns of what is merged. */
  private var elsewhere: AttributeSet = AttributeSet.empty

  def rewrite(update: UpdateTable): LogicalPlan = {
    val condition = guarded(update.condition.getOrElse(TrueLiteral))
    val seen = update.copy(assignments = assigned(update.assignments, Nil), condition = Some(condition))
    WrappedTarget.removed(seen)
  }

  def rewrite(delete: DeleteFromTable): LogicalPlan =
    WrappedTarget.removed(delete.copy(condition = guarded(delete.condition)))

  def rewrite(merge: MergeIntoTable): LogicalPlan = {
    if (merge.withSchemaEvolution) {
      throw IometeErrors.restrictedWrite(governed.principal, table.fullName)
    }
    elsewhere = merge.sourceTable.outputSet
    WrappedTarget.removed(
      merge.copy(
        mergeCondition = guarded(merge.mergeCondition),
        matchedActions = merge.matchedActions.map(action(_, merge.sourceTable, inRows = true)),
        // Rows that are hidden are matched by nothing, so that here they have to be told apart.
        notMatchedBySourceActions =
          merge.notMatchedBySourceActions.map(action(_, merge.sourceTable, inRows = false))
      )
    )
  }

  def isOnlyAppendedTo(merge: MergeIntoTable): Boolean =
    merge.matchedActions.isEmpty && merge.notMatchedBySourceActions.isEmpty && !merge.withSchemaEvolution

  private def action(action: MergeAction, from: LogicalPlan, inRows: Boolean): MergeAction = {
    def condition(stated: Option[Expression]): Option[Expression] =
      if (inRows) stated.map(ofSeenRows) else Some(guarded(stated.getOrElse(TrueLiteral)))
    action match {
      case update: UpdateAction =>
        update.copy(
          condition = condition(update.condition),
          assignments = assigned(update.assignments, Seq(from))
        )
      case delete: DeleteAction => delete.copy(condition = condition(delete.condition))
      case other                => other
    }
  }

  /** The condition on rows that are seen; what can't fail also stands outside, for files to be skipped. */
  private def guarded(condition: Expression): Expression = {
    val seen = ofSeenRows(condition)
    val safe = (splitConjunctivePredicates(rows) ++ splitConjunctivePredicates(seen))
      .filter(part => SafeExpressions.isSafe(part) && part != TrueLiteral)
    val anchor = Anchor(source.columns.head._1)
    (safe :+ GuardedCondition(rows, seen, anchor, proof)).reduce(And)
  }

  private def assigned(assignments: Seq[Assignment], from: Seq[LogicalPlan]): Seq[Assignment] =
    assignments.map { assignment =>
      val value = withoutStoreCast(assignment.value)
      requireNotWrittenBack(assignment.key, value, from)
      assignment.copy(value = ofSeenRows(value))
    }

  /** What a mask shows may be stored elsewhere, but not in place of what it hides. */
  private def requireNotWrittenBack(
      key: Expression,
      value: Expression,
      from: Seq[LogicalPlan]
  ): Unit = {
    lazy val usesMasked = value.references.exists(changed.contains)
    lazy val readsTarget =
      (from.filter(plan => value.references.exists(plan.outputSet.contains)) ++ plansIn(value)).exists(reads)
    if (key.references.exists(changed.contains) && (usesMasked || readsTarget)) {
      throw IometeErrors.maskedWriteBack(governed.principal, table.fullName)
    }
  }

  private def plansIn(value: Expression): Seq[LogicalPlan] =
    value.collect { case subquery: SubqueryExpression => subquery.plan }

  private def reads(plan: LogicalPlan): Boolean = plan.exists { node =>
    node.subqueries.exists(reads) || (node match {
      case leaf: LeafNode =>
        Source.of(leaf) match {
          case Source.OfTable(read, _, _) => read == table
          case _                          => false
        }
      case _ => false
    })
  }

  private def asSeen(expression: Expression): Expression = expression match {
    case subquery: SubqueryExpression => inSubquery(subquery)
    case column: AttributeReference   => shown.getOrElse(column, column)
    case other                        => other.mapChildren(asSeen)
  }

  private def inSubquery(subquery: SubqueryExpression): Expression = {
    // From below: what a mask makes of a column is made of the column.
    val plan = subquery.plan.transformUpWithSubqueries { case node =>
      node.transformExpressionsUp {
        case OuterReference(column: AttributeReference) if shown.contains(column) =>
          shown(column).transformUp { case a: AttributeReference => OuterReference(a) }
      }
    }
    val outer = plan.expressions ++ plan.collect { case node => node.expressions }.flatten
    val columns = outer.flatMap(_.collect { case OuterReference(column) => column })
    val referenced = (subquery.getOuterAttrs ++ columns).distinct
    subquery.withNewPlan(plan).withNewOuterAttrs(referenced)
  }

  /** A condition or a value that is asked about no other rows. */
  private def ofSeenRows(stated: Expression): Expression = {
    if ((rows != TrueLiteral && stated.exists(isAskedOfAllRows)) || asksForMetadata(stated)) {
      throw IometeErrors.restrictedWrite(governed.principal, table.fullName)
    }
    asSeen(stated)
  }

  /** `_partition`, `_file` and `_pos` show values of other columns, and where hidden rows are. */
  private def asksForMetadata(stated: Expression): Boolean = stated.references.exists {
    case column @ MetadataAttribute(_) => !elsewhere.contains(column)
    case _                             => false
  }

  /** Spark turns a correlated subquery into a join with every row, hidden ones among them, and has
    * Python evaluate its functions ahead of the expression that they are in.
    */
  private def isAskedOfAllRows(part: Expression): Boolean = part match {
    case in: InSubquery               => !in.values.forall(SafeExpressions.isPlain)
    case subquery: SubqueryExpression => subquery.getOuterAttrs.nonEmpty
    case _: PythonFuncExpression      => true
    case _                            => false
  }

  /** Filters and masks that look things up would need a plan where Spark takes an expression. */
  private def judged(policy: Expression): Expression =
    if (policy.containsPattern(PLAN_EXPRESSION)) {
      throw IometeErrors.restrictedWrite(governed.principal, table.fullName)
    } else policy

  /** Spark adds these before the target is known to be what it is, and again afterwards. */
  private def withoutStoreCast(value: Expression): Expression = value match {
    case cast: Cast if cast.getTagValue(Cast.BY_TABLE_INSERTION).isDefined => withoutStoreCast(cast.child)
    case AssertNotNull(child, _)                                          => withoutStoreCast(child)
    case check: StaticInvoke if check.staticObject == classOf[CharVarcharCodegenUtils] =>
      withoutStoreCast(check.arguments.head)
    case other => other
  }
}

object TargetAsSeen {

  /** Whether a condition of a MERGE has a subquery. */
  def asksElsewhere(merge: MergeIntoTable): Boolean = {
    val actions = merge.matchedActions ++ merge.notMatchedActions ++ merge.notMatchedBySourceActions
    (merge.mergeCondition +: actions.flatMap(_.condition)).exists(SubqueryExpression.hasSubquery)
  }
}
