package io.iomete.spark.governance.plan

import io.iomete.spark.governance.{GovernedSession, Governing}
import io.iomete.spark.governance.decisions.TableResource
import org.apache.spark.sql.SparkSession
import org.apache.spark.sql.catalyst.expressions.Attribute
import org.apache.spark.sql.catalyst.plans.logical.{LeafNode, LogicalPlan, Project, SubqueryAlias}
import org.apache.spark.sql.types.DataType

/** How a relation's columns look to those who name it.
  *
  * @param hidden
  *   names of hidden columns, as the relation spells them
  * @param masked
  *   types of masked columns by name, with the nulls that masks bring in
  * @param isInBody
  *   whether the body of a view names the relation: what its reader may do isn't looked at here, so
  *   that any column may turn out null
  */
final case class Visibility(
    hidden: Set[String],
    masked: Map[String, DataType] = Map.empty,
    isInBody: Boolean = false
) {

  def isAll: Boolean = hidden.isEmpty

  /** Whether the columns look as they do without policies. */
  def isPlain: Boolean = isAll && masked.isEmpty && !isInBody

  def of(output: Seq[Attribute]): Seq[Attribute] = output.filterNot(a => hidden(a.name)).map { a =>
    val nullable = if (isInBody || masked.contains(a.name)) a.withNullability(true) else a
    masked.get(a.name).fold(nullable)(t => nullable.withDataType(Nullability.looser(a.dataType, t)))
  }
}

object Visibility {

  /** Of what a view's body names, whose creator isn't known. */
  val inBody: Visibility = Visibility(Set.empty, isInBody = true)

  /** Of what a view's body names: the columns that its creator doesn't see aren't there. */
  def inBodyOf(
      creator: String,
      governed: GovernedSession,
      relation: LogicalPlan,
      name: Option[RelationName]
  ): Visibility = {
    val look = of(governed, relation, name, ReadRights.of(creator))
    // Who sees nothing of it is refused, and by another error.
    if (relation.output.forall(column => look.hidden(column.name))) inBody
    else Visibility(look.hidden, isInBody = true)
  }

  /** Of a resolved relation that `governed`'s own statement names. */
  def of(governed: GovernedSession, relation: LogicalPlan, name: Option[RelationName]): Visibility =
    of(governed, relation, name, governed.rights)

  private def of(
      governed: GovernedSession,
      relation: LogicalPlan,
      name: Option[RelationName],
      rights: ReadRights
  ): Visibility =
    relation match {
      case NamedTable(leaf) =>
        Source.of(leaf) match {
          case source: Source.OfTable =>
            // Policies see an old version with the names that its fields have today.
            val columns = source.columns.map { case (a, known) =>
              source.types.get(a.exprId).fold[Attribute](a)(a.withDataType) -> known
            }
            of(governed, source.table, columns, governed.decide(source, rights))
          case _ => Visibility(Set.empty)
        }
      case view =>
        name.fold(Visibility(Set.empty)) { known =>
          val columns = view.output.map(a => a -> Option(a.name))
          val decision = governed.decide(known.table, view.output.map(_.name), rights)
          of(governed, known.table, columns, decision)
        }
    }

  private def of(
      governed: GovernedSession,
      table: TableResource,
      columns: Seq[(Attribute, Option[String])],
      decision: CombinedDecision
  ): Visibility = {
    val hidden = columns.collect {
      case (column, Some(name)) if !decision.isVisible(name) => column.name
    }.toSet
    // Metadata columns show values of the others (`_partition`) and rows' places (`_pos`).
    val metadata =
      if (decision.isPlain(columns.flatMap(_._2))) Set.empty
      else columns.collect { case (column, None) => column.name }.toSet
    Visibility(hidden ++ metadata, masked(governed, table, columns, decision))
  }

  /** What can't be read, or not be masked, is refused once it is known what is done with it. */
  private def masked(
      governed: GovernedSession,
      table: TableResource,
      columns: Seq[(Attribute, Option[String])],
      decision: CombinedDecision
  ): Map[String, DataType] =
    if (decision.masks.isEmpty || !decision.isReadable || decision.broken.isDefined) {
      Map.empty
    } else {
      val restriction = new Restriction(governed, table, columns, decision)
      columns.collect {
        case (column, Some(name)) if decision.isVisible(name) => column -> restriction.shown(column, Some(name))
      }.collect {
        case (column, value) if value != column && Nullability.isLooser(value, column) =>
          column.name -> Nullability.looser(column.dataType, value.dataType)
      }.toMap
    }
}

/** How a relation looked when it was first resolved, and looks in all copies of the plan ever after: what a
  * DataFrame was made with stays, and what has changed by the time that it runs is [[GovernReads]]' business.
  *
  * @param session
  *   of who reads it
  * @param creator
  *   who made the view whose body names it
  */
final class FirstLook(session: SparkSession, creator: Option[String] = None) {
  private var found: Option[Visibility] = None

  def at(relation: LogicalPlan, name: Option[RelationName]): Option[Visibility] = synchronized {
    if (found.isEmpty) {
      found = Governing.of(session).map { governed =>
        creator.fold(Visibility.of(governed, relation, name))(Visibility.inBodyOf(_, governed, relation, name))
      }
    }
    found
  }
}

/** A table as Spark resolves its name; above one with CHAR columns, Spark pads what was read. */
object NamedTable {
  def unapply(plan: LogicalPlan): Option[LeafNode] = plan match {
    case SubqueryAlias(_, child)  => unapply(child)
    case Project(_, leaf: LeafNode) => Some(leaf)
    case leaf: LeafNode           => Some(leaf)
    case _                        => None
  }
}
