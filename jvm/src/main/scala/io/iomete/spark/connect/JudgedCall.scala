package io.iomete.spark.connect

import scala.util.control.NonFatal

import io.iomete.spark.errors.IometeErrors
import io.iomete.spark.governance.Governing
import org.apache.spark.connect.proto.{ConfigRequest, ConfigResponse, ExecutePlanResponse}
import org.apache.spark.sql.AnalysisException
import org.apache.spark.sql.connect.iomete.ConfigAnswers
import org.sparkproject.connect.grpc._
import org.sparkproject.connect.protobuf.Message

/** One call of an authenticated principal: judges what comes in and what goes out.
  *
  * gRPC hands a call's messages to one thread at a time; answers may come from others.
  */
private[connect] final class JudgedCall[Q, R](call: ServerCall[Q, R], val principal: String)
    extends ForwardingServerCall.SimpleForwardingServerCall[Q, R](call) {

  @volatile private var settingsAsked: Option[ConfigRequest] = None
  @volatile private var refused = false

  def isRefused: Boolean = refused

  /** The message as it may go on, or None once the call is refused. */
  def judged(message: Q): Option[Q] =
    if (refused) None
    else {
      try {
        message match {
          case request: Message =>
            settingsAsked = Option(request).collect { case asked: ConfigRequest => asked }
            Some(ConnectRequests.judged(request, principal).asInstanceOf[Q])
          case _ => throw IometeErrors.requestRefused(principal, "something unknown")
        }
      } catch {
        case error: AnalysisException if error.getSqlState == "28000" =>
          refuse(ConnectErrors.ofConnection(error))
        case error: AnalysisException => refuse(ConnectErrors.ofStatement(error))
        case NonFatal(error) =>
          refuse(Status.INTERNAL.withDescription(error.toString).asRuntimeException())
      }
    }

  private def refuse(error: StatusRuntimeException): None.type = {
    refused = true
    super.close(error.getStatus, Option(error.getTrailers).getOrElse(new Metadata))
    None
  }

  override def sendMessage(message: R): Unit = (message, settingsAsked) match {
    case _ if refused => ()
    case (answer: ConfigResponse, Some(asked)) =>
      super.sendMessage(ConfigAnswers.shown(asked, answer, principal).asInstanceOf[R])
    case (answer: ExecutePlanResponse, _) if answer.hasMetrics && !Governing.isAdmin(principal) =>
      // What each step of the plan has counted: rows that a filter hides, of tables below a view.
      super.sendMessage(answer.toBuilder.clearMetrics().build().asInstanceOf[R])
    case _ => super.sendMessage(message)
  }

  override def sendHeaders(headers: Metadata): Unit = if (!refused) super.sendHeaders(headers)

  /** The handler of a refused call ends it, too, when it is told that it was cancelled. */
  override def close(status: Status, trailers: Metadata): Unit =
    if (!refused) super.close(status, trailers)
}

/** Tells the server's handler of a call only what was judged. */
private[connect] final class JudgedListener[Q](handler: ServerCall.Listener[Q], call: JudgedCall[Q, _])
    extends ForwardingServerCallListener.SimpleForwardingServerCallListener[Q](handler) {

  override def onMessage(message: Q): Unit = if (!call.isRefused) {
    call.judged(message) match {
      case Some(request) => super.onMessage(request)
      case None          => super.onCancel() // it gives up what it holds for the call
    }
  }

  override def onHalfClose(): Unit = if (!call.isRefused) super.onHalfClose()
  override def onComplete(): Unit = if (!call.isRefused) super.onComplete()
  override def onCancel(): Unit = if (!call.isRefused) super.onCancel()
  override def onReady(): Unit = if (!call.isRefused) super.onReady()
}
