package io.iomete.spark.governance.plan

import io.iomete.spark.errors.{IometeErrors, Refused}
import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.catalyst.expressions.LeafExpression
import org.apache.spark.sql.catalyst.expressions.codegen.CodegenFallback
import org.apache.spark.sql.types.DataType

/** Stands where a column was that the reader has no right to.
  *
  * Nothing of the raw column is behind it. If the query doesn't need the column, the optimiser
  * prunes this away; if it does, the planner refuses the query, and were it ever evaluated, it
  * would raise.
  *
  * @param view
  *   the view that the reader has named, if the column is of what it is made of
  */
final case class DeniedColumn(table: String, column: String, dataType: DataType, view: Option[String])
    extends LeafExpression
    with CodegenFallback {

  override def nullable: Boolean = true
  override def foldable: Boolean = false
  override def contextIndependentFoldable: Boolean = false

  override def eval(input: InternalRow): Any = throw refusal

  override def toString: String = s"denied($column)"

  /** What a view is made of is nothing that its reader needs to know. */
  def refusal: Refused = view.fold(IometeErrors.columnDenied(table, column))(IometeErrors.viewRightsMissing)
}
