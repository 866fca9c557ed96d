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
  private type Ids = collection.Set[ExprId]

  private val used = mutable.HashSet.empty[ExprId]
  private val ofCtes = mutable.HashMap.empty[Long, mutable.Set[Int]]

  def in(query: LogicalPlan): Set[ExprId] = {
    visit(query, ids(query.output))
    used.toSet
  }

  /** @param wanted
    *   columns that something above needs, of this part or of others
    */
  private def visit(plan: LogicalPlan, wanted: Ids): Unit = {
    plan.output.foreach(a => if (wanted(a.exprId)) used += a.exprId)
    val expressions = needed(plan, wanted)
    expressions.foreach(_.foreach {
      case subquery: SubqueryExpression => visit(subquery.plan, ids(subquery.plan.output))
      case _                            => ()
    })
    val below = and(wanted, expressions.iterator.flatMap(references) ++ extra(plan))
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
        plan.children.foreach(each => visit(each, and(below, each.output.iterator)))
      case _ => plan.children.foreach(visit(_, below))
    }
  }

  /** What isn't asked for isn't computed. */
  private def needed(plan: LogicalPlan, wanted: Ids): Seq[Expression] = plan match {
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

  private def placesIn(plan: LogicalPlan, wanted: Ids): Set[Int] =
    plan.output.zipWithIndex.collect { case (a, place) if wanted(a.exprId) => place }.toSet

  private def ids(attributes: Seq[Attribute]): Ids = and(Set.empty, attributes.iterator)

  private def and(some: Ids, more: Iterator[Attribute]): Ids =
    more.map(_.exprId).filterNot(some) match {
      case none if none.isEmpty => some
      case fresh                => mutable.HashSet.from(some) ++= fresh
    }

  /** A list of hundreds of columns isn't made into hundreds of sets. */
  private def references(expression: Expression): Iterator[Attribute] = expression match {
    case a: Attribute           => Iterator.single(a)
    case Alias(a: Attribute, _) => Iterator.single(a)
    case other                  => other.references.iterator
  }
}
