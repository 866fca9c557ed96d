package io.iomete.spark.errors

import java.util.concurrent.atomic.AtomicBoolean

import org.apache.spark.sql.AnalysisException

/** An error by which a principal is refused something; the audit trail has it once.
  *
  * @param reason
  *   for auditors; what the principal is told is the message
  */
final class Refused(
    errorClass: String,
    sqlState: String,
    messageTemplate: String,
    messageParameters: Map[String, String],
    val action: String,
    val resource: String,
    val reason: String
) extends AnalysisException(
      errorClass = errorClass,
      sqlState = sqlState,
      messageTemplate = messageTemplate,
      messageParameters = messageParameters,
      cause = None,
      message = None
    ) {
  private val recorded = new AtomicBoolean

  /** True the first time. */
  def markRecorded(): Boolean = recorded.compareAndSet(false, true)
}
