package io.iomete.spark.governance.commands

import io.iomete.spark.errors.IometeErrors
import io.iomete.spark.governance.GovernedSession
import io.iomete.spark.governance.decisions.ResourceNames
import io.iomete.spark.governance.plan.ReaderOptions
import org.apache.spark.sql.catalyst.TableIdentifier
import org.apache.spark.sql.catalyst.plans.logical._
import org.apache.spark.sql.execution.command._
import org.apache.spark.sql.execution.datasources.CreateTempViewUsing

/** Statistics and partitions of a table, and temporary views over files. */
private[commands] final class MaintenanceRights(governed: GovernedSession, rights: Rights) {

  /** Whether it is one of these commands, and then refuses who may not run it. */
  def check(command: Command): Boolean = command match {
    case analyze: AnalyzeTable             => needWhole(analyze.child)
    case analyze: AnalyzeColumn            => needWhole(analyze.child)
    case analyze: AnalyzeTableCommand      => needWhole(analyze.tableIdent)
    case analyze: AnalyzePartitionCommand  => needWhole(analyze.tableIdent)
    case analyze: AnalyzeColumnCommand     => needWhole(analyze.tableIdent)
    case repair: RepairTableCommand        => needWhole(repair.tableName)
    case view: CreateTempViewUsing         => needFiles(view)
    case _                                 => false
  }

  private def needWhole(table: LogicalPlan): Boolean = {
    rights.need("alter", table)
    rights.needPlain(table)
    true
  }

  private def needWhole(table: TableIdentifier): Boolean = {
    val resource = rights.named(table)
    rights.need("alter", resource)
    val database = table.database.toSeq
    if (!new SeenTables(governed).isPlain(ResourceNames.sessionCatalog, database, table.table)) {
      throw IometeErrors.accessDenied(governed.principal, "alter", resource.fullName)
    }
    true
  }

  /** Spark reads them at once, to find out the columns. */
  private def needFiles(view: CreateTempViewUsing): Boolean = {
    new ReaderOptions(governed).checkKeys(view.options.keys)
    val paths = view.options.collect { case (key, path) if key.equalsIgnoreCase("path") => path }
    val isOfFiles = MaintenanceRights.ofFiles(view.provider.toLowerCase(java.util.Locale.ROOT))
    // `{a,../b}` is a pattern whose parts no path grant was asked about
    if (!isOfFiles || paths.isEmpty || paths.exists(_.contains('{'))) {
      rights.refuse(s"CREATE TEMPORARY VIEW USING ${view.provider}")
    }
    paths.foreach(rights.needPath("read", _))
    true
  }
}

private object MaintenanceRights {

  /** Formats that read nothing but the files which they are given. */
  val ofFiles: Set[String] = Set("parquet", "orc", "csv", "json", "text", "avro", "xml", "binaryfile")
}
