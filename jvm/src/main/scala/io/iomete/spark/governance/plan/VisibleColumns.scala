package io.iomete.spark.governance.plan

import org.apache.spark.sql.catalyst.analysis.{EliminateSubqueryAliases, RelationTimeTravel, UnresolvedRelation}
import org.apache.spark.sql.catalyst.expressions.{Attribute, AttributeReference}
import org.apache.spark.sql.catalyst.plans.logical._
import org.apache.spark.sql.catalyst.rules.RuleId
import org.apache.spark.sql.catalyst.trees.CurrentOrigin
import org.apache.spark.sql.util.CaseInsensitiveStringMap

/** A relation as its reader may know it: columns that they may not read aren't there.
  *
  * It is put around a relation's name before Spark resolves it, so `*`, schemas, the error of a
  * missing column and its suggestions never see what is hidden. [[GovernReads]] replaces it by a
  * projection.
  *
  * Neither a UnaryNode nor a Project on purpose: Spark looks through those when it resolves the
  * columns of a WHERE or ORDER BY, and would find the hidden ones.
  *
  * @param name
  *   the table or view that the statement names; None for a source that is given by its files
  * @param judged
  *   how its columns look, if that was known when it was made, or was found by [[ResolveVisibleColumns]]
  * @param first
  *   how they look, found as soon as the relation is resolved: Spark then resolves what stands above in
  *   the same pass. None if [[ResolveVisibleColumns]] finds it, afterwards
  */
final case class VisibleColumns(
    child: LogicalPlan,
    name: Option[RelationName],
    judged: Option[Visibility] = None
)(val first: Option[FirstLook] = None)
    extends LogicalPlan
    with ShownAs {

  override protected def otherCopyArgs: Seq[AnyRef] = Seq(first)

  /** How its columns look; None until the relation is resolved. */
  lazy val visibility: Option[Visibility] =
    judged.orElse(first.filter(_ => child.resolved).flatMap(_.at(child, name)))

  override def children: Seq[LogicalPlan] = Seq(child)

  override lazy val resolved: Boolean = child.resolved && visibility.isDefined

  override lazy val output: Seq[Attribute] = visibility match {
    case Some(look) if child.resolved => look.of(child.output)
    case _                            => Nil
  }

  /** Metadata columns (`_file`, `_partition`) tell of all columns, so they go with any of them. */
  override lazy val metadataOutput: Seq[Attribute] =
    if (visibility.exists(_.isAll)) child.metadataOutput else Nil

  override def maxRows: Option[Long] = child.maxRows

  override protected def stringArgs: Iterator[Any] = name.iterator

  /** What Spark would print of a relation without the hidden columns, and nothing of what a view is
    * made of.
    */
  override protected def shown: LogicalPlan = visibility match {
    case Some(look) if look.isAll && !isView => child
    case Some(_) if !isView                  => narrowed(child)
    case None if !isView && !child.resolved  => child // a name
    case _                                   => VisibleRelation(name.map(_.toString), output)
  }

  private def narrowed(plan: LogicalPlan): LogicalPlan = plan match {
    case alias: SubqueryAlias => alias.copy(child = narrowed(alias.child))
    case Project(columns, leaf: LeafNode) => // Spark's padding of CHAR columns
      Project(columns.filter(c => isVisible(c.name)), narrowed(leaf))
    case leaf: LeafNode =>
      val columns = leaf.output.collect { case a: AttributeReference if isVisible(a.name) => a -> a }
      Relations.withOutput(leaf, columns)
    case _ => VisibleRelation(name.map(_.toString), output)
  }

  private def isVisible(column: String): Boolean = !visibility.exists(_.hidden(column))

  private def isView: Boolean = EliminateSubqueryAliases(child) match {
    case _: View | _: ExpandedView => true
    case _                         => false
  }

  override protected def withNewChildrenInternal(
      newChildren: IndexedSeq[LogicalPlan]
  ): LogicalPlan = copy(child = newChildren.head)(first)
}

/** What plans show of a view. */
private final case class VisibleRelation(name: Option[String], output: Seq[Attribute]) extends LeafNode {
  override def simpleString(maxFields: Int): String =
    s"Relation ${name.getOrElse("")}${output.map(_.toString).mkString("[", ",", "]")}"
}

/** A relation that the reader may not know of, made indistinguishable from one that doesn't exist.
  *
  * Spark's rules pass it by, as if each had been found to have no effect here, and Spark's own check
  * then reports it missing: the same error, at the same position, with the same plan, and in the same
  * order among the errors of a statement.
  *
  * @param named
  *   what it is instead of
  */
final class HiddenRelation private (
    name: Seq[String],
    options: CaseInsensitiveStringMap,
    isStreaming: Boolean,
    named: LogicalPlan
) extends UnresolvedRelation(name, options, isStreaming)
    with ShownAs {

  override protected def shown: LogicalPlan = named

  override protected def isRuleIneffective(ruleId: RuleId): Boolean = true

  // Equal to nothing else, or Spark would keep the relation that this one replaces.
  override def canEqual(that: Any): Boolean = that.isInstanceOf[HiddenRelation]
  override def equals(that: Any): Boolean = that match {
    case other: AnyRef => this eq other
    case _             => false
  }
  override def hashCode: Int = System.identityHashCode(this)

  override def withNewChildrenInternal(newChildren: IndexedSeq[LogicalPlan]): LogicalPlan = this
}

object HiddenRelation {

  /** In the place of `named`, as a plan holds it, which is the relation `name`. */
  def instead(
      named: LogicalPlan,
      name: Seq[String],
      options: CaseInsensitiveStringMap = CaseInsensitiveStringMap.empty,
      isStreaming: Boolean = false
  ): HiddenRelation = {
    // Spark's error about a missing table points to its name, also where a version is asked for.
    val place = named match {
      case RelationTimeTravel(relation, _, _) => relation.origin
      case other                              => other.origin
    }
    val hidden = CurrentOrigin.withOrigin(place) {
      new HiddenRelation(name, options, isStreaming, named)
    }
    hidden.copyTagsFrom(named)
    hidden
  }
}

/** A write to a relation that its author may not know of: missing, once the query has been looked at.
  *
  * @param write
  *   the statement, which errors show
  */
final case class MissingTarget(query: LogicalPlan, target: HiddenRelation, write: LogicalPlan)
    extends BinaryNode
    with ShownAs {
  override def left: LogicalPlan = query
  override def right: LogicalPlan = target
  override def output: Seq[Attribute] = Nil
  override protected def shown: LogicalPlan = write.withNewChildren(Seq(query))

  override protected def withNewChildrenInternal(
      newLeft: LogicalPlan,
      newRight: LogicalPlan
  ): LogicalPlan = newRight match {
    case hidden: HiddenRelation => copy(newLeft, hidden)
    case _                      => copy(newLeft)
  }
}
