package io.iomete.spark.governance.plan

import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan

/** A node of ours that errors, which print the plan that they are about, show as one of Spark's.
  *
  * So what is hidden is in no error, and none tells that there is something to hide.
  */
trait ShownAs extends LogicalPlan {

  protected def shown: LogicalPlan

  override def generateTreeString(
      depth: Int,
      lastChildren: java.util.ArrayList[Boolean],
      append: String => Unit,
      verbose: Boolean,
      prefix: String,
      addSuffix: Boolean,
      maxFields: Int,
      printNodeId: Boolean,
      printOutputColumns: Boolean,
      indent: Int
  ): Unit = shown.generateTreeString(depth, lastChildren, append, verbose, prefix, addSuffix, maxFields,
    printNodeId, printOutputColumns, indent)
}
