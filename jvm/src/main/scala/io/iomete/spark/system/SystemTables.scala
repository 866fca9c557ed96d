package io.iomete.spark.system

import io.iomete.spark.governance.decisions.TableResource
import io.iomete.spark.store.StoreAddress

/** The namespace of what the platform tells about itself: nobody creates, changes or drops there. */
object SystemTables {
  val catalog = "lake"
  val namespace = "system"

  /** The audit trail, for auditors and administrators. */
  val audit: TableResource = TableResource(catalog, namespace, "audit")

  /** Where the rows are; None until the lakehouse is open. */
  @volatile private[spark] var store: Option[StoreAddress] = None

  def holds(table: TableResource): Boolean = holds(table.catalog, table.namespace)

  /** Whether a namespace, its levels joined by dots, is the reserved one or below it. */
  def holds(catalog: String, namespace: String): Boolean =
    catalog == this.catalog &&
      (namespace == this.namespace || namespace.startsWith(s"${this.namespace}."))
}
