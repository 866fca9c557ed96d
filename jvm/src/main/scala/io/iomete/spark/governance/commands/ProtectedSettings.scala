package io.iomete.spark.governance.commands

import io.iomete.spark.errors.IometeErrors
import io.iomete.spark.governance.Governing

/** The settings that say what data is, where it is, and with which credentials it is read.
  *
  * One list for each way to a session's configuration: statements, and what servers take from
  * clients.
  */
object ProtectedSettings {
  private val prefixes =
    Seq("spark.sql.catalog.", "spark.hadoop.", "fs.", "spark.sql.extensions", "spark.iomete.")
  private val analyser = "spark.sql.analyzer.singlePassResolver."

  /** What makes Spark analyse statements without the rules that hide names. */
  val otherAnalysers: Seq[String] =
    Seq("enabled", "enabledTentatively", "dualRunWithLegacy").map(analyser + _)

  def contains(key: String): Boolean = prefixes.exists(key.startsWith)

  /** Raises: IOMETE_SETTING_REFUSED. */
  def requireMaySet(principal: String, key: String): Unit =
    if (otherAnalysers.contains(key)) throw IometeErrors.analyserRefused(key)
    else if (contains(key) && !Governing.isAdmin(principal)) throw IometeErrors.settingRefused(principal, key)

  /** Raises: IOMETE_SETTING_REFUSED. */
  def requireMayRead(principal: String, key: String): Unit =
    if (contains(key) && !Governing.isAdmin(principal)) throw IometeErrors.settingHidden(principal, key)
}
