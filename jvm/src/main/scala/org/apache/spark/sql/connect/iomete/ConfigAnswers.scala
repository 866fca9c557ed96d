package org.apache.spark.sql.connect.iomete

import scala.jdk.CollectionConverters._

import io.iomete.spark.governance.Governing
import io.iomete.spark.governance.commands.ProtectedSettings
import org.apache.spark.SparkEnv
import org.apache.spark.connect.proto.{ConfigRequest, ConfigResponse, KeyValue}
import org.apache.spark.util.Utils

/** What the Config request shows of a session's settings: no protected ones, and secrets masked as the
  * statement SET masks them.
  *
  * Spark's own handler gives out all of them as they are, the credentials of catalogs included.
  */
object ConfigAnswers {

  def shown(request: ConfigRequest, answer: ConfigResponse, principal: String): ConfigResponse = {
    val operation = request.getOperation
    // Of all settings with a prefix, the server sends the keys without it.
    val prefix = if (operation.hasGetAll) operation.getGetAll.getPrefix else ""
    val pairs = answer.getPairsList.asScala.toSeq
    val allowed =
      if (Governing.isAdmin(principal)) pairs
      else pairs.filterNot(pair => ProtectedSettings.contains(prefix + pair.getKey))
    answer.toBuilder.clearPairs.addAllPairs(allowed.map(redacted(prefix, _)).asJava).build()
  }

  private def redacted(prefix: String, pair: KeyValue): KeyValue =
    if (pair.hasValue) {
      val conf = SparkEnv.get.conf
      val (_, value) = Utils.redact(conf, Seq(prefix + pair.getKey -> pair.getValue)).head
      pair.toBuilder.setValue(value).build()
    } else {
      pair
    }
}
