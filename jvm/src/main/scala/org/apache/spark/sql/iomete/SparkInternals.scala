package org.apache.spark.sql.iomete

import java.lang.reflect.InvocationTargetException
import java.util.{Map => JMap}

import scala.jdk.CollectionConverters._

import org.apache.spark.internal.config.{ConfigProvider, ConfigReader}
import org.apache.spark.sql.catalog.CatalogMetadata
import org.apache.spark.sql.catalyst.analysis.Analyzer
import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan
import org.apache.spark.sql.catalyst.trees.Origin
import org.apache.spark.sql.classic.{Catalog, Dataset, SparkSession}
import org.apache.spark.sql.errors.{QueryCompilationErrors, QueryExecutionErrors}
import org.apache.spark.sql.internal.SQLConf

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

  /** `text` with settings in the place of `${…}`, as VariableSubstitution puts them there.
    *
    * @param isShown
    *   whether a setting is one of those; others are left, and so are variables of the environment and
    *   properties of the JVM
    */
  def substituted(text: String, isShown: String => Boolean): String = {
    val settings = provider(key => Option.when(isShown(key) && SQLConf.get.contains(key))(shown(key)))
    val nothing = provider(_ => None)
    val reader = new ConfigReader(settings).bindEnv(nothing).bindSystem(nothing)
    Seq("spark", "sparkconf", "hivevar", "hiveconf").foreach(reader.bind(_, settings))
    reader.substitute(text)
  }

  /** What SET shows of it. Words without dots are variables of SQL's own. */
  private def shown(key: String): String = {
    val value = SQLConf.get.getConfString(key)
    if (key.contains('.')) SQLConf.get.redactOptions(Map(key -> value))(key) else value
  }

  private def provider(find: String => Option[String]): ConfigProvider = new ConfigProvider {
    override def get(key: String): Option[String] = find(key)
  }

  /** What an analyser makes of a part of a plan, in the context that is set: as it does with bodies of
    * views. Its own method of that is private.
    */
  def inSameContext(analyser: Analyzer, plan: LogicalPlan): LogicalPlan =
    try executeSameContext.invoke(analyser, plan).asInstanceOf[LogicalPlan]
    catch { case error: InvocationTargetException => throw error.getCause }

  private lazy val executeSameContext = {
    val found = classOf[Analyzer].getMethods.filter(_.getName.endsWith("$$executeSameContext"))
    require(found.length == 1, "Spark's Analyzer is not as it was in 4.1.3")
    found.head
  }

  /** The error of DESCRIBE for a column that isn't there. */
  def columnNotFound(name: String): Throwable = QueryCompilationErrors.columnNotFoundError(name)

  /** Whether a configuration holds these settings, and no other; copies nothing. */
  def holds(conf: SQLConf, settings: JMap[String, String]): Boolean = conf.settings == settings

  /** The settings of the Spark application, of which each new session gets a copy. */
  def startedWith(session: SparkSession): Map[String, String] = session.sparkContext.conf.getAll.toMap

  /** What this thread hands to the tasks of its jobs, where settings of the session are among them. */
  def localProperties(session: SparkSession): Map[String, String] =
    session.sparkContext.getLocalProperties.asScala.toMap

  /** What `spark.catalog.listCatalogs` returns. */
  def dataset(catalogs: Seq[CatalogMetadata], session: SparkSession): Dataset[CatalogMetadata] =
    Catalog.makeDataset(catalogs, session)
}
