package io.iomete.spark.governance.ranger

import java.util.Locale

/** How locations are written for Ranger: `s3a://bucket/key` as `/s3:/bucket/key`.
  *
  * Ranger's matcher of paths takes a path apart at slashes and puts it together with single ones, so
  * a wild card below `s3://` never matches there. With the scheme as the first part it does, and
  * `/` plus everything below means every scheme.
  */
private object PathNames {
  private val located = """^([A-Za-z][A-Za-z0-9+.-]*):/*(.*)$""".r

  /** Names of one and the same store. */
  private val sameStore = Map("s3a" -> "s3", "s3n" -> "s3", "abfss" -> "abfs", "wasbs" -> "wasb")

  /** None for a path that could mean another one: relative, or with `.` and `..` among its parts. */
  def canonical(path: String): Option[String] = {
    val (scheme, rest) = path match {
      case located(scheme, rest)         => (scheme.toLowerCase(Locale.ROOT), rest)
      case local if local.startsWith("/") => ("file", local)
      case _                             => ("", "")
    }
    val parts = rest.split('/').toSeq.filter(_.nonEmpty)
    if (scheme.isEmpty || parts.exists(part => part == "." || part == "..")) None
    else Some(s"/${sameStore.getOrElse(scheme, scheme)}:" + parts.map("/" + _).mkString)
  }

  /** A value of a policy; `*`, `/` and `/` followed by `*` mean every path. */
  def policyValue(value: String): Option[String] =
    if (Set("*", "/", "/*")(value)) Some("/*") else canonical(value)
}
