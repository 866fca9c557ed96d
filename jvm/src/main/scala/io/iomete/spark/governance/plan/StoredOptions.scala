package io.iomete.spark.governance.plan

import java.util.Locale

import io.iomete.spark.errors.IometeErrors
import io.iomete.spark.governance.GovernedSession
import org.apache.spark.sql.catalyst.catalog.{CatalogTable, HiveTableRelation, UnresolvedCatalogRelation}
import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan
import org.apache.spark.sql.catalyst.streaming.StreamingRelationV2
import org.apache.spark.sql.connector.catalog.Table
import org.apache.spark.sql.delta.catalog.DeltaTableV2
import org.apache.spark.sql.execution.datasources.LogicalRelation
import org.apache.spark.sql.execution.datasources.v2.{DataSourceV2Relation, StreamingDataSourceV2Relation}
import org.apache.spark.sql.execution.streaming.runtime.{StreamingExecutionRelation, StreamingRelation}

/** Options that a table keeps. Spark hands them to Hadoop whenever the table is read or written: they could
  * say which file system its place is in, which classes open its files, and what its new files are called.
  *
  * So those that have a meaning for a format are taken, and all others refused: where a table is made, and
  * again where it is used, since it may be older than this rule. A table that an administrator has made is
  * used with whatever options it has.
  *
  * Raises: IOMETE_OPTION_REFUSED.
  */
final class StoredOptions(governed: GovernedSession) {

  /** Of a table that is being made or changed. */
  def checkGiven(options: Map[String, String]): Unit = if (!governed.isAdmin) {
    options.find { case (key, value) => !StoredOptions.isHarmless(key, value) }.foreach { case (key, _) =>
      throw IometeErrors.optionRefused(governed.principal, key)
    }
  }

  /** Of a table that is read or written. */
  def check(table: CatalogTable): Unit = if (!isOfAdmin(table)) checkGiven(table.storage.properties)

  def check(leaf: LogicalPlan): Unit = StoredOptions.tableOf(leaf).foreach(check)

  def isOfAdmin(table: CatalogTable): Boolean = table.owner.nonEmpty && governed.engine.isAdmin(table.owner)
}

object StoredOptions {

  def isHarmless(key: String, value: String): Boolean = {
    val name = key.toLowerCase(Locale.ROOT)
    if (codecs(name)) !value.contains('.') // it may be a class's name
    else ofFormats(name) || beginnings.exists(name.startsWith) && !isOfCommits(name)
  }

  /** Properties of Delta by which somebody else says what has been committed to a table. */
  def isOfCommits(name: String): Boolean = ofCommits.exists(name.startsWith)

  private val ofCommits = Seq("delta.coordinatedcommits", "delta.managedcommit")

  private val codecs = Set("compression", "codec", "parquet.compression", "orc.compress")

  private val ofFormats = Seq(
    // of all files; where a table's files are was judged as its place
    "path", "serialization.format", "recursiveFileLookup", "pathGlobFilter", "modifiedBefore", "modifiedAfter",
    "ignoreCorruptFiles", "ignoreMissingFiles", "maxRecordsPerFile", "partitionOverwriteMode", "mergeSchema",
    "timeZone",
    // of text, CSV, JSON and XML
    "wholetext", "lineSep", "sep", "delimiter", "encoding", "charset", "quote", "escape", "comment", "header",
    "inferSchema", "preferDate", "enforceSchema", "ignoreLeadingWhiteSpace", "ignoreTrailingWhiteSpace",
    "nullValue", "nanValue", "positiveInf", "negativeInf", "dateFormat", "timestampFormat",
    "timestampNTZFormat", "timeFormat", "enableDateTimeParsingFallback", "maxColumns", "maxCharsPerColumn",
    "mode", "columnNameOfCorruptRecord", "multiLine", "charToEscapeQuoteEscaping", "samplingRatio",
    "emptyValue", "locale", "unescapedQuoteHandling", "escapeQuotes", "quoteAll", "columnPruning",
    "inputBufferSize", "primitivesAsString", "prefersDecimal", "allowComments", "allowUnquotedFieldNames",
    "allowSingleQuotes", "allowNumericLeadingZeros", "allowBackslashEscapingAnyCharacter",
    "dropFieldIfAllNull", "allowUnquotedControlChars", "allowNonNumericNumbers", "ignoreNullFields",
    "maxNestingDepth", "maxNumLen", "maxStringLen", "pretty", "writeNonAsciiCharacterAsCodePoint",
    "singleVariantColumn", "rowTag", "rootTag", "declaration", "arrayElementName", "attributePrefix",
    "valueTag", "excludeAttribute", "ignoreSurroundingSpaces", "ignoreNamespace", "wildcardColName",
    "validateName", "indent",
    // of Parquet, ORC and Avro
    "datetimeRebaseMode", "int96RebaseMode", "parquet.enable.dictionary", "parquet.block.size",
    "parquet.page.size", "parquet.page.write-checksum.enabled", "parquet.dictionary.page.size",
    "orc.dictionary.key.threshold", "orc.column.encoding.direct", "orc.stripe.size", "orc.row.index.stride",
    "orc.create.index", "avroSchema", "recordName", "recordNamespace", "ignoreExtension",
    "positionalFieldMatching", "enableStableIdentifiersForUnionType", "stableIdentifierPrefixForUnionType",
    "recursiveFieldMaxDepth",
    // of writes to Delta
    "overwriteSchema", "replaceWhere", "userMetadata", "txnAppId", "txnVersion", "dataChange",
    "optimizeWrite"
  ).map(_.toLowerCase(Locale.ROOT)).toSet

  private val beginnings = Seq("parquet.bloom.filter.", "orc.bloom.filter.", "delta.")

  /** What the catalog keeps of the table that a leaf reads, if that is one of the session's catalog. */
  private def tableOf(leaf: LogicalPlan): Option[CatalogTable] = leaf match {
    case r: LogicalRelation               => r.catalogTable
    case r: HiveTableRelation             => Some(r.tableMeta)
    case r: UnresolvedCatalogRelation     => Some(r.tableMeta)
    case r: DataSourceV2Relation          => tableOf(r.table)
    case r: StreamingRelation             => r.dataSource.catalogTable
    case r: StreamingExecutionRelation    => r.catalogTable
    case r: StreamingRelationV2           => tableOf(r.table)
    case r: StreamingDataSourceV2Relation => tableOf(r.table)
    case _                                => None
  }

  private def tableOf(table: Table): Option[CatalogTable] = table match {
    case delta: DeltaTableV2 => delta.catalogTable
    case _                   => None // Spark takes those of files apart before anything is planned
  }
}
