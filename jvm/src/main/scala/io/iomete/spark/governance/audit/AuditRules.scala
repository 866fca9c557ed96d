package io.iomete.spark.governance.audit

/** How audit events are written.
  *
  * @param required
  *   whether an event that can't be written is an IOException, which refuses the query; otherwise it
  *   is lost, counted, and logged once an outage
  * @param fileBytes
  *   a new file begins where a line would make the current one longer
  * @param fileSeconds
  *   … and with the first line after this time
  */
final case class AuditRules(
    required: Boolean,
    fileBytes: Long = 64L * 1024 * 1024,
    fileSeconds: Long = 3600
)
