package io.iomete.spark.governance.plan

import scala.util.Try

import io.iomete.spark.errors.IometeErrors
import io.iomete.spark.governance.GovernedSession
import org.apache.hadoop.fs.{FileSystem, Path}
import org.apache.iceberg.spark.source.IcebergSource
import org.apache.spark.sql.catalyst.plans.logical.UnresolvedDataSource
import org.apache.spark.sql.classic.{SparkSession => ClassicSession}
import org.apache.spark.sql.delta.sources.DeltaDataSource
import org.apache.spark.sql.execution.datasources.v2.FileDataSourceV2
import org.apache.spark.sql.execution.datasources.{DataSource, FileFormat}
import org.apache.spark.sql.execution.streaming.sources.{RatePerMicroBatchProvider, RateStreamProvider}

/** Sources that a program gives by their format (`spark.read.format(…)`), before Spark looks at them.
  *
  * To find out columns Spark opens files, and asks databases: whether something is there, and what is
  * wrong with it, would be told before anybody is asked. What it reads in the end is judged again.
  */
private[plan] final class GivenSources(governed: GovernedSession) {
  private val state = governed.session.asInstanceOf[ClassicSession].sessionState

  /** Raises: IOMETE_UNKNOWN_SOURCE, IOMETE_ACCESS_DENIED.PATH, IOMETE_OPTION_REFUSED. */
  def check(source: UnresolvedDataSource): Unit = if (!governed.isAdmin) {
    // A format that isn't there is Spark's to report.
    Try(DataSource.lookupDataSource(source.format, state.conf)).foreach { provider =>
      if (GivenSources.isOfFiles(provider)) checkPaths(source)
      else if (!GivenSources.isGenerator(provider)) {
        throw IometeErrors.unknownSource(governed.principal, source.format)
      }
    }
  }

  private def checkPaths(source: UnresolvedDataSource): Unit = {
    source.options.keys.find(GivenSources.isUnsafe(source, _)).foreach { key =>
      throw IometeErrors.optionRefused(governed.principal, key)
    }
    (source.paths ++ source.options.get("path")).foreach(path => governed.requirePath("read", above(path)))
  }

  /** The folder that a pattern starts from, or the path itself. */
  private def above(text: String): String = {
    val stated = new Path(text)
    val path =
      if (stated.toUri.getScheme != null) stated
      else FileSystem.get(state.newHadoopConf()).makeQualified(stated)
    val folders = Iterator.iterate(path)(_.getParent).takeWhile(_ != null).toSeq
    folders.find(folder => !GivenSources.isPattern(folder.toUri.getPath)).getOrElse(path).toString
  }
}

private object GivenSources {

  def isOfFiles(provider: Class[_]): Boolean =
    Seq(classOf[FileFormat], classOf[FileDataSourceV2], classOf[DeltaDataSource], classOf[IcebergSource])
      .exists(_.isAssignableFrom(provider))

  def isGenerator(provider: Class[_]): Boolean =
    Seq(classOf[RateStreamProvider], classOf[RatePerMicroBatchProvider]).exists(_.isAssignableFrom(provider))

  /** More paths in the words of an option, and files that a stream deletes once it has read them. */
  def isUnsafe(source: UnresolvedDataSource, key: String): Boolean =
    key.equalsIgnoreCase("paths") || key.equalsIgnoreCase("cleanSource") &&
      !source.options.get(key).exists(_.equalsIgnoreCase("off"))

  def isPattern(path: String): Boolean = path.exists(c => "{}[]*?\\".indexOf(c.toInt) >= 0)
}
