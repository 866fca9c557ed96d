package io.iomete.spark.governance.renames

import io.iomete.spark.governance.decisions._

/** One decision on a table that policies may know by several names, or with other names of columns.
  *
  * Grants under any of them count; so do denials, masks and filters.
  */
object StrictestDecision {

  /** @param asked
    *   columns and fields as [[Bound]] calls them
    */
  def of(
      engine: PolicyEngine,
      principal: String,
      table: TableResource,
      asked: Seq[String],
      bound: Bound
  ): ReadDecision = {
    val names = (bound.others :+ table).distinct
    val known = names.map(engine.read(principal, _, asked))
    val today = asked.map(name => bound.renamed.getOrElse(ResourceNames.column(name), name))
    val renamed = if (today == asked) Nil else names.map { name =>
      translated(engine.read(principal, name, today), today.zip(asked).toMap)
    }
    val all = known ++ renamed
    val answers = if (asked.isEmpty) withRows(all) else all
    val together = answers.reduce(both)
    val mentioned = known.flatMap(_.filter).map(_.policy).toSet
    renamed.flatMap(_.filter).find(rule => !mentioned(rule.policy)) match {
      // It speaks of columns by names that other columns may have here.
      case Some(_) => together.copy(broken = together.broken.orElse(Some(severalNames)))
      case None    => together
    }
  }

  private val severalNames =
    "the table and its columns were renamed, and row filters hold under the new names; publish them again"

  /** Of a question about no column: no rows under one name doesn't mean none under the other. */
  private def withRows(all: Seq[ReadDecision]): Seq[ReadDecision] = {
    val granting = all.filterNot(_.filter.exists(_.policy < 0))
    if (granting.isEmpty) all.take(1) else granting
  }

  /** A decision about columns as they are called today, in the names that policies have for them. */
  private def translated(decision: ReadDecision, back: Map[String, String]): ReadDecision = {
    def name(of: String): String = back.getOrElse(of, of)
    val folded = back.map { case (today, known) => ResourceNames.column(today) -> ResourceNames.column(known) }
    decision.copy(
      visible = decision.visible.map(name),
      denied = decision.denied.map(name),
      masks = decision.masks.map { case (path, rule) =>
        val known = folded.getOrElse(path, path)
        known -> rule.copy(column = known, mask = if (known == path) rule.mask else timeless(rule.mask))
      }
    )
  }

  /** A custom mask's text speaks of columns by today's names. */
  private def timeless(mask: Mask): Mask = mask match {
    case _: Mask.Custom => Mask.Nullify
    case other          => other
  }

  private def both(one: ReadDecision, other: ReadDecision): ReadDecision = {
    val denied = one.denied ++ other.denied
    ReadDecision(
      (one.visible ++ other.visible) -- denied,
      denied,
      masks(one.masks, other.masks),
      (one.filter ++ other.filter).reduceOption(filters),
      (one.policies ++ other.policies).distinct,
      one.broken.orElse(other.broken)
    )
  }

  /** Which of two masks hides more can't be told; null hides all. */
  private def masks(one: Map[String, MaskRule], other: Map[String, MaskRule]): Map[String, MaskRule] =
    other.foldLeft(one) { case (all, (path, rule)) =>
      all.get(path) match {
        case Some(same) if same.mask == rule.mask => all
        case Some(_)                              => all + (path -> rule.copy(mask = Mask.Nullify))
        case None                                 => all + (path -> rule)
      }
    }

  private def filters(one: RowFilterRule, other: RowFilterRule): RowFilterRule =
    if (one.predicate == other.predicate) one
    // Each on lines of its own: a comment at its end mustn't reach what follows.
    else one.copy(predicate = s"(\n${one.predicate}\n) AND (\n${other.predicate}\n)")
}
