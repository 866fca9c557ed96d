package io.iomete.spark.governance.plan

import io.iomete.spark.governance.decisions.{ResourceNames, TableResource}
import org.apache.spark.sql.SparkSession
import org.apache.spark.sql.classic.{SparkSession => ClassicSession}
import org.apache.spark.sql.connector.catalog.{CatalogPlugin, Identifier, TableCatalog}

/** A table or view as a statement names it, before anything is loaded.
  *
  * @param base
  *   the table below an Iceberg metadata table (`t.files`), branch, tag or snapshot (`t.branch_b`),
  *   if the last part of the name can be one
  */
final case class RelationName(
    catalog: CatalogPlugin,
    identifier: Identifier,
    table: TableResource,
    base: Option[TableResource]
) {
  override def toString: String = table.fullName

  /** Whether it is a part of a table that is there. If not, `t.files` is a table of the namespace `t`,
    * should that be there.
    */
  def isPartOfTable: Boolean = base.isDefined && (catalog match {
    case tables: TableCatalog =>
      val namespace = identifier.namespace
      tables.tableExists(Identifier.of(namespace.init, namespace.last))
    case _ => true
  })

  /** The path that stands in the place of a name, as in ``delta.`/a/path` ``: no table's name holds a
    * slash.
    */
  def path: Option[String] = Option.when(
    catalog.name.equalsIgnoreCase(ResourceNames.sessionCatalog) &&
      identifier.namespace.length == 1 && identifier.name.contains('/')
  )(identifier.name)
}

object RelationName {

  /** What `parts` stand for where they are analysed, or None for a temporary view.
    *
    * A view's text has the catalog and namespace that it was made in, and knows no temporary views
    * but those that it was made with.
    */
  def of(session: SparkSession, parts: Seq[String]): Option[RelationName] = {
    val state = session.asInstanceOf[ClassicSession].sessionState
    val resolution = state.analyzer.getRelationResolution
    if (resolution.lookupTempView(parts).isDefined) {
      None
    } else {
      val analyzer = state.analyzer
      resolution.expandIdentifier(parts) match {
        case analyzer.CatalogAndIdentifier(catalog, identifier) => Some(of(catalog, identifier))
        case _                                                  => None
      }
    }
  }

  def of(catalog: CatalogPlugin, identifier: Identifier): RelationName = {
    val namespace = identifier.namespace.toSeq
    RelationName(
      catalog,
      identifier,
      ResourceNames.table(catalog.name, namespace, identifier.name),
      // `lake.db.t.files`: the namespace of a real table of that name would be `db.t`
      if (namespace.size >= 2 && IcebergNames.isPartOfTable(identifier.name)) {
        Some(ResourceNames.table(catalog.name, namespace.init, namespace.last))
      } else {
        None
      }
    )
  }
}

/** Names that Iceberg's catalogs append to a table's. */
object IcebergNames {
  private val selectors = Seq("branch_", "tag_", "snapshot_id_", "at_timestamp_")
  private lazy val metadataTables =
    org.apache.iceberg.MetadataTableType.values.map(_.name.toLowerCase(java.util.Locale.ROOT)).toSet

  def isMetadataTable(name: String): Boolean = {
    val folded = name.toLowerCase(java.util.Locale.ROOT)
    metadataTables(folded) || folded == "changes"
  }

  def isPartOfTable(name: String): Boolean =
    isMetadataTable(name) || selectors.exists(name.toLowerCase(java.util.Locale.ROOT).startsWith)
}
