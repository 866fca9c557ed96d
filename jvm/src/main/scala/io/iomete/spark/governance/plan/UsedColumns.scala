package io.iomete.spark.governance.plan

import scala.collection.mutable

import org.apache.spark.sql.catalyst.expressions._
import org.apache.spark.sql.catalyst.plans.logical._

/** Which columns a query uses, for its answer or to find it: of all relations and views below it.
  *
  * Asked of the plan as its author wrote it: an optimised one has lost what was pushed into a scan,
  * and shows what policies have added.
  */
private final class UsedColumns {
  private val used = mutable.HashSet.empty[ExprId]
  private val ofCtes = mutable.HashMap.empty[Long, mutable.Set[Int]]

  def in(query: LogicalPlan): Set[ExprId] = {
    visit(query, ids(query.output))
    used.toSet
  }

  /** @param wanted
    *   columns that something above needs, of this part or of others
    */
  private def visit(plan: LogicalPlan, wanted: Set[ExprId]): Unit = {
    used ++= ids(plan.output).intersect(wanted)
    val expressions = needed(plan, wanted)
    expressions.foreach(_.foreach {
      case subquery: SubqueryExpression => visit(subquery.plan, ids(subquery.plan.output))
      case _                            => ()
    })
    val below = wanted ++ expressions.flatMap(e => ids(e.references.toSeq)) ++ ids(extra(plan))
    plan match {
      case WithCTE(query, definitions) =>
        visit(query, below)
        // Each may refer to those before it.
        definitions.reverse.foreach { definition =>
          val places = ofCtes.getOrElse(definition.id, Set.empty[Int])
          visit(definition, places.map(definition.output(_).exprId).toSet)
        }
      case reference: CTERelationRef =>
        ofCtes.getOrElseUpdate(reference.cteId, mutable.Set.empty) ++= placesIn(reference, wanted)
      case union: Union =>
        val places = placesIn(union, wanted)
        union.children.foreach(each => visit(each, places.map(each.output(_).exprId).toSet))
      case _: Project | _: Aggregate => plan.children.foreach(visit(_, below))
      case _ if comparesRows(plan) || plan.output.isEmpty =>
        plan.children.foreach(each => visit(each, below ++ ids(each.output)))
      case _ => plan.children.foreach(visit(_, below))
    }
  }

  /** What isn't asked for isn't computed. */
  private def needed(plan: LogicalPlan, wanted: Set[ExprId]): Seq[Expression] = plan match {
    case Project(list, _) => list.filter(e => wanted(e.exprId))
    case aggregate: Aggregate =>
      aggregate.groupingExpressions ++ aggregate.aggregateExpressions.filter(e => wanted(e.exprId))
    case other => other.expressions
  }

  /** Programs of the user's take whole rows. */
  private def extra(plan: LogicalPlan): Seq[Attribute] = plan match {
    case _: Project | _: Aggregate => Nil
    case other                     => other.references.toSeq
  }

  private def comparesRows(plan: LogicalPlan): Boolean = plan match {
    case _: Distinct | _: Intersect | _: Except | _: UnionLoop => true
    case _                                                     => false
  }

  private def placesIn(plan: LogicalPlan, wanted: Set[ExprId]): Set[Int] =
    plan.output.zipWithIndex.collect { case (a, place) if wanted(a.exprId) => place }.toSet

  private def ids(attributes: Seq[Attribute]): Set[ExprId] = attributes.map(_.exprId).toSet
}
