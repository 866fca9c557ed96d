package io.iomete.spark.thrift

import java.lang.reflect.{InvocationHandler, InvocationTargetException, Method, Proxy}
import java.util.{Map => JMap}

import scala.jdk.CollectionConverters._

import io.iomete.spark.errors.IometeErrors
import io.iomete.spark.governance.commands.ProtectedSettings
import org.apache.hive.service.auth.TSetIpAddressProcessor
import org.apache.hive.service.rpc.thrift._
import org.apache.spark.sql.AnalysisException

/** Hive's service as an authenticated principal may use it: statements, which the rules judge, and
  * what belongs to them.
  *
  * Requests for metadata (GetTables, GetColumns, …) are refused: they are answered from the session
  * catalog, past every rule.
  */
private[thrift] object JudgedService {

  private val allowed = Set(
    "OpenSession", "CloseSession", "GetInfo", "GetQueryId", "ExecuteStatement", "GetOperationStatus",
    "CancelOperation", "CloseOperation", "GetResultSetMetadata", "FetchResults", "GetTypeInfo",
    "GetTableTypes"
  )

  def around(service: TCLIService.Iface, sessions: ServedThriftSessions): TCLIService.Iface =
    Proxy
      .newProxyInstance(
        getClass.getClassLoader,
        Array(classOf[TCLIService.Iface]),
        new JudgedService(service, sessions)
      )
      .asInstanceOf[TCLIService.Iface]

  /** A setting's key without the prefixes by which Hive tells kinds of variables apart.
    *
    * Those that set something of the whole JVM, such as `system:`, keep theirs.
    */
  private def keyOf(name: String): String =
    Seq("set:", "hiveconf:", "hivevar:").foldLeft(name)(_.stripPrefix(_))
}

private final class JudgedService(service: TCLIService.Iface, sessions: ServedThriftSessions)
    extends InvocationHandler {
  import JudgedService._

  override def invoke(proxy: Any, method: Method, arguments: Array[AnyRef]): AnyRef = {
    val request = arguments.head
    try {
      // Of this connection: what SASL has verified, by our own provider.
      val principal = Option(TSetIpAddressProcessor.getUserName).getOrElse(throw IometeErrors.noToken())
      if (!allowed(method.getName)) throw IometeErrors.requestRefused(principal, method.getName)
      handleOf(request).filterNot(sessions.isOf(principal, _)).foreach { _ =>
        throw IometeErrors.requestRefused(principal, "to use a session that isn't theirs")
      }
      request match {
        case open: TOpenSessionReq => judgeSettings(principal, open.getConfiguration)
        case run: TExecuteStatementReq => judgeSettings(principal, run.getConfOverlay)
        case _                     => ()
      }
      request match {
        case _: TOpenSessionReq => openSession(principal, method, arguments)
        case _                  => method.invoke(service, arguments: _*)
      }
    } catch {
      case error: InvocationTargetException => throw error.getCause
      case error: AnalysisException         => failed(method.getReturnType, error)
    }
  }

  private def openSession(principal: String, method: Method, arguments: Array[AnyRef]): AnyRef = {
    var response: TOpenSessionResp = null
    sessions.opened(principal) {
      response = method.invoke(service, arguments: _*).asInstanceOf[TOpenSessionResp]
      Option(response.getSessionHandle)
    }
    response
  }

  /** Handles are secrets, so this refuses only one that has been given away. */
  private def handleOf(request: AnyRef): Option[TSessionHandle] =
    request.getClass.getMethods
      .find(_.getName == "getSessionHandle")
      .flatMap(getter => Option(getter.invoke(request).asInstanceOf[TSessionHandle]))

  /** Whatever prefix a key has, it ends up in the Spark session's configuration. */
  private def judgeSettings(principal: String, settings: JMap[String, String]): Unit =
    Option(settings).fold(Seq.empty[String])(_.keySet.asScala.toSeq).foreach {
      case "use:database" => () // becomes the statement USE
      case name =>
        val key = keyOf(name)
        if (key.contains(':') || key.startsWith("hive.server2.")) {
          throw IometeErrors.settingRefused(principal, key)
        }
        ProtectedSettings.requireMaySet(principal, key)
    }

  private def failed(response: Class[_], error: AnalysisException): AnyRef = {
    val status = new TStatus(TStatusCode.ERROR_STATUS)
    status.setErrorMessage(error.getMessage)
    status.setSqlState(error.getSqlState)
    val made = response.getConstructor().newInstance().asInstanceOf[AnyRef]
    response.getMethod("setStatus", classOf[TStatus]).invoke(made, status)
    made
  }
}
