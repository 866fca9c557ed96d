package io.iomete.spark.governance.plan

import scala.collection.mutable

import io.iomete.spark.errors.IometeErrors
import io.iomete.spark.governance.decisions.TableResource
import io.iomete.spark.governance.{GovernedSession, Governing}
import org.apache.spark.sql.SparkSession
import org.apache.spark.sql.catalyst.expressions._
import org.apache.spark.sql.catalyst.plans.logical._
import org.apache.spark.sql.classic.Strategy
import org.apache.spark.sql.execution.SparkPlan
import org.apache.spark.sql.execution.datasources.v2.DataSourceV2ScanRelation

/** The last look at a plan before it becomes physical: no leaf without its proof.
  *
  * Each leaf is decided again, and where its reader sees it restricted, the barrier with the proof
  * of that decision has to be above it. What a rule of the optimiser, an extension or a mistake of
  * ours let through isn't planned.
  */
final case class Backstop(session: SparkSession) extends Strategy {

  override def apply(plan: LogicalPlan): Seq[SparkPlan] = plan match {
    case _: CheckedAnswer => Nil
    case ReturnAnswer(root) =>
      Governing.of(session) match {
        case None => throw IometeErrors.notGoverned() // the policies' own session runs nothing
        case Some(governed) =>
          new ProofCheck(governed).check(root)
          gated(root, governed)
      }
    case _ => Nil
  }

  /** Puts the gate above a query, where each execution passes. */
  private def gated(root: LogicalPlan, governed: GovernedSession): Seq[SparkPlan] =
    if (root.isInstanceOf[Command]) {
      Nil
    } else {
      val reads = QueryReads.of(root).getOrElse(LeafReads.of(root, governed))
      if (reads.isEmpty) {
        Nil
      } else {
        if (reads.columns.isEmpty) reads.columns = UsedColumns.of(root)
        GovernedExec(planLater(new CheckedAnswer(root)), reads, governed.principal) :: Nil
      }
    }
}

/** The answer of a query that has passed the backstop; Spark plans it as any other. */
final class CheckedAnswer(root: LogicalPlan) extends ReturnAnswer(root) {
  override def canEqual(that: Any): Boolean = that.isInstanceOf[CheckedAnswer]
  override protected def withNewChildInternal(newChild: LogicalPlan): CheckedAnswer =
    new CheckedAnswer(newChild)
}

private final class ProofCheck(governed: GovernedSession) {

  def check(root: LogicalPlan): Unit = checkWhole(root)

  /** A guarded condition speaks for the whole plan that it is in, and not for its subqueries. */
  private def checkWhole(root: LogicalPlan): Unit = check(root, WriteGuards.proofsIn(root))

  private def check(plan: LogicalPlan, proofs: Seq[Proof]): Unit = {
    plan.expressions.foreach(_.foreach {
      case DeniedColumn(table, column, _) => throw IometeErrors.columnDenied(table, column)
      case _                              => ()
    })
    val below = plan match {
      case PolicyBarrier(_, given) if given.isOurs => proofs :+ given
      case _                                       => proofs
    }
    plan match {
      case leaf: LeafNode if !leaf.isInstanceOf[Command] => checkLeaf(leaf, below)
      case _                                             => ()
    }
    plan.children.foreach(check(_, below))
    plan.subqueries.foreach(checkWhole)
  }

  private def checkLeaf(leaf: LogicalPlan, proofs: Seq[Proof]): Unit = Source.of(leaf) match {
    case source @ Source.OfTable(table, columns, _) if !proofs.exists(covers(_, table)) =>
      val decision = governed.decide(source, governed.rights)
      val isAsItIs = decision.broken.isEmpty && !decision.isRestricted
      val used = read(leaf).map(_.name).toSet
      val isVisible = columns.forall {
        case (a, Some(name)) => decision.isVisible(name) || !used(a.name)
        case _               => true
      }
      if (!isAsItIs || !decision.isReadable || !isVisible) {
        throw IometeErrors.ungovernedRead(governed.principal, table.fullName)
      }
    case Source.Unknown(what) if !governed.isAdmin =>
      throw IometeErrors.unknownSource(governed.principal, what)
    case _ => ()
  }

  /** A scan's output is what is read; other leaves list all columns, and a projection picks. */
  private def read(leaf: LogicalPlan): Seq[Attribute] = leaf match {
    case scan: DataSourceV2ScanRelation => scan.output
    case _                              => Nil
  }

  private def covers(proof: Proof, table: TableResource): Boolean = proof.table == table
}

/** What an optimised plan reads, where its own record was lost on the way. */
private object LeafReads {

  def of(root: LogicalPlan, governed: GovernedSession): QueryReads = {
    val reads = root.collectLeaves().flatMap { leaf =>
      Source.of(leaf) match {
        case source @ Source.OfTable(table, _, snapshot) =>
          val decision = governed.decide(source, governed.rights)
          Some(TableRead(table, source.names, source.fields, snapshot, governed.rights, decision))
        case _ => None
      }
    }
    new QueryReads(reads, Nil, governed.engine.epoch)
  }
}

/** The columns of each table that an optimised plan still needs, as policies name them. */
private object UsedColumns {

  def of(root: LogicalPlan): Map[TableResource, Set[String]] = {
    val used = mutable.HashSet.empty[ExprId]
    val byTable = mutable.HashMap.empty[TableResource, Set[String]]
    root.output.foreach(a => used += a.exprId)
    root.foreachWithSubqueries(_.references.foreach(a => used += a.exprId))
    root.foreachWithSubqueries {
      case leaf: LeafNode =>
        Source.of(leaf) match {
          case Source.OfTable(table, columns, _) =>
            val read = leaf match {
              case scan: DataSourceV2ScanRelation => scan.output.map(_.exprId).toSet
              case _                              => used
            }
            val names = columns.collect { case (a, Some(name)) if read(a.exprId) => name }
            byTable(table) = byTable.getOrElse(table, Set.empty) ++ names
          case _ => ()
        }
      case _ => ()
    }
    byTable.toMap
  }
}
