package io.iomete.spark.governance.ranger

/** Where policies come from. What can't be used never replaces what is in force. */
private[ranger] trait PolicySource extends AutoCloseable {

  /** What it is, for people and to tell it from another; holds no secret. */
  def origin: String

  /** The last policies that could be used. */
  def published: Published

  /** Why newer ones aren't in force, as long as they aren't; for administrators. */
  def problem: Option[String]

  /** Takes what is there by now, without waiting for anybody. Whether something else is in force. */
  def refresh(): Boolean

  /** Looks for nothing any more; the last policies stay in force. */
  override def close(): Unit
}
