package io.iomete.spark.system

import io.iomete.spark.governance.decisions._

/** Decides about the platform's own tables by role, and leaves all else to the policies.
  *
  * Policies don't reach them: a grant on the whole catalog would otherwise show everybody what
  * everybody else has read. Not even administrators write to them.
  */
final class SystemTablesEngine(policies: PolicyEngine) extends PolicyEngine {

  override def epoch: Long = policies.epoch

  override def read(principal: String, table: TableResource, columns: Seq[String]): ReadDecision =
    if (!SystemTables.holds(table)) policies.read(principal, table, columns)
    else if (isKnown(principal, table)) SystemTablesEngine.everything(columns)
    else SystemTablesEngine.nothing(columns)

  override def isKnown(principal: String, table: TableResource): Boolean =
    if (SystemTables.holds(table)) table == SystemTables.audit && isAuditor(principal)
    else policies.isKnown(principal, table)

  override def isNamespaceKnown(principal: String, catalog: String, namespace: String): Boolean =
    if (SystemTables.holds(catalog, namespace)) namespace == SystemTables.namespace && isAuditor(principal)
    else policies.isNamespaceKnown(principal, catalog, namespace)

  override def isCatalogKnown(principal: String, catalog: String): Boolean =
    policies.isCatalogKnown(principal, catalog) ||
      (catalog == SystemTables.catalog && isAuditor(principal))

  override def isAllowed(principal: String, action: String, table: TableResource): Boolean =
    if (SystemTables.holds(table)) action == "select" && isKnown(principal, table)
    else policies.isAllowed(principal, action, table)

  override def isAllowed(principal: String, action: String, catalog: String, namespace: String): Boolean =
    !SystemTables.holds(catalog, namespace) && policies.isAllowed(principal, action, catalog, namespace)

  override def isPathAllowed(principal: String, action: String, path: String): Boolean =
    policies.isPathAllowed(principal, action, path)

  override def isAdmin(principal: String): Boolean = policies.isAdmin(principal)

  override def isAuditor(principal: String): Boolean = policies.isAuditor(principal)

  override def attributes(principal: String): Map[String, Any] = policies.attributes(principal)

  override def exampleAttributes: Map[String, Any] = policies.exampleAttributes

  override def ownerOf(table: TableResource): Option[String] = policies.ownerOf(table)
}

private object SystemTablesEngine {

  private def everything(columns: Seq[String]): ReadDecision =
    ReadDecision(columns.toSet, Set.empty, Map.empty, None, Nil, None)

  /** Where no column is asked about, how many rows there are is hidden still. */
  private def nothing(columns: Seq[String]): ReadDecision = {
    val noRows = Option.when(columns.isEmpty)(RowFilterRule("false", -1))
    ReadDecision(Set.empty, Set.empty, Map.empty, noRows, Nil, None)
  }
}
