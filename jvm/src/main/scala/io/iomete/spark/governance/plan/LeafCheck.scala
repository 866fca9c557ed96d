package io.iomete.spark.governance.plan

import io.iomete.spark.errors.IometeErrors
import io.iomete.spark.governance.GovernedSession
import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan

/** Whether a leaf may be read at all by the one who asks, whatever columns will be used. */
final class LeafCheck(governed: GovernedSession) {

  def check(leaf: LogicalPlan): Unit = Source.of(leaf) match {
    case Source.Local => ()
    case source @ Source.OfTable(table, _, _) =>
      val decision = governed.decide(source, governed.rights)
      if (!decision.isReadable || decision.broken.isDefined) {
        throw Refusals.of(governed, table, governed.rights, decision)
      }
    case Source.OfMetadata(table, part) =>
      if (!governed.engine.isKnown(governed.principal, table)) {
        throw Refusals.notReadable(governed, table, governed.rights)
      }
      // Its schema names the columns: of partitions, of changes, in the bounds of files.
      val (columns, fields) = BaseTables.columnsOf(leaf)
      if (!governed.decide(table, columns, governed.rights, fields).isPlain(columns)) {
        throw IometeErrors.metadataDenied(governed.principal, table.fullName, part)
      }
    case Source.OfPaths(paths) =>
      paths.foreach { path =>
        if (!governed.engine.isPathAllowed(governed.principal, "read", path)) {
          throw IometeErrors.pathDenied(governed.principal, "read", path)
        }
      }
    case Source.Unknown(what) =>
      if (!governed.isAdmin) throw IometeErrors.unknownSource(governed.principal, what)
  }
}
