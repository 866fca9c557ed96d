package io.iomete.spark.governance.plan

import io.iomete.spark.governance.decisions._

/** With whose rights a part of a plan is read.
  *
  * @param asker
  *   who runs the statement: their explicit denies, masks and filters apply everywhere
  * @param holder
  *   whose grants count: the asker, or inside a view its creator
  * @param views
  *   the views that lead here, outermost first
  */
final case class ReadRights(asker: String, holder: String, views: Seq[TableResource]) {

  def isOwn: Boolean = asker == holder

  /** The same part of a plan, when another one runs it. */
  def askedBy(principal: String): ReadRights =
    copy(asker = principal, holder = if (isOwn) principal else holder)

  /** What the asker may read themselves, wherever it is. */
  def ofAsker: ReadRights = copy(holder = asker)

  def inside(view: TableResource, creator: Option[String]): ReadRights =
    copy(holder = creator.getOrElse(asker), views = views :+ view)
}

object ReadRights {
  def of(asker: String): ReadRights = ReadRights(asker, asker, Nil)
}

/** The decisions about one relation, for everyone whose rights matter.
  *
  * Within a view that somebody else made, both the creator's and the asker's masks and filters
  * apply: a creator passes on no more than they see, and an asker gains nothing by asking a view.
  */
final case class CombinedDecision(
    table: TableResource,
    rights: ReadRights,
    asker: ReadDecision,
    creator: Option[ReadDecision]
) {
  private val granting = creator.getOrElse(asker)

  val broken: Option[String] = asker.broken.orElse(creator.flatMap(_.broken))

  def isVisible(column: String): Boolean =
    granting.visible(column) && (creator.isEmpty || !asker.denied(column))

  val isReadable: Boolean = granting.visible.nonEmpty

  /** Whether a column is visible, and no mask is on it or on a field in it. */
  def isShownAsItIs(column: String): Boolean =
    isVisible(column) && (masks.isEmpty || !masked(ResourceNames.column(column)))

  /** Paths that masks are on, and those of what they are fields of. */
  private lazy val masked: Set[String] =
    masks.flatMap(_.keys).flatMap(path => path +: prefixes(path)).toSet

  /** `a.b.c`: `a`, `a.b`; a name may hold dots itself. */
  private def prefixes(path: String): Seq[String] =
    path.indices.filter(path(_) == '.').map(path.substring(0, _))

  /** In the order in which they are applied. */
  val masks: Seq[Map[String, MaskRule]] =
    (creator.toSeq :+ asker).map(_.masks).filter(_.nonEmpty)

  val filters: Seq[RowFilterRule] = (creator.toSeq :+ asker).flatMap(_.filter)

  /** Whom each filter and mask is for: `current_user()` and attributes are theirs. */
  def principalsOfFilters: Seq[(RowFilterRule, String)] =
    creator.toSeq.flatMap(_.filter.map(_ -> rights.holder)) ++ asker.filter.map(_ -> rights.asker)

  lazy val principalsOfMasks: Seq[(Map[String, MaskRule], String)] =
    (creator.toSeq.map(_.masks -> rights.holder) :+ (asker.masks -> rights.asker))
      .filter(_._1.nonEmpty)

  val isRestricted: Boolean = masks.nonEmpty || filters.nonEmpty || creator.isDefined

  /** Whether what somebody has written in SQL decides what is seen. */
  def isExpressed: Boolean = filters.nonEmpty || masks.exists(_.values.exists(_.mask.isInstanceOf[Mask.Custom]))

  /** Whether all of these columns are seen, as they are, in every row. */
  def isPlain(columns: Seq[String]): Boolean =
    masks.isEmpty && filters.isEmpty && columns.forall(isVisible)

  def policies: Seq[Long] = (creator.toSeq :+ asker).flatMap(_.policies).distinct
}
