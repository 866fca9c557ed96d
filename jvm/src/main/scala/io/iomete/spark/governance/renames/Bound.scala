package io.iomete.spark.governance.renames

import io.iomete.spark.governance.GovernanceState
import io.iomete.spark.governance.decisions.TableResource

/** What policies may still call a table that is asked for under a name.
  *
  * @param others
  *   further names of the table: what is decided for these holds for it, too
  * @param columns
  *   paths that policies know columns by, for the ids that they keep; ids that aren't here have the
  *   names that they have
  * @param renamed
  *   of today's columns those that policies call otherwise: today's path by the one of policies
  */
final case class Bound(
    others: Seq[TableResource],
    columns: Map[String, String],
    renamed: Map[String, String]
) {

  /** Whether the name that is asked for says everything. */
  def isByName: Boolean = others.isEmpty && renamed.isEmpty

  def and(aliases: Seq[TableResource]): Bound =
    if (aliases.isEmpty) this else copy(others = (others ++ aliases).distinct)

  /** The name that policies have for a column or field with this id: the last step of its path. */
  def nameOf(id: String): Option[String] = columns.get(id).map(_.split('.').last)
}

object Bound {

  /** What policies call a table that was loaded under a name. */
  def of(table: TableResource, identity: Option[TableIdentity]): Bound =
    identity.flatMap(id => GovernanceState.current.flatMap(_.known).map(_.boundTo(table, id))).getOrElse(byName)

  val byName: Bound = Bound(Nil, Map.empty, Map.empty)

  def of(known: KnownTable, table: TableResource, identity: TableIdentity): Bound = {
    val renamed = identity.columns.toSeq.flatMap { case (id, today) =>
      known.columns.get(id).filter(_ != today).map(_ -> today)
    }.toMap
    // Also ids that the table has no more: its old versions do.
    val differing = known.columns.filterNot { case (id, path) => identity.columns.get(id).contains(path) }
    Bound(Seq(known.table).filter(_ != table), differing, renamed)
  }
}
