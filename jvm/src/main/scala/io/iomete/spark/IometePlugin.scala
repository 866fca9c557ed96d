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
      IometePlugin.requireAuthentication(context.getConf)
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

  private val plugins = "spark.plugins"
  private val connectServer = "org.apache.spark.sql.connect.SparkConnectPlugin"
  private val interceptors = "spark.connect.grpc.interceptor.classes"
  // By name: a driver that serves nobody has no need of gRPC's classes.
  private val authentication = "io.iomete.spark.connect.ConnectAuthentication"

  private[spark] def requireExtensions(conf: SparkConf): Unit = {
    val listed = names(conf, key)
    val governed = listed.headOption.contains(first) && listed.lastOption.contains(last)
    if (!governed) throw IometeErrors.ungovernedSession(key, first, last, listed)
  }

  /** Sessions of a server that authenticates nobody would run nothing; this says why, and earlier. */
  private[spark] def requireAuthentication(conf: SparkConf): Unit = {
    val listed = names(conf, interceptors)
    if (names(conf, plugins).contains(connectServer) && !listed.contains(authentication)) {
      throw IometeErrors.unauthenticatedServer(interceptors, authentication, listed.mkString(","))
    }
  }

  private def names(conf: SparkConf, key: String): Seq[String] =
    conf.get(key, "").split(',').map(_.trim).filter(_.nonEmpty).toSeq
}
