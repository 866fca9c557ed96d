package io.iomete.spark.connect

import scala.jdk.CollectionConverters._

import com.fasterxml.jackson.databind.ObjectMapper
import org.apache.spark.sql.AnalysisException
import org.sparkproject.connect.google_protos.rpc.{Code, ErrorInfo, Status => RpcStatus}
import org.sparkproject.connect.grpc.StatusRuntimeException
import org.sparkproject.connect.grpc.protobuf.StatusProto
import org.sparkproject.connect.protobuf.{Any => ProtoAny}

/** Our errors as a Connect client gets them. */
private[connect] object ConnectErrors {
  private val json = new ObjectMapper
  private val analysisException = classOf[AnalysisException].getName

  /** As if a statement had failed: clients raise it with its condition and SQLSTATE.
    *
    * The same members as Spark's server gives its own errors, which can't be had from Scala: it is
    * compiled against gRPC under another name.
    */
  def ofStatement(error: AnalysisException): StatusRuntimeException = {
    val info = ErrorInfo.newBuilder
      .setReason(analysisException)
      .setDomain("org.apache.spark")
      .putMetadata("classes", json.writeValueAsString(Array(analysisException)))
      .putMetadata("sqlState", error.getSqlState)
      .putMetadata("errorClass", error.getCondition)
      .putMetadata("messageParameters", json.writeValueAsString(error.getMessageParameters))
    StatusProto.toStatusRuntimeException(
      RpcStatus.newBuilder
        .setCode(Code.INTERNAL_VALUE)
        .setMessage(error.getMessage)
        .addAllDetails(Seq(ProtoAny.pack(info.build())).asJava)
        .build()
    )
  }

  /** As the end of the talk. Without details, for which clients would ask in another request. */
  def ofConnection(error: AnalysisException): StatusRuntimeException =
    StatusProto.toStatusRuntimeException(
      RpcStatus.newBuilder
        .setCode(Code.UNAUTHENTICATED_VALUE)
        .setMessage(error.getMessage)
        .build()
    )
}
