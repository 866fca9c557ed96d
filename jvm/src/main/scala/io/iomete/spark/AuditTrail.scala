package io.iomete.spark

import io.iomete.spark.store.StoreAddress
import io.iomete.spark.system.SystemTables

/** Makes the audit trail readable in SQL. Called by Python over Py4J, once a driver. */
object AuditTrail {

  /** Serves `lake.system.audit` from the metadata database.
    *
    * @param user
    *   null where the database needs none, like `password`
    */
  def serve(url: String, user: String, password: String): Unit =
    SystemTables.store = Some(StoreAddress(url, Option(user), Option(password), None))
}
