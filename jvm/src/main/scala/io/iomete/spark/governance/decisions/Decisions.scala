package io.iomete.spark.governance.decisions

/** A table or view as policies name it.
  *
  * `namespace` is one text, nested parts joined by dots. Names of the session catalog are in lower
  * case, all others exact; [[io.iomete.spark.governance.decisions.ResourceNames]] makes them so.
  */
final case class TableResource(catalog: String, namespace: String, table: String) {

  /** `lake.sales.customers`, with parts in backticks where they need them. */
  lazy val fullName: String = ResourceNames.quoted(catalog +: ResourceNames.split(namespace) :+ table)

  override def toString: String = fullName
}

/** A mask as policies state it; `column` is the path that it is bound to (`contact.email`). */
final case class MaskRule(column: String, mask: Mask, policy: Long)

/** What a row filter says, in SQL; attributes of the user appear as `user_attribute('x')`. */
final case class RowFilterRule(predicate: String, policy: Long)

/** What a principal may read of one table.
  *
  * @param visible
  *   the columns that may be read, as they were asked about
  * @param denied
  *   columns that a policy denies explicitly (a subset of those that aren't visible)
  * @param masks
  *   by the lower-case path of the column or struct field
  * @param policies
  *   ids of the access policies that decided
  * @param broken
  *   why nothing may be read although policies exist: a mask type or an expression that isn't known
  */
final case class ReadDecision(
    visible: Set[String],
    denied: Set[String],
    masks: Map[String, MaskRule],
    filter: Option[RowFilterRule],
    policies: Seq[Long],
    broken: Option[String]
) {

  /** Whether every column is visible, as it is, in every row. */
  def isUnrestricted(columns: Seq[String]): Boolean =
    broken.isEmpty && masks.isEmpty && filter.isEmpty && columns.forall(visible)
}

/** How a value is replaced. Types follow Ranger's names; see `definitions/iomete.json`. */
sealed trait Mask extends Product with Serializable {
  def rangerType: String
}

object Mask {

  /** Letters, digits and marks of every script are replaced. */
  case object Redact extends Mask { val rangerType = "MASK" }

  /** All but the first or last characters become `*`; values no longer than those, wholly. */
  final case class ShowFirst(characters: Int) extends Mask { val rangerType = "MASK_SHOW_FIRST" }
  final case class ShowLast(characters: Int) extends Mask { val rangerType = "MASK_SHOW_LAST" }

  /** SipHash of 128 bits with a key of the lakehouse, as hexadecimal digits. */
  case object Hash extends Mask { val rangerType = "MASK_HASH" }
  case object Nullify extends Mask { val rangerType = "MASK_NULL" }

  /** A value given as text, cast to the column's type. */
  final case class Constant(text: String) extends Mask { val rangerType = "MASK_CONSTANT" }

  /** 1 January of the same year. */
  case object Year extends Mask { val rangerType = "MASK_DATE_SHOW_YEAR" }

  /** Rounded half up to this many digits after the point; negative: before it. */
  final case class Round(digits: Int) extends Mask { val rangerType = "MASK_ROUND" }

  /** A SQL expression over the table's columns; `{col}` is the masked one. */
  final case class Custom(expression: String) extends Mask { val rangerType = "CUSTOM" }
}

/** Who decides. Implemented over Apache Ranger's engine; all methods are safe for threads. */
trait PolicyEngine {

  /** Grows whenever an answer may have changed: another bundle, or a validity period that began or
    * ended. Cheap enough to ask on every action.
    */
  def epoch: Long

  /** What `principal` may read of `table`.
    *
    * @param columns
    *   names of top-level columns, any case; paths of struct fields of these columns
    *   (`contact.email`) may follow, for which only masks and explicit denies are asked
    */
  def read(principal: String, table: TableResource, columns: Seq[String]): ReadDecision

  /** Whether anything at all is granted on the table or one of its columns: it may be named. */
  def isKnown(principal: String, table: TableResource): Boolean

  /** Whether anything at all is granted in the namespace, or below it. */
  def isNamespaceKnown(principal: String, catalog: String, namespace: String): Boolean

  def isCatalogKnown(principal: String, catalog: String): Boolean

  /** Whether `action` (insert, update, delete, create, drop, alter, use, …) is granted on a table. */
  def isAllowed(principal: String, action: String, table: TableResource): Boolean

  /** The same on a namespace; an empty `namespace` asks about the catalog. */
  def isAllowed(principal: String, action: String, catalog: String, namespace: String): Boolean

  /** Whether `action` (read, write) is granted on a path and all below it. */
  def isPathAllowed(principal: String, action: String, path: String): Boolean

  /** Who holds the role `admin`. */
  def isAdmin(principal: String): Boolean

  /** Who holds the role `auditor`, or `admin`. */
  def isAuditor(principal: String): Boolean

  /** Attributes of a user: String, Long, Double, Boolean, or Seq of one of these. */
  def attributes(principal: String): Map[String, Any]

  /** A value of each attribute that anybody has; tells the types. */
  def exampleAttributes: Map[String, Any]

  /** Who a table's or view's owner is, as the administrator has set it. */
  def ownerOf(table: TableResource): Option[String]
}
