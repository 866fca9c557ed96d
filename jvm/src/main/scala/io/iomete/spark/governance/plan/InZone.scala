package io.iomete.spark.governance.plan

import org.apache.spark.sql.catalyst.expressions.{Expression, SubqueryExpression}
import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan
import org.apache.spark.sql.execution.datasources.orc.OrcFileFormat
import org.apache.spark.sql.execution.datasources.parquet.ParquetFileFormat
import org.apache.spark.sql.execution.datasources.{HadoopFsRelation, LogicalRelation}
import org.apache.spark.sql.types._

/** Files whose timestamps are texts without a zone, which are read in the session's: those of text formats,
  * and those in the names of folders.
  */
private[plan] object InZone {

  def is(leaf: LogicalPlan): Boolean = leaf match {
    case LogicalRelation(files: HadoopFsRelation, _, _, _, _) =>
      hasTimestamps(files.partitionSchema) || !isBinary(files) && hasTimestamps(files.dataSchema)
    case _ => false
  }

  /** Whether an expression looks something up in such files. */
  def isLookedUpIn(expression: Expression): Boolean = expression.exists {
    case lookup: SubqueryExpression => isIn(lookup.plan)
    case _                          => false
  }

  private def isIn(plan: LogicalPlan): Boolean =
    plan.exists(node => is(node) || node.expressions.exists(isLookedUpIn))

  private def isBinary(files: HadoopFsRelation): Boolean = files.fileFormat match {
    case _: ParquetFileFormat | _: OrcFileFormat => true
    case _                                       => false
  }

  private def hasTimestamps(dataType: DataType): Boolean = dataType match {
    case TimestampType           => true
    case struct: StructType      => struct.exists(field => hasTimestamps(field.dataType))
    case ArrayType(element, _)   => hasTimestamps(element)
    case MapType(key, value, _)  => hasTimestamps(key) || hasTimestamps(value)
    case _                       => false
  }
}
