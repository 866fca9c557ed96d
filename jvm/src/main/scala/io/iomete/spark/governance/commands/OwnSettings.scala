package io.iomete.spark.governance.commands

import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan
import org.apache.spark.sql.execution.command.SetCommand

/** What SET shows: settings that aren't for everybody look as if nobody had set them. */
private[commands] object OwnSettings {

  def shown(plan: LogicalPlan): Option[LogicalPlan] = plan match {
    case all @ SetCommand(None | Some(("-v", None)))            => Some(listed(all))
    case one @ SetCommand(Some((key, None))) if isHidden(key)   => Some(listed(one))
    case _                                                      => None
  }

  private def listed(command: LogicalPlan): LogicalPlan =
    ShownRows(command, (row: InternalRow) => Option.unless(isHidden(row.getString(0)))(row))

  private def isHidden(key: String): Boolean = ProtectedSettings.contains(key)
}
