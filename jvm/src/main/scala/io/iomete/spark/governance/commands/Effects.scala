package io.iomete.spark.governance.commands

import scala.collection.mutable

import io.iomete.spark.governance.decisions.ResourceNames

/** What a statement does to one table, namespace or path.
  *
  * @param action
  *   the right that it uses
  * @param columns
  *   those that it assigns, in lower case; None where they aren't known, or all of them
  */
final case class Effect(action: String, resource: String, columns: Option[Seq[String]] = None)

/** The effects of one statement, as the rights that it needs are found to be there. */
private[commands] final class Effects {
  private val found = mutable.LinkedHashMap.empty[(String, String), Effect]
  private var assigned: Option[Seq[String]] = None

  def all: Seq[Effect] = found.values.map { effect =>
    if (Effects.assigning(effect.action)) effect.copy(columns = assigned) else effect
  }.toSeq

  /** Rights to look at something change nothing. */
  def add(action: String, resource: String): Unit =
    if (!Effects.looking(action)) found((action, resource)) = Effect(action, resource)

  def assigns(columns: Seq[String]): Unit = assigned = Some(columns.map(ResourceNames.column).sorted)
}

private[commands] object Effects {
  private val looking = Set("select", "read", "use", "execute")
  private val assigning = Set("insert", "update")
}
