package io.iomete.spark.governance.commands

import java.util.Locale

import scala.util.Try

import io.iomete.spark.errors.IometeErrors
import io.iomete.spark.governance.{GovernedSession, Governing}
import io.iomete.spark.identity.PrincipalBinding
import org.apache.iceberg.spark.{SparkCatalog, SparkRewriteTableCatalog}
import org.apache.spark.sql.SparkSession
import org.apache.spark.sql.classic.{SparkSession => ClassicSession}
import org.apache.spark.sql.iomete.SparkInternals
import org.apache.spark.sql.internal.SQLConf

/** The settings that say what data is, where it is, and with which credentials it is read.
  *
  * One list for each way to a session's configuration: statements, what servers take from clients, and
  * what a program sets by itself, which is looked at before each execution.
  */
object ProtectedSettings {

  /** Neither set nor shown. */
  private val hidden =
    Seq("spark.sql.catalog.", "spark.hadoop.", "fs.", "spark.sql.extensions", "spark.iomete.")

  /** What expressions ask a session for when they run, long after they were written; and readers of files
    * and tables, when they find out the values that expressions get, and of which version.
    */
  private val ofResults = Seq(
    "caseSensitive",
    "charAsVarchar",
    "chunkBase64String.",
    "columnNameOfCorruptRecord",
    "defaultColumn.",
    "files.ignore",
    "files.supportSecondOffsetFormat",
    "mapKeyDedupPolicy",
    "mapZipWithUsesJavaCollections",
    "optimizer.decorrelate",
    "optimizer.metadataOnly",
    "optimizer.scalarSubquery",
    "optimizer.wrapExistsInAggregateFunction",
    "preserveCharVarcharTypeInfo",
    "readSideCharPadding",
    "sources.validatePartitionColumns",
    "variant."
  ).map("spark.sql." + _) ++
    Seq("legacy", "json", "jsonGenerator", "csv", "xml", "avro", "icu", "parquet", "orc").map(of => s"spark.sql.$of.") ++
    Seq("changeDataFeed.", "checkLatestSchemaOnRead", "columnMapping.", "deletionVectors.", "failOnPartitionValue",
      "normalizePartitionValuesOnRead", "skipRedirectFeature", "stalenessLimit", "streaming.unsafe")
      .map("spark.databricks.delta." + _) :+ "spark.wap."

  /** Of those, what only parsers ask for: views and policies are parsed with settings of their own; and what
    * changes how fast a file is read, or how one is written.
    */
  private val sameResults = Seq(
    "legacy.setopsPrecedence.enabled",
    "orc.columnar",
    "orc.compression.",
    "orc.enable",
    "orc.filterPushdown",
    "parquet.columnar",
    "parquet.compression.",
    "parquet.datetimeRebaseModeInWrite",
    "parquet.enableNestedColumnVectorizedReader",
    "parquet.enableVectorizedReader",
    "parquet.fieldId.read.enabled", // Delta sets it in each session
    "parquet.fieldId.write.",
    "parquet.filterPushdown",
    "parquet.int96RebaseModeInWrite",
    "parquet.output",
    "parquet.pushdown.",
    "parquet.variant.annotateLogicalType.",
    "parquet.writeLegacyFormat",
    "variant.inferShreddingSchema",
    "variant.shredding.",
    "variant.writeShredding."
  ).map("spark.sql." + _)

  private val timeZone = "spark.sql.session.timeZone"

  /** Where settings of queries are. Spark hands all of them on to Hadoop, whose own, with other
    * beginnings, name classes, places and credentials.
    */
  private val ofQueries = Seq("spark.", "hivevar:", "mapred.reduce.tasks", "pandas_on_Spark.")

  /** Of those, what loads classes, names places, or turns safeguards off. */
  private val unsafeOfQueries = Seq(
    "spark.sql.catalog",
    "spark.sql.redaction.",
    "spark.sql.artifact.",
    "spark.sql.hive.",
    "spark.sql.pyspark.",
    "spark.sql.legacy.useCurrentConfigsForView",
    "spark.sql.planChangeLog.",
    "spark.sql.planChangeValidation",
    "spark.sql.queryExecutionListeners",
    "spark.sql.files.ignore",
    "spark.delta.",
    "spark.jars",
    "spark.databricks.delta.retentionDurationCheck.",
    "spark.databricks.delta.vacuum.",
    "spark.databricks.delta.properties.defaults."
  )

  /** How PySpark guesses types, and how much of an error it prints: nothing that is anybody's else. */
  private val safeOfPython = Seq("inferNestedDictAsStruct.enabled", "legacy.inferArrayTypeFromFirstElement.enabled",
    "legacy.inferMapTypeFromFirstPair.enabled").map("spark.sql.pyspark." + _)

  /** Words that end the names of settings whose values are classes or places. */
  private val unsafeEndings = Seq(
    "class", "classes", "classname", "location", "path", "dir", "directory", "jar", "jars", "url", "uri",
    "listeners", "provider", "providers", "serializer", "factory", "committer", "extensions", "plugins"
  )

  /** `IcebergSource.setupDefaultSparkCatalogs`. */
  private val ofIceberg = {
    val catalog = "spark.sql.catalog.default_iceberg"
    Map(
      catalog -> classOf[SparkCatalog].getName,
      s"$catalog.type" -> "hive",
      s"$catalog.default-namespace" -> "default",
      s"$catalog.cache-enabled" -> "false",
      "spark.sql.catalog.default_rewrite_catalog" -> classOf[SparkRewriteTableCatalog].getName
    )
  }

  private val analyser = "spark.sql.analyzer.singlePassResolver."

  /** What makes Spark analyse statements without the rules that hide names. */
  val otherAnalysers: Seq[String] =
    Seq("enabled", "enabledTentatively", "dualRunWithLegacy").map(analyser + _)

  /** Whether a setting isn't shown to everybody, either. */
  def contains(key: String): Boolean = hidden.exists(key.startsWith)

  /** Whether only administrators may change a setting. A word without dots is a variable of SQL's. */
  def isFixed(key: String): Boolean = contains(key) || (key.contains('.') && !safeOfPython.contains(key) && {
    !ofQueries.exists(key.startsWith) || unsafeOfQueries.exists(key.startsWith) || {
      val name = key.toLowerCase(Locale.ROOT)
      unsafeEndings.exists(name.endsWith)
    }
  })

  /** Raises: IOMETE_ANALYSER_REFUSED, IOMETE_SETTING_REFUSED. */
  def requireMaySet(principal: String, key: String): Unit =
    if (otherAnalysers.contains(key)) throw IometeErrors.analyserRefused(key)
    else if (isFixed(key) && !Governing.isAdmin(principal)) throw IometeErrors.settingRefused(principal, key)

  /** Raises: IOMETE_SETTING_HIDDEN. */
  def requireMayRead(principal: String, key: String): Unit =
    if (contains(key) && !Governing.isAdmin(principal)) throw IometeErrors.settingHidden(principal, key)

  /** That a session's fixed settings are those that it was bound with, by whichever road they came.
    *
    * Raises: IOMETE_SETTING_REFUSED.
    */
  def requireUnchanged(governed: GovernedSession): Unit = if (!governed.isAdmin) {
    val settings = PrincipalBinding.settingsOf(governed.session).getOrElse(throw IometeErrors.noPrincipal())
    settings.checked(governed.session) { now =>
      changed(settings.bound, now).foreach(key => throw IometeErrors.settingRefused(governed.principal, key))
    }
  }

  /** That filters, custom masks and the bodies of views give what they were written for: what their
    * expressions go by is as the Spark application was started with, for tasks too. What the session began
    * with doesn't count, as clients of a server have a say in that.
    *
    * Raises: IOMETE_SETTING_CHANGES_RESULTS.
    */
  def requireSameResults(governed: GovernedSession, what: => String, isInZone: Boolean = false): Unit =
    if (!governed.isAdmin) {
      changedOfResults(governed.session, isInZone).foreach { key =>
        throw IometeErrors.settingChangesResults(what, key)
      }
    }

  /** A setting with which the session reads something else than the Spark application would.
    *
    * @param isInZone
    *   whether what is read has timestamps that are of the session's time zone
    */
  def changedOfResults(of: SparkSession, isInZone: Boolean): Option[String] = {
    val session = of.asInstanceOf[ClassicSession]
    val started = SparkInternals.startedWith(session)
    val now = session.sessionState.conf.getAllConfs
    val ofTasks = SparkInternals.localProperties(session)
    (now.keysIterator ++ started.keysIterator ++ ofTasks.keysIterator)
      .filter(key => isOfResults(key) || isInZone && key == timeZone)
      .find { key =>
        val expected = started.get(key)
        !isSame(key, now.get(key), expected) ||
        ofTasks.get(key).exists(value => !isSame(key, Some(value), expected))
      }
  }

  private def isSame(key: String, value: Option[String], expected: Option[String]): Boolean =
    value == expected || {
      lazy val default = Try(new SQLConf().getConfString(key)).toOption
      value.orElse(default) == expected.orElse(default)
    }

  private def isOfResults(key: String): Boolean =
    ofResults.exists(key.startsWith) && !sameResults.exists(key.startsWith)

  private def changed(bound: Map[String, String], now: Map[String, String]): Option[String] =
    now.collectFirst {
      case (key, value) if !bound.get(key).contains(value) && isFixed(key) && !isDefault(key, value) => key
    }.orElse(bound.keys.find(key => !now.contains(key) && isFixed(key)))

  /** Spark writes some of its own defaults into the sessions of streams, and Iceberg into whichever
    * session `format("iceberg")` is used in.
    */
  private def isDefault(key: String, value: String): Boolean =
    ofIceberg.get(key).contains(value) || Try(new SQLConf().getConfString(key)).toOption.contains(value)
}
