package io.iomete.spark.connect

import io.iomete.spark.errors.IometeErrors
import io.iomete.spark.identity.{ServedPrincipals, TokenVerifier}
import org.apache.spark.SparkEnv
import org.apache.spark.sql.connect.iomete.ServedConnectSessions
import org.sparkproject.connect.grpc._

/** Lets requests pass to Spark's Connect server if a token tells whose they are.
  *
  * Set in `spark.connect.grpc.interceptor.classes`, which Spark reads when its server starts; without
  * it, [[io.iomete.spark.IometePlugin]] doesn't let the server start. The token is verified for each
  * request, so one that is revoked ends with the next.
  */
final class ConnectAuthentication(verifier: TokenVerifier) extends ServerInterceptor {

  /** As Spark makes it. Raises: IOMETE_TOKENS_UNUSABLE. */
  def this() = this(TokenVerifier.configured(SparkEnv.get.conf.getOption))

  // From here on, every session of the server is of somebody authenticated.
  ServedPrincipals.add(ServedConnectSessions)

  override def interceptCall[Q, R](
      call: ServerCall[Q, R],
      headers: Metadata,
      next: ServerCallHandler[Q, R]
  ): ServerCall.Listener[Q] = {
    def refuse(error: StatusRuntimeException): ServerCall.Listener[Q] = {
      call.close(error.getStatus, trailersOf(error))
      new ServerCall.Listener[Q] {}
    }
    bearer(headers) match {
      case None => refuse(ConnectErrors.ofConnection(IometeErrors.noToken()))
      case Some(token) =>
        verifier.principalOf(token) match {
          case None => refuse(ConnectErrors.ofConnection(IometeErrors.unknownToken()))
          case Some(principal) =>
            val judged = new JudgedCall(call, principal)
            new JudgedListener(next.startCall(judged, headers), judged)
        }
    }
  }

  private def bearer(headers: Metadata): Option[String] =
    Option(headers.get(ConnectAuthentication.header))
      .filter(_.regionMatches(true, 0, "Bearer ", 0, 7))
      .map(_.drop(7).trim)
      .filter(_.nonEmpty)

  private def trailersOf(error: StatusRuntimeException): Metadata =
    Option(error.getTrailers).getOrElse(new Metadata)
}

private object ConnectAuthentication {
  val header: Metadata.Key[String] =
    Metadata.Key.of("Authorization", Metadata.ASCII_STRING_MARSHALLER)
}
