package io.iomete.spark.governance.plan

import org.apache.spark.sql.catalyst.analysis.{EliminateSubqueryAliases, UnresolvedRelation}
import org.apache.spark.sql.catalyst.expressions.Attribute
import org.apache.spark.sql.catalyst.plans.logical.{BinaryNode, LeafNode, LogicalPlan, View}
import org.apache.spark.sql.catalyst.rules.RuleId
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
  * @param visibility
  *   how its columns look; None until the relation is resolved
  */
final case class VisibleColumns(
    child: LogicalPlan,
    name: Option[RelationName],
    visibility: Option[Visibility]
) extends LogicalPlan {

  override def children: Seq[LogicalPlan] = Seq(child)

  override lazy val resolved: Boolean = child.resolved && visibility.isDefined

  override def output: Seq[Attribute] = visibility match {
    case Some(look) if child.resolved => look.of(child.output)
    case _                            => Nil
  }

  /** Metadata columns (`_file`, `_partition`) tell of all columns, so they go with any of them. */
  override def metadataOutput: Seq[Attribute] =
    if (visibility.exists(_.isAll)) child.metadataOutput else Nil

  override def maxRows: Option[Long] = child.maxRows

  override protected def stringArgs: Iterator[Any] = name.iterator

  /** Errors print the plan that they are about, which mustn't name what is hidden in it, nor what
    * a view is made of.
    */
  override def generateTreeString(
      depth: Int,
      lastChildren: java.util.ArrayList[Boolean],
      append: String => Unit,
      verbose: Boolean,
      prefix: String,
      addSuffix: Boolean,
      maxFields: Int,
      printNodeId: Boolean,
      printOutputColumns: Boolean,
      indent: Int
  ): Unit = {
    val isTold = visibility.exists(_.isAll) && !isView
    val shown = if (isTold) child else VisibleRelation(name.map(_.toString), output)
    shown.generateTreeString(depth, lastChildren, append, verbose, prefix, addSuffix, maxFields,
      printNodeId, printOutputColumns, indent)
  }

  private def isView: Boolean = EliminateSubqueryAliases(child) match {
    case _: View | _: ExpandedView => true
    case _                         => false
  }

  override protected def withNewChildrenInternal(
      newChildren: IndexedSeq[LogicalPlan]
  ): LogicalPlan = copy(child = newChildren.head)
}

/** What plans show of a relation with hidden columns. */
private final case class VisibleRelation(name: Option[String], output: Seq[Attribute]) extends LeafNode {
  override def simpleString(maxFields: Int): String =
    s"Relation ${name.getOrElse("")}${output.map(_.toString).mkString("[", ",", "]")}"
}

/** A relation that the reader may not know of, made indistinguishable from one that doesn't exist.
  *
  * Spark's rules pass it by, as if each had been found to have no effect here, and Spark's own check
  * then reports it missing: the same error, at the same position, and in the same order among the
  * errors of a statement.
  */
final class HiddenRelation(
    name: Seq[String],
    options: CaseInsensitiveStringMap,
    isStreaming: Boolean
) extends UnresolvedRelation(name, options, isStreaming) {

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

/** A write to a relation that its author may not know of: missing, once the query has been looked at. */
final case class MissingTarget(query: LogicalPlan, target: HiddenRelation) extends BinaryNode {
  override def left: LogicalPlan = query
  override def right: LogicalPlan = target
  override def output: Seq[Attribute] = Nil

  override protected def withNewChildrenInternal(
      newLeft: LogicalPlan,
      newRight: LogicalPlan
  ): LogicalPlan = newRight match {
    case hidden: HiddenRelation => copy(newLeft, hidden)
    case _                      => copy(newLeft)
  }
}
