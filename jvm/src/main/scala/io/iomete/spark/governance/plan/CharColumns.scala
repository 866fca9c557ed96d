package io.iomete.spark.governance.plan

import org.apache.spark.sql.catalyst.catalog.HiveTableRelation
import org.apache.spark.sql.catalyst.expressions.{Alias, Attribute, NamedExpression}
import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan
import org.apache.spark.sql.catalyst.util.CharVarcharUtils
import org.apache.spark.sql.execution.datasources.LogicalRelation
import org.apache.spark.sql.execution.datasources.v2.DataSourceV2Relation
import org.apache.spark.sql.types.{Metadata, MetadataBuilder, StructField, StructType}

/** A table's columns of type CHAR, as policies see them: Spark reads them as strings that it pads, and pads
  * what they are compared with. By the time that reads are governed, that they are CHAR is known to the
  * padding above the relation only.
  */
private[plan] final class CharColumns(types: Map[String, Metadata]) {

  def has(column: Attribute): Boolean = types.contains(column.name)

  /** A column of the relation with the padding that a query sees. */
  def padded(column: Attribute): NamedExpression = types.get(column.name).fold[NamedExpression](column) { metadata =>
    val typed = column.withMetadata(metadata)
    Alias(CharVarcharUtils.addPaddingForScan(typed), column.name)(explicitMetadata = Some(metadata))
  }
}

private[plan] object CharColumns {
  private val key = "__CHAR_VARCHAR_TYPE_STRING"
  private val charType = "(?<!var)char\\(".r

  val none = new CharColumns(Map.empty)

  def of(leaf: LogicalPlan): CharColumns = leaf match {
    case relation: LogicalRelation      => in(relation.relation.schema)
    case relation: HiveTableRelation    => in(relation.tableMeta.schema)
    case relation: DataSourceV2Relation =>
      val columns = relation.table.columns.map(c => StructField(c.name, c.dataType))
      in(CharVarcharUtils.replaceCharVarcharWithStringInSchema(StructType(columns)))
    case _                              => none
  }

  private def in(schema: StructType): CharColumns = new CharColumns(schema.collect {
    case field if isChar(field.metadata) => field.name -> only(field.metadata)
  }.toMap)

  private def isChar(metadata: Metadata): Boolean =
    metadata.contains(key) && charType.findFirstIn(metadata.getString(key)).isDefined

  /** Of what is known about a column, that it is CHAR or VARCHAR. */
  def metadata(column: Attribute): Metadata = only(column.metadata)

  private def only(metadata: Metadata): Metadata =
    if (metadata.contains(key)) new MetadataBuilder().putString(key, metadata.getString(key)).build() else Metadata.empty
}
