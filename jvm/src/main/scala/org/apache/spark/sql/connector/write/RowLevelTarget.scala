package org.apache.spark.sql.connector.write

import org.apache.spark.sql.connector.catalog.Table

/** The table that an UPDATE, DELETE or MERGE reads in order to write it.
  *
  * In Spark's package because the class that it looks into is private to it.
  */
object RowLevelTarget {
  def unapply(table: Table): Option[Table] = table match {
    case operation: RowLevelOperationTable => Some(operation.table)
    case _                                 => None
  }
}
