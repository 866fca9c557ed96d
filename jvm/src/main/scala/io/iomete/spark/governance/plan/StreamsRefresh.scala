package io.iomete.spark.governance.plan

import java.util.stream.Stream

import scala.jdk.CollectionConverters._

/** After each batch a stream has Spark look up again the table that it writes to, for its cache. Nothing
  * comes of that but the refresh, and who may write needn't be able to read.
  */
private object StreamsRefresh {
  private val frames = 120L
  private val refresh = "org.apache.spark.sql.classic.Catalog"
  private val stream = "org.apache.spark.sql.execution.streaming.runtime.MicroBatchExecution"

  /** Nothing but the stack tells. */
  def isRunning: Boolean = StackWalker.getInstance().walk[Boolean] {
    (stack: Stream[StackWalker.StackFrame]) =>
      val names = stack.limit(frames).iterator.asScala.buffered
      names.dropWhile(frame => frame.getClassName != refresh || frame.getMethodName != "refreshTable")
        .take(2).toSeq.lastOption.exists(_.getClassName.startsWith(stream))
  }
}
