package io.iomete.spark.governance.plan

import java.util.Locale

import scala.jdk.CollectionConverters._
import scala.util.Try

import io.iomete.spark.governance.{GovernedSession, Governing, ReadAudit}
import org.apache.spark.sql.SparkSession
import org.apache.spark.sql.catalyst.analysis._
import org.apache.spark.sql.catalyst.expressions.SubqueryExpression
import org.apache.spark.sql.catalyst.parser.CatalystSqlParser
import org.apache.spark.sql.catalyst.plans.logical._
import org.apache.spark.sql.catalyst.rules.Rule
import org.apache.spark.sql.catalyst.trees.{CurrentOrigin, TreeNodeTag}
import org.apache.spark.sql.delta.DeltaTableValueFunction
import org.apache.spark.sql.delta.catalog.DeltaTableV2
import org.apache.spark.sql.delta.files.TahoeFileIndex
import org.apache.spark.sql.execution.datasources.v2.DataSourceV2Relation
import org.apache.spark.sql.execution.datasources.{HadoopFsRelation, LogicalRelation}
import org.apache.spark.sql.util.CaseInsensitiveStringMap

/** Puts [[VisibleColumns]] around each relation that a statement names, before Spark resolves it.
  *
  * A relation that the principal has nothing to do with becomes a [[HiddenRelation]]. What a view's
  * body names is only marked: bodies run with their creator's rights, which [[GovernReads]] applies.
  * The text of a temporary view is its reader's own statement.
  */
final case class HideRelations(session: SparkSession) extends Rule[LogicalPlan] {

  override def apply(plan: LogicalPlan): LogicalPlan = Governing.of(session) match {
    case None                                 => plan
    case Some(governed) if BodyOfFunction.isInnermost => hide(plan, governed)
    case Some(_) if BodyOfView.isBodyOf(plan) => new ViewBodies(session).marked(plan)
    case Some(governed)                       => hide(plan, governed)
  }

  private def hide(plan: LogicalPlan, governed: GovernedSession): LogicalPlan =
    if (plan.analyzed) {
      plan // part of a DataFrame that was governed when it was made
    } else {
      plan match {
        case wrapped: VisibleColumns => wrapped
        case hidden: HiddenRelation  => hidden
        // Spark analyses a cached plan again to refresh it; what is governed already stays.
        case barrier: PolicyBarrier if barrier.proof.isOurs => barrier
        case relation: UnresolvedRelation => wrap(relation, relation, governed)
        case past @ RelationTimeTravel(relation: UnresolvedRelation, _, _) =>
          wrap(past, relation, governed)
        case source: UnresolvedDataSource =>
          new ReadAudit(governed).refusals(new ReaderOptions(governed).checkKeys(source.options.keys))
          IcebergSources.nameIn(session, source) match {
            case Some(name) if !governed.mayKnow(name) =>
              missing(source, name, IcebergSources.parts(source), source.isStreaming, governed)
            // Spark gives the stream of a source no name, by which its policies could be found.
            case Some(name) if source.isStreaming =>
              read(IcebergSources.asNamed(source), Some(name))
            case named =>
              if (named.isEmpty) new ReadAudit(governed).refusals(new GivenSources(governed).check(source))
              read(source)
          }
        case leaf if leaf.children.isEmpty && isTable(leaf) =>
          val visible = read(leaf)
          visible.copyTagsFrom(leaf)
          visible
        case clone: CloneTableStatement =>
          clone.copy(source = targets(governed).known(clone.source))
        case restore: RestoreTableStatement =>
          restore.withNewChildren(Seq(targets(governed).known(restore.table)))
        case update: UpdateTable =>
          inExpressions(update.copy(table = targets(governed).wrap(update.table, "update")), governed)
        case delete: DeleteFromTable =>
          inExpressions(delete.copy(table = targets(governed).wrap(delete.table, "delete")), governed)
        case merge: MergeIntoTable =>
          val wrapped = merge.copy(
            targetTable = targets(governed).wrap(merge.targetTable, targets(governed).actionsOf(merge): _*),
            sourceTable = hide(merge.sourceTable, governed)
          )
          inExpressions(wrapped, governed)
        case insert: InsertIntoStatement =>
          written(insert, insert.table, targets(governed).actionsOf(insert), governed)
        case write: V2WriteCommand =>
          targets(governed).checkLoaded(write)
          written(write, write.table, targets(governed).actionsOf(write), governed)
        case ctes: UnresolvedWith =>
          ctes.copy(
            child = hide(ctes.child, governed),
            cteRelations = ctes.cteRelations.map { case (name, query, depth) =>
              (name, query.copy(child = hide(query.child, governed)), depth)
            }
          )
        case other => below(other, governed)
      }
    }

  private def below(plan: LogicalPlan, governed: GovernedSession): LogicalPlan =
    inExpressions(plan.withNewChildren(plan.children.map(hide(_, governed))), governed)

  private def written(
      write: LogicalPlan,
      target: LogicalPlan,
      actions: Seq[String],
      governed: GovernedSession
  ): LogicalPlan = targets(governed).named(target, actions: _*) match {
    case hidden: HiddenRelation => MissingTarget(below(write.children.head, governed), hidden, write)
    case _                      => below(write, governed)
  }

  private def targets(governed: GovernedSession): WriteTargets = new WriteTargets(session, governed)

  private def inExpressions(plan: LogicalPlan, governed: GovernedSession): LogicalPlan =
    plan.transformExpressions { case subquery: SubqueryExpression =>
      subquery.withNewPlan(hide(subquery.plan, governed))
    }

  private def wrap(
      named: LogicalPlan,
      relation: UnresolvedRelation,
      governed: GovernedSession
  ): LogicalPlan = {
    new ReadAudit(governed).refusals(new ReaderOptions(governed).checkNamed(relation.options))
    wrapped(named, relation, governed)
  }

  private def wrapped(
      named: LogicalPlan,
      relation: UnresolvedRelation,
      governed: GovernedSession
  ): LogicalPlan = RelationName.of(session, relation.multipartIdentifier) match {
    case None => // a temporary view, which may be another person's plan
      val visible = read(named)
      visible.copyTagsFrom(relation)
      visible
    case Some(name) if name.path.isDefined || isPath(relation.multipartIdentifier) =>
      // ``parquet.`/a/path` ``: before Spark looks whether there is anything
      val path = relation.multipartIdentifier.last
      new ReadAudit(governed).refusals(governed.requirePath("read", path))
      // Inside a view, what a function reads has to stay apart from what the view reads.
      if (BodyOfFunction.isAnalysed) read(named) else named
    case Some(name) if governed.mayKnow(name) =>
      val visible = read(named, Some(name))
      visible.copyTagsFrom(relation)
      visible
    case Some(name) =>
      new ReadAudit(governed).hidden(name)
      HiddenRelation.instead(named, relation.multipartIdentifier, relation.options, relation.isStreaming)
  }

  private def read(relation: LogicalPlan, name: Option[RelationName] = None): VisibleColumns =
    VisibleColumns(relation, name)(Some(new FirstLook(session)))

  private def missing(
      source: LogicalPlan,
      name: RelationName,
      parts: Seq[String],
      isStreaming: Boolean,
      governed: GovernedSession
  ): LogicalPlan = {
    new ReadAudit(governed).hidden(name)
    HiddenRelation.instead(source, parts, isStreaming = isStreaming)
  }

  /** Whatever the current catalog is: no table's name holds a slash. */
  private def isPath(parts: Seq[String]): Boolean = parts.size == 2 && parts.last.contains('/')

  private def isTable(leaf: LogicalPlan): Boolean = leaf.resolved && (Source.of(leaf) match {
    case _: Source.OfTable => true
    case _                 => false
  })
}

/** Tables that are named where a path is expected: `format("iceberg").load("lake.db.t")`. */
private object IcebergSources {
  private val providers = Set("iceberg", "org.apache.iceberg.spark.source.icebergsource")

  def nameIn(session: SparkSession, source: UnresolvedDataSource): Option[RelationName] =
    parts(source) match {
      case Seq()                                             => None
      case parts if parts.exists(part => part.contains('/')) => None
      case parts                                             => RelationName.of(session, parts)
    }

  /** The table as `readStream.table` names it. */
  def asNamed(source: UnresolvedDataSource): UnresolvedRelation = {
    val options = source.options.toMap.filterNot { case (key, _) => key.equalsIgnoreCase("path") }
    CurrentOrigin.withOrigin(source.origin) {
      UnresolvedRelation(parts(source), new CaseInsensitiveStringMap(options.asJava), isStreaming = true)
    }
  }

  def parts(source: UnresolvedDataSource): Seq[String] =
    if (providers(source.format.toLowerCase(Locale.ROOT))) {
      val named = source.paths.headOption.orElse(source.options.get("path"))
      named.flatMap(text => Try(CatalystSqlParser.parseMultipartIdentifier(text)).toOption).getOrElse(Nil)
    } else {
      Nil
    }
}

/** Tells the bodies of views, which Spark analyses apart, from what their reader has written. */
object BodyOfView {

  /** Spark analyses a view's text with the catalog and namespace that it was made in. */
  def isAnalysed: Boolean = AnalysisContext.get.catalogAndNamespace.nonEmpty

  /** A temporary view's columns are looked up without the statement that would make them anew. */
  def isBodyOf(plan: LogicalPlan): Boolean = isAnalysed && !plan.expressions.exists(_.exists {
    case column: GetViewColumnByNameAndOrdinal => column.viewDDL.isEmpty
    case _                                     => false
  })
}

/** Tells the bodies of SQL functions from the views that call them, and from those that they read.
  *
  * Whoever may make a function can make it anew. So it reads with the rights of who asks, inside a view
  * as well: with those of the view's creator, it could read for its author whatever the creator may.
  */
object BodyOfFunction {
  private[plan] val tag = TreeNodeTag[Unit]("iomete.ofFunction")

  def isAnalysed: Boolean = SQLFunctionContext.get.nestedSQLFunctionDepth > 0

  /** Whether a function's body is analysed, and not that of a view which it reads. Spark tells how deep both
    * are nested, and not which is inside the other: the stack does.
    */
  def isInnermost: Boolean = isAnalysed && (!BodyOfView.isAnalysed || StackWalker.getInstance.walk { frames =>
    frames.map[String](_.getMethodName).filter(name => entries(name)).findFirst.filter(_ == ofFunctions).isPresent
  })

  private val ofFunctions = "withSQLFunction"
  private val entries = Set(ofFunctions, "withAnalysisContext")
}

/** Finds out how the columns of a write's target look, once Spark has resolved the relation inside.
  *
  * Before that it puts in the bodies of Iceberg's views, which Iceberg's own rule would do next.
  */
final case class ResolveVisibleColumns(session: SparkSession) extends Rule[LogicalPlan] {

  override def apply(plan: LogicalPlan): LogicalPlan = Governing.of(session).fold(plan) { governed =>
    plan.resolveOperatorsUp {
      case relation @ VisibleColumns(child, name, None) if child.resolved =>
        val look = relation.visibility.getOrElse(Visibility.of(governed, child, name))
        // Delta's interface for programs looks for its table itself, and not through a node of ours.
        val isBare = look.isPlain && isDelta(child) && !BodyOfFunction.isAnalysed
        if (isBare) child
        else if (relation.resolved) relation
        else relation.copy(judged = Some(look))(relation.first)
      case relation @ VisibleColumns(named: UnresolvedRelation, Some(name), _)
          if !named.isInstanceOf[HiddenRelation] =>
        new ViewBodies(session)
          .ofIceberg(name, named)
          .fold[LogicalPlan](relation)(body => relation.withNewChildren(Seq(body)))
      // Delta looks its table up itself, and says of one that isn't Delta's that it is there.
      case changes: DeltaTableValueFunction =>
        named(changes) match {
          case Some((parts, name)) if !governed.mayKnow(name) =>
            new ReadAudit(governed).hidden(name)
            HiddenRelation.instead(changes, parts)
          case _ => ofFunction(changes)
        }
    }
  }

  private def ofFunction(changes: DeltaTableValueFunction): LogicalPlan =
    if (!BodyOfFunction.isAnalysed || changes.getTagValue(BodyOfFunction.tag).isDefined) changes
    else {
      changes.setTagValue(BodyOfFunction.tag, ())
      VisibleColumns(changes, None)(Some(new FirstLook(session)))
    }

  private def isDelta(plan: LogicalPlan): Boolean = plan match {
    case NamedTable(LogicalRelation(files: HadoopFsRelation, _, _, _, _)) =>
      files.location.isInstanceOf[TahoeFileIndex]
    case NamedTable(relation: DataSourceV2Relation) => relation.table.isInstanceOf[DeltaTableV2]
    case _                                          => false
  }

  private def named(changes: DeltaTableValueFunction): Option[(Seq[String], RelationName)] =
    for {
      argument <- changes.functionArgs.headOption if argument.resolved && argument.foldable
      text <- Option(argument.eval()).map(_.toString)
      parts <- Try(CatalystSqlParser.parseMultipartIdentifier(text)).toOption
      name <- RelationName.of(session, parts)
    } yield (parts, name)
}
