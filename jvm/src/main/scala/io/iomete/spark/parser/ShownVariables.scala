package io.iomete.spark.parser

import io.iomete.spark.governance.commands.ProtectedSettings
import org.apache.spark.sql.internal.{SQLConf, VariableSubstitution}
import org.apache.spark.sql.iomete.SparkInternals

/** The variables of a statement, `${spark.sql.shuffle.partitions}`: settings of its session.
  *
  * Spark also puts in variables of the driver's environment, `${env:HOME}`, and properties of its JVM.
  * Those are for administrators, as are the settings that SET doesn't show; for others they look as if
  * nobody had set them, and are left as they are written.
  */
private[parser] final class ShownVariables(isAdmins: () => Boolean) {
  private val all = new VariableSubstitution()

  def substitute(sqlText: String): String =
    if (sqlText == null || !sqlText.contains("${") || !SQLConf.get.variableSubstituteEnabled) sqlText
    else if (isAdmins()) all.substitute(sqlText)
    else SparkInternals.substituted(sqlText, key => !ProtectedSettings.contains(key))
}
