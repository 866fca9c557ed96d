package io.iomete.spark.governance.renames

import scala.util.control.NonFatal

import io.iomete.spark.errors.IometeErrors
import io.iomete.spark.governance.{GovernedSession, Governing}
import io.iomete.spark.governance.decisions.{ResourceNames, TableResource}
import io.iomete.spark.governance.plan.GovernedCommand
import org.apache.spark.rdd.RDD
import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.catalyst.analysis.{ResolvedPersistentView, ResolvedTable}
import org.apache.spark.sql.catalyst.expressions.Attribute
import org.apache.spark.sql.catalyst.plans.logical._
import org.apache.spark.sql.catalyst.plans.logical.views.ResolvedV2View
import org.apache.spark.sql.classic.Strategy
import org.apache.spark.sql.execution.command.AlterTableRenameCommand
import org.apache.spark.sql.execution.{SparkPlan, UnaryExecNode}

/** What a statement renames.
  *
  * @param from
  *   the name that it has now
  * @param to
  *   what the new name may mean: formats read it with and without a catalog in front
  * @param identity
  *   None for views, and for formats that know no identity
  */
final case class Rename(from: TableResource, to: Seq[TableResource], identity: Option[TableIdentity])

/** A statement that renames something, around which its policies are made to follow. */
final case class Renaming(child: LogicalPlan, rename: Rename) extends UnaryNode with Command {
  override def output: Seq[Attribute] = child.output
  override protected def withNewChildInternal(newChild: LogicalPlan): Renaming = copy(child = newChild)
}

object Renaming {

  /** `plan`, or the same with what it takes for policies to follow. */
  def of(governed: GovernedSession, plan: LogicalPlan): LogicalPlan = plan match {
    case judged: GovernedCommand                => judged.copy(child = of(governed, judged.child))
    case _ if governed.governance.known.isEmpty => plan
    case _                                      => renamed(plan).fold(plan)(Renaming(plan, _))
  }

  private def renamed(plan: LogicalPlan): Option[Rename] = plan match {
    case RenameTable(table: ResolvedTable, to, _) =>
      val levels = table.identifier.namespace.toSeq
      Some(rename(table.catalog.name, levels, table.identifier.name, to, TableIdentity.of(table.table)))
    case RenameTable(view: ResolvedPersistentView, to, _) =>
      Some(rename(view.catalog.name, view.identifier.namespace.toSeq, view.identifier.name, to, None))
    case RenameTable(view: ResolvedV2View, to, _) =>
      Some(rename(view.catalog.name, view.identifier.namespace.toSeq, view.identifier.name, to, None))
    case AlterTableRenameCommand(from, to, _) =>
      val catalog = from.catalog.getOrElse(ResourceNames.sessionCatalog)
      // A temporary view has no database, and no policies.
      from.database.map(db => rename(catalog, Seq(db), from.table, to.database.toSeq :+ to.table, None))
    case RenameColumn(table: ResolvedTable, _, _) =>
      val name = nameOf(table.catalog.name, table.identifier.namespace.toSeq, table.identifier.name)
      TableIdentity.of(table.table).map(identity => Rename(name, Seq(name), Some(identity)))
    case _ => None
  }

  private def rename(
      catalog: String,
      namespace: Seq[String],
      name: String,
      to: Seq[String],
      identity: Option[TableIdentity]
  ): Rename = {
    val asWritten = if (to.size == 1) namespace ++ to else to
    val withoutCatalog =
      Option.when(to.size > 2 && to.head.equalsIgnoreCase(catalog))(to.tail).toSeq
    val names = (asWritten +: withoutCatalog).map(parts => nameOf(catalog, parts.init, parts.last))
    Rename(nameOf(catalog, namespace, name), names, identity)
  }

  private def nameOf(catalog: String, namespace: Seq[String], name: String): TableResource =
    ResourceNames.table(catalog, namespace, name)
}

/** Plans a [[Renaming]] around whatever Spark plans for the statement. */
object PlanRenaming extends Strategy {
  override def apply(plan: LogicalPlan): Seq[SparkPlan] = plan match {
    case Renaming(command, rename) => RenamingExec(planLater(command), rename) :: Nil
    case _                         => Nil
  }
}

/** Records what is renamed, renames it, and has its policies moved.
  *
  * What can't be recorded isn't renamed. From the commit on the policies of the old name hold under
  * the new one, by the table's identity or, where it has none, by an alias in this driver.
  */
final case class RenamingExec(child: SparkPlan, @transient rename: Rename) extends UnaryExecNode {

  override def output: Seq[Attribute] = child.output

  override def executeCollect(): Array[InternalRow] =
    Governing.of(session) match {
      case Some(governed) => new RenameInSteps(governed, rename).around(child.executeCollect())
      case None           => child.executeCollect()
    }

  override protected def doExecute(): RDD[InternalRow] =
    sparkContext.parallelize(executeCollect().toSeq, 1)

  override protected def withNewChildInternal(newChild: SparkPlan): RenamingExec = copy(child = newChild)
}

private final class RenameInSteps(governed: GovernedSession, rename: Rename) {
  private val known = governed.governance.known.get
  private val moves = known.moves

  def around[T](body: => T): T = {
    val begun = record()
    rename.to.foreach(moves.alias(rename.from, _))
    val result =
      try body
      catch {
        case error: Throwable =>
          takeBack(begun)
          throw error
      }
    follow(begun)
    result
  }

  private def record(): Option[String] =
    try
      rename.identity match {
        case Some(identity) =>
          known.ensure(rename.from, identity)
          None
        case None => Some(known.begin(rename.from, rename.to.last, governed.principal))
      }
    catch {
      case NonFatal(error) => throw IometeErrors.catalogStoreFailed(s"RENAME of `${rename.from}`", error)
    }

  private def takeBack(begun: Option[String]): Unit = {
    rename.to.foreach(moves.forget(rename.from, _))
    begun.foreach(known.takeBack)
  }

  /** What fails from here on leaves both names protected, and is made good when they are met. */
  private def follow(begun: Option[String]): Unit =
    if (known.complete(rename, begun, governed.principal)) {
      val number = moves.announce()
      rename.to.foreach(moves.forgetOnceDone(number, rename.from, _))
      moves.awaitDone(number, RenameInSteps.patience)
    }
}

private object RenameInSteps {

  /** For the Python side to move the policies, in milliseconds; both names are protected meanwhile. */
  private val patience = 10000L
}
