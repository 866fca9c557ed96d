package io.iomete.spark.governance.plan

import io.iomete.spark.errors.IometeErrors
import io.iomete.spark.governance.{GovernedSession, ReadAudit}
import org.apache.iceberg.spark.PathIdentifier
import org.apache.spark.sql.SparkSession
import org.apache.spark.sql.catalyst.TimeTravel
import org.apache.spark.sql.catalyst.analysis.{NoSuchTableException, RelationTimeTravel, UnresolvedRelation}
import org.apache.spark.sql.catalyst.plans.logical._
import org.apache.spark.sql.execution.datasources.v2.DataSourceV2Relation

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
          nameOf(relation)
            .filter(_.path.isEmpty)
            .fold[LogicalPlan](relation)(n => VisibleColumns(relation, Some(n))())
        case leaf: LeafNode if leaf.resolved => VisibleColumns(leaf, None)()
        case relation                        => relation
      }
  }

  /** The target itself; absent if nothing is granted on it. Raises: IOMETE_ACCESS_DENIED. */
  def named(target: LogicalPlan, actions: String*): LogicalPlan = target match {
    case hidden: HiddenRelation => hidden
    case relation: UnresolvedRelation =>
      nameOf(relation) match {
        case Some(name) if name.path.isDefined =>
          name.path.foreach(requirePath)
          relation
        case Some(name) if !governed.mayKnow(name) =>
          new ReadAudit(governed).hidden(name)
          HiddenRelation.instead(relation, relation.multipartIdentifier, relation.options)
        case Some(name) =>
          actions.foreach(require(name, _))
          relation
        case None => relation
      }
    case other => other
  }

  /** The target of a DataFrame's write, which Spark loads before anybody is asked.
    *
    * Raises: IOMETE_ACCESS_DENIED, TABLE_OR_VIEW_NOT_FOUND.
    */
  def checkLoaded(write: V2WriteCommand): Unit = write.table match {
    case relation: DataSourceV2Relation if !governed.isAdmin && !write.isInstanceOf[RowLevelWrite] =>
      (relation.catalog, relation.identifier) match {
        case (_, Some(path: PathIdentifier)) => requirePath(path.location)
        case (Some(catalog), Some(identifier)) =>
          val name = RelationName.of(catalog, identifier)
          if (name.path.isEmpty) {
            if (governed.mayKnow(name)) actionsOf(write).foreach(require(name, _))
            else throw missing(write, name, relation.options.isEmpty)
          }
        case _ => ()
      }
    case _ => ()
  }

  /** As if it weren't there: `saveAsTable`, which gives the relation no options, makes a table then. */
  private def missing(write: V2WriteCommand, name: RelationName, hasNoOptions: Boolean): Throwable = {
    new ReadAudit(governed).hidden(name)
    if (write.isByName && hasNoOptions) {
      IometeErrors.accessDenied(governed.principal, "create", name.table.fullName)
    } else new NoSuchTableException(name.identifier)
  }

  /** What a statement of Delta's names, as it is or in an old version; absent if nothing is granted. */
  def known(named: LogicalPlan): LogicalPlan = named match {
    case past: TimeTravel         => past.copy(relation = known(past.relation))
    case past: RelationTimeTravel => past.copy(relation = known(past.relation))
    case other            => this.named(other)
  }

  def actionsOf(merge: MergeIntoTable): Seq[String] =
    (merge.matchedActions ++ merge.notMatchedActions ++ merge.notMatchedBySourceActions).map {
      case _: DeleteAction                       => "delete"
      case _: UpdateAction | _: UpdateStarAction => "update"
      case _                                     => "insert"
    }.distinct ++ Option.when(merge.withSchemaEvolution)("alter")

  def actionsOf(insert: InsertIntoStatement): Seq[String] =
    if (insert.overwrite) Seq("insert", "delete") else Seq("insert")

  def actionsOf(write: V2WriteCommand): Seq[String] = write match {
    case _: AppendData    => Seq("insert")
    case _: RowLevelWrite => Nil // made of a statement that was judged
    case _                => Seq("insert", "delete")
  }

  private def nameOf(relation: UnresolvedRelation): Option[RelationName] =
    RelationName.of(session, relation.multipartIdentifier)

  private def requirePath(path: String): Unit =
    new ReadAudit(governed).refusals(governed.requirePath("write", path))

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
