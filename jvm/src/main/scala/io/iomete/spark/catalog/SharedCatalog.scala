package io.iomete.spark.catalog

import org.apache.spark.sql.SparkSession
import org.apache.spark.sql.catalyst.catalog.{ExternalCatalog, ExternalCatalogWithListener}
import org.apache.spark.sql.classic.{SparkSession => ClassicSession}

/** The one catalog object that all sessions of a driver share. */
private[spark] object SharedCatalog {

  def of(session: SparkSession): ExternalCatalogWithListener =
    session.asInstanceOf[ClassicSession].sharedState.externalCatalog

  /** Puts `catalog` behind the shared object.
    *
    * By reflection, since the field is private. Found by its type: there is exactly one field of it,
    * or this is a Spark that we don't know and refuse.
    */
  def replace(shared: ExternalCatalogWithListener, catalog: ExternalCatalog): Unit = {
    val fields = classOf[ExternalCatalogWithListener].getDeclaredFields
      .filter(_.getType == classOf[ExternalCatalog])
    require(fields.length == 1, "Spark's ExternalCatalogWithListener is not as it was in 4.1.3")
    fields.head.setAccessible(true)
    fields.head.set(shared, catalog)
    require(shared.unwrapped eq catalog, "Spark's session catalog could not be replaced")
  }
}
