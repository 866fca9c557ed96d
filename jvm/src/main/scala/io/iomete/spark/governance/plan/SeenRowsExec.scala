package io.iomete.spark.governance.plan

import java.util.stream.Stream

import org.apache.spark.rdd.RDD
import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.catalyst.expressions.{Attribute, SortOrder}
import org.apache.spark.sql.catalyst.plans.physical.Partitioning
import org.apache.spark.sql.connector.read.streaming.SparkDataStream
import org.apache.spark.sql.execution.{SparkPlan, StreamSourceAwareSparkPlan, UnaryExecNode}
import org.apache.spark.sql.execution.metric.{SQLMetric, SQLMetrics}

/** What a stream shows of a table that its reader sees in part.
  *
  * Spark looks for scans in the plan of each batch, and the stream's progress tells how many rows they
  * have read, hidden ones too. Here it finds how many are seen.
  */
final case class SeenRowsExec(child: SparkPlan) extends UnaryExecNode with StreamSourceAwareSparkPlan {
  override lazy val metrics: Map[String, SQLMetric] =
    Map(SeenRowsExec.count -> SQLMetrics.createMetric(sparkContext, "number of output rows"))

  override def output: Seq[Attribute] = child.output
  override def outputPartitioning: Partitioning = child.outputPartitioning
  override def outputOrdering: Seq[SortOrder] = child.outputOrdering

  override def getStream: Option[SparkDataStream] =
    child.collectFirst { case scan: StreamSourceAwareSparkPlan if scan.getStream.isDefined => scan }
      .flatMap(_.getStream)

  override def foreach(f: SparkPlan => Unit): Unit =
    if (SeenRowsExec.isCounting) f(this) else super.foreach(f)

  override protected def doExecute(): RDD[InternalRow] = {
    val seen = longMetric(SeenRowsExec.count)
    child.execute().mapPartitions { rows =>
      rows.map { row =>
        seen += 1
        row
      }
    }
  }

  override protected def withNewChildInternal(newChild: SparkPlan): SeenRowsExec = copy(child = newChild)
}

private object SeenRowsExec {
  val count = "numOutputRows"

  private val progress = "org.apache.spark.sql.execution.streaming.runtime.ProgressContext"
  private val counting = "NumInputRows"
  private val frames = 40L

  /** Nothing but the stack tells. */
  def isCounting: Boolean = StackWalker.getInstance().walk[Boolean] {
    (stack: Stream[StackWalker.StackFrame]) =>
      stack
        .limit(frames)
        .anyMatch(frame => frame.getClassName.startsWith(progress) && frame.getMethodName.contains(counting))
  }
}
