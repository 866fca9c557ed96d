package io.iomete.spark.governance.plan

import io.iomete.spark.errors.IometeErrors
import io.iomete.spark.governance.decisions.TableResource
import io.iomete.spark.governance.{GovernedSession, Governing}
import org.apache.spark.sql.SparkSession
import org.apache.spark.sql.catalyst.expressions._
import org.apache.spark.sql.catalyst.plans.logical._
import org.apache.spark.sql.catalyst.trees.TreeNodeTag
import org.apache.spark.sql.classic.Strategy
import org.apache.spark.sql.execution.SparkPlan
import org.apache.spark.sql.execution.columnar.InMemoryRelation
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
          val asker = QueryReads.of(root).flatMap(_.asker)
          new ProofCheck(governed, asker.fold(governed.rights)(ReadRights.of), paths(root)).check(root)
          gated(root, governed)
      }
    case _ => Nil
  }

  private def paths(root: LogicalPlan): Seq[String] = QueryReads.of(root).fold(Seq.empty[String])(_.paths)

  /** Puts the gate above a query, where each execution passes. */
  private def gated(root: LogicalPlan, governed: GovernedSession): Seq[SparkPlan] = {
    CachedQueries.in(root).foreach(_.fillsCache = true)
    val record = QueryReads.of(root).orElse(CachedQueries.answering(root, governed))
    if (record.isEmpty && !Commands.isCommand(root) && !QueryReads.isCovered(root)) {
      Unrecorded.check(root, governed)
    }
    QueryReads.cover(root)
    root match {
      case GovernedCommand(command, effects, tables) =>
        return GovernedCommandExec(planLater(new CheckedAnswer(command)), effects, tables, governed.principal) :: Nil
      case _ => ()
    }
    record match {
      case Some(reads) =>
        val answer = root match {
          case RecordedQuery(query, _) => query // Spark's strategies look at the top of an answer
          case other                   => other
        }
        GovernedExec(planLater(new CheckedAnswer(answer)), reads, governed.principal, root) :: Nil
      case None => Nil
    }
  }
}

/** The answer of a query that has passed the backstop; Spark plans it as any other. */
final class CheckedAnswer(root: LogicalPlan) extends ReturnAnswer(root) {
  override def canEqual(that: Any): Boolean = that.isInstanceOf[CheckedAnswer]
  override protected def withNewChildInternal(newChild: LogicalPlan): CheckedAnswer =
    new CheckedAnswer(newChild)
}

/** @param paths
  *   what the query was found to read by its path
  */
private final class ProofCheck(governed: GovernedSession, rights: ReadRights, paths: Seq[String]) {

  def check(root: LogicalPlan): Unit = checkWhole(root)

  /** A guarded condition speaks for the whole plan that it is in, and not for its subqueries. */
  private def checkWhole(root: LogicalPlan): Unit =
    check(root, WriteGuards.proofsIn(root) ++ RuntimeFilters.proofsOf(root))

  private def check(plan: LogicalPlan, proofs: Seq[Proof]): Unit = {
    plan.expressions.foreach(_.foreach {
      case denied: DeniedColumn => throw denied.refusal
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
    val ofJoins = plan.expressions.flatMap(RuntimeFilters.in)
    plan.subqueries.foreach { query =>
      if (ofJoins.exists(_ eq query)) RuntimeFilters.pass(query, below)
      checkWhole(query)
    }
  }

  private def checkLeaf(leaf: LogicalPlan, proofs: Seq[Proof]): Unit = governed.sourceOf(leaf) match {
    case source @ Source.OfTable(table, columns, _) if !proofs.exists(covers(_, table)) =>
      val decision = governed.decide(source, rights)
      val isAsItIs = decision.broken.isEmpty && !decision.isRestricted
      val used = read(leaf).map(_.name).toSet
      val isVisible = columns.forall {
        case (a, Some(name)) => decision.isVisible(name) || !used(a.name)
        case _               => true
      }
      if (!isAsItIs || !decision.isReadable || !isVisible) {
        throw IometeErrors.ungovernedRead(governed.principal, table.fullName)
      }
    // Iceberg has looked for the table's newest state since.
    case Source.OfPaths(locations) if leaf.isInstanceOf[DataSourceV2ScanRelation] && !governed.isAdmin =>
      if (!ReachedFiles.areBelow(leaf, paths)) {
        throw IometeErrors.ungovernedRead(governed.principal, locations.mkString(", "))
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

/** What Spark's optimiser makes of a join, to read less of one side: copies of the other side.
  *
  * Where a row filter looks rows up, its join is below the barrier, and one side of it is the
  * protected table as it is. So is a copy of that, which nothing above the barrier gets to see. What
  * is proved where the copy stands goes with it, as it is planned apart.
  */
private object RuntimeFilters {
  private val proofsTag = TreeNodeTag[Seq[Proof]]("iomete.proofs")

  def pass(copy: LogicalPlan, proofs: Seq[Proof]): Unit = copy.setTagValue(proofsTag, proofs)

  def proofsOf(root: LogicalPlan): Seq[Proof] = root.getTagValue(proofsTag).getOrElse(Nil)

  def in(expression: Expression): Seq[LogicalPlan] = expression.collect {
    case BloomFilterMightContain(filter: ScalarSubquery, _) => filter.plan
    case pruning: DynamicPruningSubquery                    => pruning.buildQuery
  }
}

/** A query without a record has nothing to record, or it isn't planned. */
private object Unrecorded {

  def check(root: LogicalPlan, governed: GovernedSession): Unit = root.foreachWithSubqueries {
    case cached: InMemoryRelation =>
      CachedQueries.of(cached).flatMap(_.tables).foreach(read => refuse(governed, read.table.fullName))
    case leaf: LeafNode if !leaf.isInstanceOf[Command] =>
      Source.of(leaf) match {
        case Source.OfTable(table, _, _)   => refuse(governed, table.fullName)
        case Source.OfMetadata(table, _)   => refuse(governed, table.fullName)
        case Source.OfPaths(paths)         => refuse(governed, paths.mkString(", "))
        case Source.Local | _: Source.Unknown => ()
      }
    case _ => ()
  }

  private def refuse(governed: GovernedSession, what: String): Unit =
    throw IometeErrors.ungovernedRead(governed.principal, what)
}

/** The queries that fill the caches which a plan reads. */
private object CachedQueries {

  /** What a query reads that Spark answers from its cache as a whole, top, record and all.
    *
    * It was found equal to the one that fills the cache after both were governed, so it reads the same.
    */
  def answering(root: LogicalPlan, governed: GovernedSession): Option[QueryReads] = root match {
    case cached: InMemoryRelation => of(cached).map(Revocation.readBy(governed, _)).reduceOption(_ ++ _)
    case _                        => None
  }

  def in(root: LogicalPlan): Seq[QueryReads] =
    root.collectWithSubqueries { case cached: InMemoryRelation => of(cached) }.flatten

  def of(cached: InMemoryRelation): Seq[QueryReads] =
    cached.cachedPlan.collectFirst { case gate: GovernedExec => gate.reads }.toSeq
}
