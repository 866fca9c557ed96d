package io.iomete.spark.thrift

import java.util.concurrent.ConcurrentHashMap

import scala.jdk.CollectionConverters._
import scala.util.control.NonFatal

import io.iomete.spark.errors.IometeErrors
import io.iomete.spark.identity.{ServedPrincipals, TokenVerifier}
import org.apache.hive.service.auth.TSetIpAddressProcessor
import org.apache.hive.service.cli.SessionHandle
import org.apache.hive.service.rpc.thrift.TCLIService
import org.apache.spark.sql.SparkSession
import org.apache.thrift.{TProcessor, TProcessorFactory}
import org.apache.thrift.server.TServer
import org.apache.thrift.transport.TTransport

/** Spark's Thrift server (HiveServer2's protocol), with tokens as passwords; one a driver.
  *
  * Spark's own classes of it are in its distribution only, so they are reached by reflection. The
  * connection isn't encrypted: beyond the loopback, put something in front that does it.
  */
object ThriftEndpoint {
  private val server = "org.apache.spark.sql.hive.thriftserver.HiveThriftServer2"
  private val singleSession = "spark.sql.hive.thriftServer.singleSession"

  /** None until all that guards the server is in place. */
  @volatile private[thrift] var verifier: Option[TokenVerifier] = None
  private var running: Option[AnyRef] = None

  /** Starts to serve. Raises: IOMETE_TOKENS_UNUSABLE, IOMETE_UNAUTHENTICATED_SERVER,
    * IOMETE_THRIFT_SERVER_FAILED.
    *
    * @param session
    *   any session of the driver: those of clients are new ones, without its principal and views
    * @param host
    *   the address to listen on
    */
  def start(session: SparkSession, host: String, port: Int): Unit = synchronized {
    if (running.nonEmpty) {
      throw IometeErrors.thriftServerFailed("it runs already. Hint: start it once a driver.")
    }
    val tokens = TokenVerifier.configured(session.sparkContext.getConf.getOption)
    // Everyone would share `session`, and be whoever it belongs to.
    val shared = session.conf.get(singleSession, "false")
    if (shared != "false") throw IometeErrors.unauthenticatedServer(singleSession, "false", shared)
    try {
      running = Some(started(configured(session, host, port)))
      running.foreach(guard)
      verifier = Some(tokens)
    } catch {
      case NonFatal(error) =>
        stop()
        val cause = Iterator.iterate(error)(_.getCause).takeWhile(_ != null).toSeq.last
        throw IometeErrors.thriftServerFailed(
          s"$cause Hint: check that port $port of $host is free, and that Spark's distribution has " +
            "its Thrift server."
        )
    }
  }

  /** Ends the server and its sessions; does nothing if there is none. */
  def stop(): Unit = synchronized {
    verifier = None
    running.foreach(server => server.getClass.getMethod("stop").invoke(server))
    running = None
  }

  /** A session that nobody owns, whose settings make the server's. */
  private def configured(session: SparkSession, host: String, port: Int): SparkSession = {
    val own = session.newSession()
    Map(
      "hive.server2.transport.mode" -> "binary", // over HTTP it would listen on every address
      "hive.server2.thrift.bind.host" -> host,
      "hive.server2.thrift.port" -> port.toString,
      "hive.server2.authentication" -> "CUSTOM",
      "hive.server2.enable.doAs" -> "false",
      "hive.server2.allow.user.substitution" -> "false"
    ).foreach { case (key, value) => own.conf.set(key, value) }
    // Where Hive looks for it: in a configuration of its own, made for each connection.
    System.setProperty(
      "hive.server2.custom.authentication.class",
      classOf[ThriftAuthentication].getName
    )
    own
  }

  private def started(session: SparkSession): AnyRef =
    Class
      .forName(server)
      .getMethod("startWithSparkSession", classOf[SparkSession], classOf[Boolean])
      .invoke(null, session, false)

  /** Puts [[JudgedService]] before the service, which no configuration can. */
  private def guard(server: AnyRef): Unit = {
    val services = servicesOf(server)
    val service = services.collectFirst { case found: TCLIService.Iface => found }.get
    val sessions = new ServedThriftSessions(sessionsOf(services))
    val judged = JudgedService.around(service, sessions)
    val processors = new TProcessorFactory(null) {
      override def getProcessor(transport: TTransport): TProcessor =
        new TSetIpAddressProcessor[TCLIService.Iface](judged)
    }
    val listener = field(service.getClass, "server").get(service)
    field(classOf[TServer], "processorFactory_").set(listener, processors)
    ServedPrincipals.add(sessions)
  }

  private def sessionsOf(services: Seq[AnyRef]): ConcurrentHashMap[SessionHandle, SparkSession] = {
    val manager = services
      .filterNot(_.isInstanceOf[TCLIService.Iface])
      .flatMap(servicesOf)
      .find(_.getClass.getSimpleName == "SparkSQLSessionManager")
      .get
    val operations = manager.getClass.getMethod("getOperationManager").invoke(manager)
    operations.getClass
      .getMethod("sessionToContexts")
      .invoke(operations)
      .asInstanceOf[ConcurrentHashMap[SessionHandle, SparkSession]]
  }

  private def servicesOf(composite: AnyRef): Seq[AnyRef] =
    composite.getClass
      .getMethod("getServices")
      .invoke(composite)
      .asInstanceOf[java.util.Collection[AnyRef]]
      .asScala
      .toSeq

  private def field(owner: Class[_], name: String): java.lang.reflect.Field = {
    val found = owner.getDeclaredField(name)
    found.setAccessible(true)
    found
  }
}
