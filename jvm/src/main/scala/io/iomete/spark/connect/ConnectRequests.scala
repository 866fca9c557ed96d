package io.iomete.spark.connect

import java.nio.file.Paths

import scala.jdk.CollectionConverters._
import scala.util.Try

import io.iomete.spark.errors.IometeErrors
import io.iomete.spark.governance.commands.ProtectedSettings
import org.apache.spark.connect.proto.{AddArtifactsRequest, ConfigRequest, UserContext}
import org.sparkproject.connect.protobuf.Message

/** What a principal may ask of Spark's Connect server beside statements, which the rules judge.
  *
  * Sessions, running operations, their results and errors are looked up by the user and the session
  * of a request. With the user held to the token's, each finds its own and nobody else's.
  */
private[connect] object ConnectRequests {

  /** Artifacts that stay with the session that sends them, and that Spark's own JVM doesn't run. */
  private val artifacts = Set("cache", "pyfiles", "files", "archives")

  /** The request as it may go on: of `principal`.
    *
    * Raises: IOMETE_NOT_AUTHENTICATED, IOMETE_REQUEST_REFUSED, IOMETE_SETTING_REFUSED,
    * IOMETE_SETTING_HIDDEN.
    */
  def judged(request: Message, principal: String): Message = {
    val known = ofPrincipal(request, principal)
    request match {
      case config: ConfigRequest    => judgeSettings(config, principal)
      case sent: AddArtifactsRequest => judgeArtifacts(sent, principal)
      case _                        => ConnectPlans.judge(request, principal)
    }
    known
  }

  /** By descriptor, so for kinds of requests, too, that a later Spark adds. */
  private def ofPrincipal(request: Message, principal: String): Message = {
    val kind = request.getDescriptorForType
    val field = Option(kind.findFieldByName("user_context")).getOrElse {
      throw IometeErrors.requestRefused(principal, s"a `${kind.getName}`, which names no user")
    }
    val context = request.getField(field).asInstanceOf[UserContext]
    context.getUserId match {
      case `principal` | "" => ()
      case claimed          => throw IometeErrors.otherUser(principal, claimed)
    }
    if (context.getExtensionsCount > 0) {
      throw IometeErrors.requestRefused(principal, "an extension of the user's context")
    }
    request.toBuilder.setField(field, context.toBuilder.setUserId(principal).build()).build()
  }

  private def judgeSettings(request: ConfigRequest, principal: String): Unit = {
    val operation = request.getOperation
    val written = operation.getSet.getPairsList.asScala.map(_.getKey) ++
      operation.getUnset.getKeysList.asScala
    val read = operation.getGet.getKeysList.asScala ++
      operation.getGetOption.getKeysList.asScala ++
      operation.getGetWithDefault.getPairsList.asScala.map(_.getKey)
    written.foreach(ProtectedSettings.requireMaySet(principal, _))
    read.foreach(ProtectedSettings.requireMayRead(principal, _))
  }

  /** Jars and classes run inside the driver, and `forward_to_fs` writes wherever the driver may. */
  private def judgeArtifacts(request: AddArtifactsRequest, principal: String): Unit = {
    val names = request.getBatch.getArtifactsList.asScala.map(_.getName) ++
      Option.when(request.hasBeginChunk)(request.getBeginChunk.getName)
    names.filterNot(isHarmless).foreach { name =>
      throw IometeErrors.requestRefused(principal, s"to take the artifact `$name`")
    }
  }

  private def isHarmless(name: String): Boolean =
    // Spark looks at the name before and after it resolves `..`, and takes `\` for `/`.
    !name.contains('\\') && Try(Paths.get(name)).toOption.exists { path =>
      path.normalize == path && path.getNameCount > 1 && artifacts(path.getName(0).toString)
    }
}
