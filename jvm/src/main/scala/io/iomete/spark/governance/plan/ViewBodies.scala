package io.iomete.spark.governance.plan

import io.iomete.spark.errors.IometeErrors
import io.iomete.spark.governance.commands.OverriddenFunctions
import io.iomete.spark.governance.{Governing, ReadAudit, ViewCreators}
import org.apache.spark.sql.SparkSession
import org.apache.spark.sql.catalyst.TableIdentifier
import org.apache.spark.sql.catalyst.analysis._
import org.apache.spark.sql.catalyst.catalog.{CatalogStorageFormat, CatalogTable, CatalogTableType}
import org.apache.spark.sql.catalyst.expressions.{Alias, Attribute, SubqueryExpression}
import org.apache.spark.sql.catalyst.plans.logical._
import org.apache.spark.sql.classic.{SparkSession => ClassicSession}
import org.apache.spark.sql.internal.SQLConf
import org.apache.spark.sql.iomete.SparkInternals
import org.apache.spark.sql.types.StructType

/** The body of an Iceberg view, in the place of its name. [[GovernReads]] replaces it. */
final case class ExpandedView(child: LogicalPlan) extends UnaryNode {
  override def output: Seq[Attribute] = child.output
  override protected def withNewChildInternal(newChild: LogicalPlan): ExpandedView =
    copy(child = newChild)
}

/** The query of an Iceberg view, below its columns, which are given by their places. [[GovernReads]] takes it out.
  *
  * @param names
  *   what the query's columns were called when the view was made; of others a value would be shown under
  *   another column's name
  */
final case class QueryOfView(child: LogicalPlan, names: Seq[String], view: String) extends UnaryNode {

  override lazy val output: Seq[Attribute] = {
    val now = child.output.map(_.name)
    val isSame = now.length == names.length && now.zip(names).forall { case (a, b) => a.equalsIgnoreCase(b) }
    if (child.resolved && !isSame) throw IometeErrors.viewOfOtherColumns(view)
    child.output
  }

  override protected def withNewChildInternal(newChild: LogicalPlan): QueryOfView = copy(child = newChild)
}

/** Marks, in a view's body, each relation that it names.
  *
  * It is the creator who needs the rights: of an Iceberg view they are known here, and what is hidden from
  * its creator isn't there for its text. But each view in it has a creator of its own, and once Spark has
  * resolved the body, nothing else would tell where that view begins.
  */
final class ViewBodies(session: SparkSession) {

  /** The body of the Iceberg view of that name, if there is one.
    *
    * Iceberg's rule would do it right after this one, with all views inside at once, and in
    * subqueries at some later time, as if the asker's statement had named what they read.
    */
  def ofIceberg(name: RelationName, relation: UnresolvedRelation): Option[LogicalPlan] = {
    val parts = name.catalog.name +: name.identifier.namespace.toSeq :+ name.identifier.name
    asInAnySession {
      ResolveViews(session.asInstanceOf[ClassicSession])
        .apply(relation.copy(multipartIdentifier = parts)) match {
        case IcebergView(_, body) => Some(analysed(expanded(body, name), name))
        case _                    => None
      }
    }
  }

  /** A body as Spark analyses those of its own views: by itself, in the catalog and namespace of the view,
    * where the variables and temporary functions of its reader don't count.
    */
  private def analysed(body: LogicalPlan, name: RelationName): LogicalPlan = {
    val namespace = name.identifier.namespace.toSeq
    val view = CatalogTable(
      TableIdentifier(name.identifier.name, namespace.headOption, Some(name.catalog.name)),
      CatalogTableType.VIEW,
      CatalogStorageFormat.empty,
      new StructType,
      properties = CatalogTable.catalogAndNamespaceToProps(name.catalog.name, namespace)
    )
    val analyser = session.asInstanceOf[ClassicSession].sessionState.analyzer
    AnalysisContext.withAnalysisContext(view)(SparkInternals.inSameContext(analyser, body))
  }

  /** With the settings of the application: a text means the same for whoever reads it, and a server's client
    * opens a session with settings of its own. Of Iceberg's views none are kept, as Spark keeps those with
    * which a view of its own was made.
    */
  private def asInAnySession[T](body: => T): T = {
    val conf = new SQLConf
    SparkInternals.startedWith(session.asInstanceOf[ClassicSession]).foreach { case (key, value) =>
      conf.setConfString(key, value)
    }
    SQLConf.withExistingConf(conf)(body)
  }

  /** The body of a view of Spark's, whose creator nobody records. */
  def marked(body: LogicalPlan): LogicalPlan = marked(body, None)

  private def marked(body: LogicalPlan, creator: Option[String]): LogicalPlan = body match {
    case done @ (_: VisibleColumns | _: HiddenRelation | _: ExpandedView) => done
    case done if done.analyzed                          => done
    case IcebergView(parts, view) =>
      RelationName.of(session, parts).fold(view)(name => mark(expanded(view, name), parts, creator))
    case relation: UnresolvedRelation => mark(relation, relation, creator)
    case past @ RelationTimeTravel(relation: UnresolvedRelation, _, _) => mark(past, relation, creator)
    case ctes: UnresolvedWith =>
      ctes.copy(
        child = marked(ctes.child, creator),
        cteRelations = ctes.cteRelations.map { case (name, query, depth) =>
          (name, query.copy(child = marked(query.child, creator)), depth)
        }
      )
    case query: QueryOfView => query.copy(child = marked(query.child, creator))
    case other              => inside(other, creator)
  }

  private def expanded(view: LogicalPlan, name: RelationName): LogicalPlan = {
    val creator = Governing.of(session).flatMap(ViewCreators.of(_, name))
    val names = ViewUtil.loadView(name.catalog, name.identifier).toSeq.flatMap(_.queryColumnNames)
    val body = view match {
      case alias @ SubqueryAlias(_, columns @ Project(_, query)) if names.length == columns.projectList.length =>
        alias.copy(child = columns.copy(child = QueryOfView(query, names, name.table.fullName)))
      case other => other
    }
    ExpandedView(inside(body, creator))
  }

  private def inside(plan: LogicalPlan, creator: Option[String]): LogicalPlan = {
    requireOfSpark(plan)
    plan
      .withNewChildren(plan.children.map(marked(_, creator)))
      .transformExpressions { case subquery: SubqueryExpression =>
        subquery.withNewPlan(marked(subquery.plan, creator))
      }
  }

  /** What a view's text calls by one word is a function of Spark's. */
  private def requireOfSpark(plan: LogicalPlan): Unit = Governing.of(session).filterNot(_.isAdmin).foreach { governed =>
    new ReadAudit(governed).refusals {
      plan match {
        case table: UnresolvedTableValuedFunction => overridden.requireNone(table.name)
        case _                                    => ()
      }
      plan.expressions.foreach(_.foreach {
        case call: UnresolvedFunction   => overridden.requireNone(call.nameParts)
        case call: UnresolvedGenerator  => overridden.requireNone(call.name.nameParts)
        case _                          => ()
      })
    }
  }

  private def overridden = new OverriddenFunctions(session.asInstanceOf[ClassicSession])

  private def mark(named: LogicalPlan, relation: UnresolvedRelation, creator: Option[String]): LogicalPlan = {
    Governing.of(session).foreach(new ReaderOptions(_).checkNamed(relation.options))
    mark(named, relation.multipartIdentifier, creator)
  }

  private def mark(relation: LogicalPlan, parts: Seq[String], creator: Option[String]): LogicalPlan =
    RelationName.of(session, parts).fold(relation) { name =>
      val visible = creator match {
        case None        => VisibleColumns(relation, Some(name), Some(Visibility.inBody))()
        case Some(maker) => VisibleColumns(relation, Some(name))(Some(new FirstLook(session, Some(maker))))
      }
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
