package io.iomete.spark

import java.util.{Collections, Map => JMap}

import io.iomete.spark.errors.IometeErrors
import org.apache.spark.{SparkConf, SparkContext}
import org.apache.spark.api.plugin.{DriverPlugin, ExecutorPlugin, PluginContext, SparkPlugin}

/** Refuses to start a driver whose sessions would be ungoverned. Set in `spark.plugins`.
  *
  * An extension can't do this for itself: when Spark doesn't find its class, it logs a warning and
  * goes on. A plug-in that isn't found or that throws stops the SparkContext, and
  * `spark.sql.extensions` is static, so what holds at the start holds for every later session.
  */
class IometePlugin extends SparkPlugin {

  override def driverPlugin(): DriverPlugin = new DriverPlugin {
    override def init(context: SparkContext, plugin: PluginContext): JMap[String, String] = {
      SupportedSpark.require(context.version)
      IometePlugin.requireExtensions(context.getConf)
      Collections.emptyMap()
    }

    override def shutdown(): Unit = Governance.stop()
  }

  // Executors run what the driver planned and hold no policy.
  override def executorPlugin(): ExecutorPlugin = null
}

object IometePlugin {
  private val key = "spark.sql.extensions"
  private val first = classOf[IometeExtension].getName
  private val last = classOf[IometeParserExtension].getName

  private[spark] def requireExtensions(conf: SparkConf): Unit = {
    val listed = conf.get(key, "").split(',').map(_.trim).filter(_.nonEmpty).toSeq
    val governed = listed.headOption.contains(first) && listed.lastOption.contains(last)
    if (!governed) throw IometeErrors.ungovernedSession(key, first, last, listed)
  }
}
