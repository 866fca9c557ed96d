package io.iomete.spark.connect

import java.util.{Collection => JCollection}

import scala.collection.mutable
import scala.jdk.CollectionConverters._
import scala.util.control.NonFatal

import io.iomete.spark.errors.IometeErrors
import io.iomete.spark.governance.Governing
import org.apache.spark.connect.proto._
import org.apache.spark.sql.connect.utils.PlanCompressionUtils
import org.sparkproject.connect.protobuf.Descriptors.Descriptor
import org.sparkproject.connect.protobuf.{Any => ProtoAny, Message}

/** What a request may hold that does its work past Spark's plans, where the rules don't see it.
  *
  * Code of a client's own would run as the server's user, who can read every file. Administrators may
  * send all of it.
  */
private[connect] object ConnectPlans {

  private val functions = "to run functions of one's own"
  private val models = "to read or write a model by its path"

  /** By descriptor: they can be anywhere in a request. */
  private val refused: Map[Descriptor, String] = Map(
    CommonInlineUserDefinedFunction.getDescriptor -> functions,
    CommonInlineUserDefinedTableFunction.getDescriptor -> functions,
    CommonInlineUserDefinedDataSource.getDescriptor -> functions,
    TypedAggregateExpression.getDescriptor -> functions,
    StreamingForeachFunction.getDescriptor -> functions,
    StreamingQueryManagerCommand.StreamingQueryListenerCommand.getDescriptor -> functions,
    MlCommand.Read.getDescriptor -> models,
    MlCommand.Write.getDescriptor -> models,
    PipelineCommand.getDescriptor -> "to define or run a pipeline",
    ExecuteExternalCommand.getDescriptor -> "to run a command of an external source",
    ProtoAny.getDescriptor -> "an extension of the protocol"
  )

  /** Raises: IOMETE_REQUEST_REFUSED. */
  def judge(request: Message, principal: String): Unit =
    if (!Governing.isAdmin(principal)) {
      // A loop: plans are nested as deeply as their author likes.
      val waiting = mutable.Stack[Message](request)
      while (waiting.nonEmpty) {
        val part = opened(waiting.pop(), principal)
        refused.get(part.getDescriptorForType).foreach { what =>
          throw IometeErrors.requestRefused(principal, what)
        }
        waiting.pushAll(part.getAllFields.values.asScala.flatMap(messages))
      }
    }

  private def messages(value: AnyRef): Iterable[Message] = value match {
    case one: Message         => Seq(one)
    case many: JCollection[_] => many.asScala.collect { case one: Message => one }
    case _                    => Nil
  }

  /** Clients compress large plans. The server opens the same bytes in the same way. */
  private def opened(part: Message, principal: String): Message = part match {
    case plan: Plan =>
      try PlanCompressionUtils.decompressPlan(plan)
      catch {
        case NonFatal(_) => throw IometeErrors.requestRefused(principal, "a plan that can't be read")
      }
    case other => other
  }
}
