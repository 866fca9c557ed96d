package io.iomete.spark.governance.commands

import scala.util.Try

import io.iomete.spark.errors.IometeErrors
import io.iomete.spark.governance.GovernedSession
import io.iomete.spark.governance.decisions.{ResourceNames, TableResource}
import io.iomete.spark.governance.plan.{BaseTables, ReachedFiles, RelationName, Source, StoredOptions, StructFields}
import io.iomete.spark.governance.renames.{Bound, TableIdentity}
import org.apache.spark.sql.catalyst.TableIdentifier
import org.apache.spark.sql.catalyst.analysis._
import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan
import org.apache.spark.sql.catalyst.plans.logical.views.ResolvedV2View
import org.apache.spark.sql.connector.catalog.Table
import org.apache.spark.sql.delta.DeltaLog
import org.apache.spark.sql.types.StructType

/** What a principal has to hold for a command: each method returns, or refuses. */
private[commands] final class Rights(governed: GovernedSession) {

  /** What the rights that were found are used for. */
  val effects = new Effects

  val stored = new StoredOptions(governed)

  /** @param others
    *   further names that policies may have for the table: a denial under one of them counts
    */
  def need(action: String, table: TableResource, others: Seq[TableResource] = Nil): Unit = {
    val names = (table +: (others ++ governed.aliases(table))).distinct
    if (!names.forall(governed.engine.isAllowed(governed.principal, action, _))) {
      throw (if (governed.engine.isKnown(governed.principal, table) || action == "create") {
               IometeErrors.accessDenied(governed.principal, action, table.fullName)
             } else {
               IometeErrors.tableNotFound(table.fullName)
             })
    }
    effects.add(action, table.fullName)
  }

  def need(action: String, target: Source.OfTable): Unit = need(action, target.table, target.bound.others)

  /** On a table, or on all that is below the path that stands for one. */
  def need(actions: Seq[String], plan: LogicalPlan): Unit = pathOf(plan) match {
    case Some(path) => needPlace(path)
    case None =>
      val others = plan match {
        case resolved: ResolvedTable => Bound.of(named(plan), TableIdentity.of(resolved.table)).others
        case _                       => Nil
      }
      actions.foreach(need(_, named(plan), others))
  }

  def need(action: String, plan: LogicalPlan): Unit = need(Seq(action), plan)

  def needOnNamespace(action: String, plan: LogicalPlan): Unit = plan match {
    case ResolvedNamespace(catalog, namespace, _) => needOnNamespace(action, catalog.name, namespace)
    case other                                    => refuse(other.nodeName)
  }

  def needOnNamespace(action: String, catalog: String, namespace: Seq[String]): Unit = {
    val (name, joined) = ResourceNames.namespace(catalog, namespace)
    if (!governed.engine.isAllowed(governed.principal, action, name, joined)) {
      throw IometeErrors.accessDenied(governed.principal, action, s"$name.$joined")
    }
    effects.add(action, s"$name.$joined")
  }

  def needPath(action: String, path: String): Unit = {
    governed.requirePath(action, path)
    effects.add(action, path)
  }

  /** Files at a place of one's choice may be those of another table. */
  def needPlace(path: String): Unit = Seq("read", "write").foreach(needPath(_, path))

  /** Of a table that is made there: what lies there already becomes its own. */
  def needTablePlace(path: String): Unit = {
    needPlace(path)
    if (!governed.isAdmin) {
      // Where there is no file system that Hadoop knows, there is no table of Delta's either.
      Try(DeltaLog.forTableWithSnapshot(governed.session, path)).toOption.foreach {
        case (log, snapshot) if log.tableExists =>
          new ReachedFiles(governed).require(log.dataPath, snapshot.allFiles.collect().toSeq, governed.rights)
        case _ => ()
      }
    }
  }

  def needProperty(key: String, value: String): Unit = {
    if (PlacesInProperties.isOurs(key)) refuse(s"SET `$key`")
    if (!governed.isAdmin && PlacesInProperties.isOfAdmins(key)) refuse(s"SET `$key`")
    PlacesInProperties.optionIn(key).foreach(option => stored.checkGiven(Map(option -> value)))
    if (PlacesInProperties.isPlace(key, value)) needPlace(value)
  }

  def needRemoval(property: String): Unit =
    if (PlacesInProperties.isOurs(property) || !governed.isAdmin && PlacesInProperties.isOfAdmins(property)) {
      refuse(s"UNSET `$property`")
    }

  /** Tables of other sources read what their options say, not what is below a location. */
  def needProvider(provider: Option[String]): Unit =
    provider.filterNot(FileProviders.contains).foreach(p => refuse(s"a table of `$p`"))

  /** Options of a write reach Hadoop, which can be told by them what a path means. */
  def needOptions(options: Map[String, String]): Unit = options.keys
    .find(key => ProtectedSettings.contains(key) || RefuseOptions.isUnsafe(key))
    .foreach(key => refuse(s"the option `$key`"))

  /** The same of a write of files, to whose formats settings of Hadoop are known by other names, too. */
  def needOptionsOfFiles(options: Map[String, String]): Unit = {
    needOptions(options)
    options
      .find { case (key, value) => key.contains('.') && !StoredOptions.isHarmless(key, value) }
      .foreach { case (key, _) => refuse(s"the option `$key`") }
  }

  /** Whoever sees a table masked, filtered or in part can't change what policies are bound to. */
  def needPlain(plan: LogicalPlan): Unit = plan match {
    case resolved: ResolvedTable if pathOf(resolved).isEmpty => needPlain(named(resolved), resolved.table)
    case _                                                   => ()
  }

  def needPlain(table: TableResource, loaded: Table): Unit = {
    val today = BaseTables.asItIs(loaded, table)
    needPlain(table, today.columns, today.fields, today.bound)
  }

  /** Of a table of the session catalog, which has no other names. */
  def needPlain(table: TableResource, schema: StructType): Unit =
    needPlain(
      table,
      schema.fieldNames.toSeq,
      schema.fields.toSeq.flatMap(f => StructFields.of(f.name, f.dataType)),
      Bound.byName
    )

  private def needPlain(
      table: TableResource,
      names: Seq[String],
      fields: Seq[String],
      bound: Bound
  ): Unit = {
    val decision = governed.decide(table, names, governed.rights, fields, bound)
    if (decision.isRestricted || !names.forall(decision.isVisible)) {
      throw IometeErrors.accessDenied(governed.principal, "alter", table.fullName)
    }
  }

  /** The same for the target of a write, which takes the place of what isn't seen. */
  def needPlain(target: Source.OfTable): Unit = {
    val decision = governed.decide(target, governed.rights)
    if (decision.isRestricted || !target.names.forall(decision.isVisible)) {
      throw IometeErrors.accessDenied(governed.principal, "overwrite", target.table.fullName)
    }
  }

  def named(plan: LogicalPlan): TableResource = plan match {
    case resolved: ResolvedTable =>
      named(resolved.catalog.name, resolved.identifier.namespace.toSeq, resolved.identifier.name)
    case resolved: ResolvedIdentifier =>
      named(resolved.catalog.name, resolved.identifier.namespace.toSeq, resolved.identifier.name)
    case view: ResolvedPersistentView =>
      named(view.catalog.name, view.identifier.namespace.toSeq, view.identifier.name)
    case view: ResolvedV2View =>
      named(view.catalog.name, view.identifier.namespace.toSeq, view.identifier.name)
    case other => refuse(other.nodeName)
  }

  def named(table: TableIdentifier): TableResource =
    named(
      table.catalog.getOrElse(ResourceNames.sessionCatalog),
      table.database.toSeq,
      table.table
    )

  /** A table that a command names by its parts alone, as Iceberg's do. */
  def named(parts: Seq[String]): RelationName =
    RelationName.of(governed.session, parts).getOrElse(throw IometeErrors.tableNotFound(parts.mkString(".")))

  def named(catalog: String, namespace: Seq[String], name: String): TableResource =
    ResourceNames.table(catalog, namespace, name)

  /** ``delta.`/a/path` `` is no table of a catalog. */
  private def pathOf(plan: LogicalPlan): Option[String] = plan match {
    case resolved: ResolvedTable      => RelationName.of(resolved.catalog, resolved.identifier).path
    case resolved: ResolvedIdentifier => RelationName.of(resolved.catalog, resolved.identifier).path
    case _                            => None
  }

  def refuse(command: String): Nothing =
    throw IometeErrors.commandRefused(governed.principal, command)
}
