package io.iomete.spark.governance.plan

import io.iomete.spark.errors.IometeErrors
import io.iomete.spark.governance.GovernedSession
import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan
import org.apache.spark.sql.execution.datasources.{HadoopFsRelation, LogicalRelation, PartitioningAwareFileIndex}

/** Whether a leaf may be read at all by the one who asks, whatever columns will be used. */
final class LeafCheck(governed: GovernedSession) {

  def check(leaf: LogicalPlan): Unit = leaf match {
    case files: LogicalRelation if DeltaInternals.isPartOfStream(files) => () // judged with the stream
    case other                                                          => check(other, governed.sourceOf(other))
  }

  private def check(leaf: LogicalPlan, source: Source): Unit = source match {
    case Source.Local => ()
    case source @ Source.OfTable(table, _, _) =>
      val decision = governed.decide(source, governed.rights)
      if ((!decision.isReadable || decision.broken.isDefined) && !StreamsRefresh.isRunning) {
        throw Refusals.of(governed, table, governed.rights, decision)
      }
      new StoredOptions(governed).check(leaf)
    case Source.OfMetadata(table, part) =>
      if (!governed.engine.isKnown(governed.principal, table)) {
        throw Refusals.notReadable(governed, table, governed.rights)
      }
      // Its schema names the columns: of partitions, of changes, in the bounds of files.
      val base = BaseTables.of(leaf, table)
      if (!governed.decide(table, base.columns, governed.rights, base.fields, base.bound).isPlain(base.columns)) {
        throw IometeErrors.metadataDenied(governed.principal, table.fullName, part)
      }
    case Source.OfPaths(paths) =>
      new ReaderOptions(governed).checkFiles(leaf)
      paths.foreach(governed.requirePath("read", _))
      // The columns of files are read from them; a table by its path states its own.
      leaf match {
        case LogicalRelation(HadoopFsRelation(_: PartitioningAwareFileIndex, _, _, _, _, _), _, _, _, _) =>
          val _ = new ReachedFiles(governed).require(leaf, paths, governed.rights)
        case _ => ()
      }
    case Source.Unknown(what) =>
      if (!governed.isAdmin) throw IometeErrors.unknownSource(governed.principal, what)
  }
}
