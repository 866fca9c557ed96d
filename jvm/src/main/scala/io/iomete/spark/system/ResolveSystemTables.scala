package io.iomete.spark.system

import io.iomete.spark.governance.plan.{HiddenRelation, RelationName, VisibleColumns}
import io.iomete.spark.store.StoreAddress
import org.apache.spark.sql.SparkSession
import org.apache.spark.sql.catalyst.analysis.{ResolvedTable, UnresolvedRelation, UnresolvedTableOrView}
import org.apache.spark.sql.catalyst.plans.logical.{DescribeRelation, LogicalPlan, SubqueryAlias}
import org.apache.spark.sql.catalyst.rules.Rule
import org.apache.spark.sql.connector.catalog.TableCatalog
import org.apache.spark.sql.execution.datasources.v2.DataSourceV2Relation

/** Puts the platform's own tables in the place of their names, where these may be known.
  *
  * No catalog holds them. Once before Spark resolves names, and once afterwards for what bodies of
  * views bring in; who may not know of them keeps a name that stands for nothing.
  */
final case class ResolveSystemTables(session: SparkSession) extends Rule[LogicalPlan] {

  override def apply(plan: LogicalPlan): LogicalPlan =
    SystemTables.store.fold(plan)(store => plan.resolveOperatorsUp {
      case visible @ VisibleColumns(named: UnresolvedRelation, Some(name), _)
          if name.table == SystemTables.audit && isBatch(named) =>
        visible.withNewChildren(Seq(relation(store, name, named)))
      case describe @ DescribeRelation(named: UnresolvedTableOrView, _, _, _) =>
        RelationName.of(session, named.multipartIdentifier) match {
          case Some(RelationName(catalog: TableCatalog, identifier, SystemTables.audit, _)) =>
            describe.copy(relation = ResolvedTable.create(catalog, identifier, new AuditTable(store)))
          case _ => describe
        }
    })

  private def isBatch(named: UnresolvedRelation): Boolean =
    !named.isStreaming && !named.isInstanceOf[HiddenRelation]

  private def relation(store: StoreAddress, name: RelationName, named: UnresolvedRelation): LogicalPlan = {
    val table = DataSourceV2Relation.create(
      new AuditTable(store),
      Some(name.catalog),
      Some(name.identifier),
      named.options
    )
    val parts = name.catalog.name +: name.identifier.namespace.toSeq :+ name.identifier.name
    SubqueryAlias(parts, table)
  }
}
