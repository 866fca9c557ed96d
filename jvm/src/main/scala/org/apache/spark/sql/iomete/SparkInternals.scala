package org.apache.spark.sql.iomete

import org.apache.spark.sql.catalog.CatalogMetadata
import org.apache.spark.sql.catalyst.trees.Origin
import org.apache.spark.sql.classic.{Catalog, Dataset, SparkSession}
import org.apache.spark.sql.errors.{QueryCompilationErrors, QueryExecutionErrors}

/** What Spark keeps to its own packages, and we need to answer as it does.
  *
  * In Spark's package for that reason alone: no rule of ours is here.
  */
object SparkInternals {

  /** The error of a catalog that isn't configured. */
  def catalogNotFound(name: String): Throwable = QueryExecutionErrors.catalogNotFoundError(name)

  /** The error of a function that isn't there, where `current` is the current namespace. */
  def functionNotFound(name: Seq[String], current: Seq[String], origin: Origin): Throwable =
    QueryCompilationErrors.unresolvedRoutineError(
      name,
      Seq("system.builtin", "system.session", current.mkString(".")),
      origin
    )

  /** The error of DESCRIBE for a column that isn't there. */
  def columnNotFound(name: String): Throwable = QueryCompilationErrors.columnNotFoundError(name)

  /** What `spark.catalog.listCatalogs` returns. */
  def dataset(catalogs: Seq[CatalogMetadata], session: SparkSession): Dataset[CatalogMetadata] =
    Catalog.makeDataset(catalogs, session)
}
