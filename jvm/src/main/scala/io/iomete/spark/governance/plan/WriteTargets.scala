package io.iomete.spark.governance.plan

import io.iomete.spark.errors.IometeErrors
import io.iomete.spark.governance.{GovernedSession, ReadAudit}
import org.apache.spark.sql.SparkSession
import org.apache.spark.sql.catalyst.analysis.UnresolvedRelation
import org.apache.spark.sql.catalyst.plans.logical._

/** What statements write to, as they name it and before Spark looks at its columns.
  *
  * The right to write is asked for at once: an error about too few values would tell of columns.
  */
final class WriteTargets(session: SparkSession, governed: GovernedSession) {

  /** The target of a statement that also reads it, as its author may know it. */
  def wrap(target: LogicalPlan, actions: String*): LogicalPlan = target match {
    case alias: SubqueryAlias => alias.copy(child = wrap(alias.child, actions: _*))
    case visible: VisibleColumns => visible
    case other =>
      named(other, actions: _*) match {
        case hidden: HiddenRelation                  => hidden
        case relation if governed.isAdmin            => relation
        case relation: UnresolvedRelation =>
          nameOf(relation).fold[LogicalPlan](relation)(n => VisibleColumns(relation, Some(n), None))
        case leaf: LeafNode if leaf.resolved => VisibleColumns(leaf, None, None)
        case relation                        => relation
      }
  }

  /** The target itself; absent if nothing is granted on it. Raises: IOMETE_ACCESS_DENIED. */
  def named(target: LogicalPlan, actions: String*): LogicalPlan = target match {
    case hidden: HiddenRelation => hidden
    case relation: UnresolvedRelation =>
      nameOf(relation) match {
        case Some(name) if !governed.mayKnow(name) =>
          new ReadAudit(governed).hidden(name)
          val hidden =
            new HiddenRelation(relation.multipartIdentifier, relation.options, relation.isStreaming)
          hidden.copyTagsFrom(relation)
          hidden
        case Some(name) =>
          actions.foreach(require(name, _))
          relation
        case None => relation
      }
    case other => other
  }

  def actionsOf(merge: MergeIntoTable): Seq[String] =
    (merge.matchedActions ++ merge.notMatchedActions ++ merge.notMatchedBySourceActions).map {
      case _: DeleteAction                       => "delete"
      case _: UpdateAction | _: UpdateStarAction => "update"
      case _                                     => "insert"
    }.distinct

  def actionsOf(insert: InsertIntoStatement): Seq[String] =
    if (insert.overwrite) Seq("insert", "delete") else Seq("insert")

  def actionsOf(write: V2WriteCommand): Seq[String] = write match {
    case _: AppendData    => Seq("insert")
    case _: RowLevelWrite => Nil // made of a statement that was judged
    case _                => Seq("insert", "delete")
  }

  private def nameOf(relation: UnresolvedRelation): Option[RelationName] =
    RelationName.of(session, relation.multipartIdentifier)

  private def require(name: RelationName, action: String): Unit = {
    val engine = governed.engine
    val may = (name.table +: name.base.toSeq).exists(engine.isAllowed(governed.principal, action, _))
    if (!may) {
      new ReadAudit(governed).refusals {
        throw IometeErrors.accessDenied(governed.principal, action, name.table.fullName)
      }
    }
  }
}
