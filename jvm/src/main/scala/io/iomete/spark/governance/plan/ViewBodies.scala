package io.iomete.spark.governance.plan

import io.iomete.spark.governance.Governing
import org.apache.spark.sql.SparkSession
import org.apache.spark.sql.catalyst.analysis._
import org.apache.spark.sql.catalyst.expressions.{Alias, SubqueryExpression}
import org.apache.spark.sql.catalyst.plans.logical._
import org.apache.spark.sql.classic.{SparkSession => ClassicSession}

/** The body of an Iceberg view, in the place of its name. [[GovernReads]] replaces it. */
final case class ExpandedView(child: LogicalPlan) extends UnaryNode {
  override def output: Seq[org.apache.spark.sql.catalyst.expressions.Attribute] = child.output
  override protected def withNewChildInternal(newChild: LogicalPlan): ExpandedView =
    copy(child = newChild)
}

/** Marks, in a view's body, each relation that it names.
  *
  * Nothing is hidden there, as it is the creator who needs the rights. But each view in it has a
  * creator of its own, and once Spark has resolved the body, nothing else would tell where that view
  * begins.
  */
final class ViewBodies(session: SparkSession) {

  /** The body of the Iceberg view of that name, if there is one.
    *
    * Iceberg's rule would do it right after this one, with all views inside at once, and in
    * subqueries at some later time, as if the asker's statement had named what they read.
    */
  def ofIceberg(name: RelationName, relation: UnresolvedRelation): Option[LogicalPlan] = {
    val parts = name.catalog.name +: name.identifier.namespace.toSeq :+ name.identifier.name
    ResolveViews(session.asInstanceOf[ClassicSession])
      .apply(relation.copy(multipartIdentifier = parts)) match {
      case IcebergView(_, body) => Some(expanded(body))
      case _                    => None
    }
  }

  def marked(body: LogicalPlan): LogicalPlan = body match {
    case done @ (_: VisibleColumns | _: HiddenRelation) => done
    case done if done.analyzed                          => done
    case IcebergView(parts, view)                       => mark(expanded(view), parts)
    case relation: UnresolvedRelation                   => mark(relation, relation)
    case past @ RelationTimeTravel(relation: UnresolvedRelation, _, _) => mark(past, relation)
    case ctes: UnresolvedWith =>
      ctes.copy(
        child = marked(ctes.child),
        cteRelations = ctes.cteRelations.map { case (name, query, depth) =>
          (name, query.copy(child = marked(query.child)), depth)
        }
      )
    case other => inside(other)
  }

  private def expanded(view: LogicalPlan): LogicalPlan = ExpandedView(inside(view))

  private def inside(plan: LogicalPlan): LogicalPlan =
    plan
      .withNewChildren(plan.children.map(marked))
      .transformExpressions { case subquery: SubqueryExpression =>
        subquery.withNewPlan(marked(subquery.plan))
      }

  private def mark(named: LogicalPlan, relation: UnresolvedRelation): LogicalPlan = {
    Governing.of(session).foreach(new ReaderOptions(_).checkNamed(relation.options))
    mark(named, relation.multipartIdentifier)
  }

  private def mark(relation: LogicalPlan, parts: Seq[String]): LogicalPlan =
    RelationName.of(session, parts).fold(relation) { name =>
      val visible = VisibleColumns(relation, Some(name), Some(Visibility.inBody))
      visible.copyTagsFrom(relation)
      visible
    }

  /** What Iceberg makes of a view's name. No statement can say `GetColumnByOrdinal`. */
  private object IcebergView {
    def unapply(plan: LogicalPlan): Option[(Seq[String], LogicalPlan)] = plan match {
      case view @ SubqueryAlias(alias, Project(columns, _)) if columns.nonEmpty && columns.forall {
            case Alias(value, _) => value.exists(_.isInstanceOf[GetColumnByOrdinal])
            case _               => false
          } =>
        Some((alias.qualifier :+ alias.name) -> view)
      case _ => None
    }
  }
}
