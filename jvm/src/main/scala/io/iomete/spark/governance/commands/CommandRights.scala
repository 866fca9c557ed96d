package io.iomete.spark.governance.commands

import io.iomete.spark.errors.{IometeErrors, Refused}
import io.iomete.spark.governance.decisions.{ResourceNames, TableResource}
import io.iomete.spark.governance.plan._
import io.iomete.spark.governance.{GovernedSession, ViewCreators}
import org.apache.spark.sql.catalyst.analysis._
import org.apache.spark.sql.catalyst.plans.logical._
import org.apache.spark.sql.catalyst.plans.logical.views.{CreateIcebergView, DropIcebergView}
import org.apache.spark.sql.classic.{SparkSession => ClassicSession}
import org.apache.spark.sql.connector.catalog.{TableCatalog, TableChange}
import org.apache.spark.sql.execution.command._

/** Which commands a principal may run: those listed here, with the rights that each needs.
  *
  * A list of what is allowed. A command that nobody has judged is refused to everyone but
  * administrators.
  */
object CommandRights {

  /** The plan as it may run. Raises: IOMETE_ACCESS_DENIED, IOMETE_COMMAND_REFUSED. */
  def judge(governed: GovernedSession, plan: LogicalPlan): LogicalPlan = {
    new StreamRights(governed).checkBatch(plan)
    if (governed.isAdmin) changing(governed, signed(governed, plan))
    else {
      ForeignCode.requireAllowed(governed, plan)
      changing(governed, signed(governed, ownForm(governed, plan)))
    }
  }

  /** Checks each command in a plan, and keeps with it what they change. */
  private def changing(governed: GovernedSession, plan: LogicalPlan): LogicalPlan = plan match {
    case _: GovernedCommand | _: RecordedQuery => plan
    case _ =>
      val commands = plan.collect { case command: Command => command }
      if (commands.isEmpty) plan else changing(governed, plan, commands)
  }

  private def changing(governed: GovernedSession, plan: LogicalPlan, commands: Seq[Command]): LogicalPlan = {
    val rights = new CommandRights(governed)
    commands.foreach(rights.check)
    val tables = DeltaTargets.in(plan) ++ commands.flatMap(rights.made)
    if (rights.effects.isEmpty && tables.isEmpty) plan else GovernedCommand(plan, rights.effects, tables)
  }

  /** Statements that show less, or reach less, for those whom policies apply to. */
  private def ownForm(governed: GovernedSession, plan: LogicalPlan): LogicalPlan = plan match {
    case ExplainCommand(statement, mode) => GovernedExplain(statement, mode)
    case explain: StreamingExplainCommand => GovernedExplain.ofStream(explain)
    case ClearCacheCommand               => ClearOwnCache
    case UncacheTable(table, _, _)       => UncacheOwn(table)
    case other => OwnSettings.shown(other)
        .orElse(new Listings(governed).shown(other))
        .orElse(new Descriptions(governed).shown(other))
        .orElse(TrustedPurge.of(governed, other))
        .getOrElse(other)
  }

  /** Properties by which Iceberg's catalog takes a table to another snapshot. */
  private val ofSnapshots = Set("current-snapshot-id", "cherry-pick-snapshot-id")

  private def movesRows(change: TableChange): Boolean = change match {
    case set: TableChange.SetProperty => ofSnapshots(set.property)
    case _                            => false
  }

  /** A view remembers who made it, whatever properties the statement gives. */
  private def signed(governed: GovernedSession, plan: LogicalPlan): LogicalPlan = plan match {
    case view: CreateIcebergView =>
      view.copy(properties =
        view.properties + (ViewCreators.property -> governed.principal)
      )
    case other => other
  }
}

private final class CommandRights(governed: GovernedSession) {
  private val rights = new Rights(governed)
  import rights.{need, needOnNamespace, needPath, needPlain, needPlace, needTablePlace, refuse}
  import rights.{needProperty => checkProperty}
  private val delta = new DeltaRights(governed, rights)
  private val files = new FileWriteRights(governed, rights)

  def effects: Seq[Effect] = rights.effects.all

  def made(command: Command): Map[String, TableResource] = files.made(command)

  /** Commands that are judged in files of their own: each says whether one is its own, or refuses it. */
  private val families: Seq[Command => Boolean] = Seq(
    new Descriptions(governed).check,
    new FunctionRights(governed, rights).check,
    new ViewRights(rights).check,
    new MaintenanceRights(governed, rights).check
  )

  def check(command: Command): Unit = JudgedCommands.verdictOf(command) match {
    case JudgedCommands.Free                       => ()
    case _ if governed.isAdmin                     => noted(command)
    case JudgedCommands.Rights                     => checkRights(command)
    case JudgedCommands.Refused                    => refuse(command.nodeName)
  }

  /** Administrators need no right; what they change is told all the same. */
  private def noted(command: Command): Unit =
    try checkRights(command)
    catch { case _: Refused => () }

  private def checkRights(command: Command): Unit = {
    new GlobalViews(governed).check(command)
    if (!delta.judge(command) && !files.judge(command)) checkOthers(command)
  }

  private def checkOthers(command: Command): Unit = command match {
    case SetCommand(Some((key, Some(_)))) => ProtectedSettings.requireMaySet(governed.principal, key)
    case _: SetCommand                   => ()
    case SetCatalogAndNamespace(ResolvedNamespace(catalog, namespace, _)) =>
      needNamespace(catalog.name, namespace)
    case SetNamespaceCommand(namespace)  => needNamespace(currentCatalog, namespace)
    case write: V2WriteCommand           => checkWrite(write)
    case delete: DeleteFromTable         => checkDelete(delete.table, delete.nodeName)
    case delete: DeleteFromTableWithFilters => checkDelete(delete.table, delete.nodeName)
    case create: CreateTable             => checkCreate(create, create.name, Seq("create"))
    case create: CreateTableAsSelect     => checkCreate(create, create.name, Seq("create"))
    case create: ReplaceTable            => checkCreate(create, create.name, Seq("create", "drop"))
    case create: ReplaceTableAsSelect    => checkCreate(create, create.name, Seq("create", "drop"))
    case view: CreateIcebergView         =>
      need(created(view.replace), view.child)
      needOwn(rights.named(view.child))
    case view: CreateViewCommand         => checkView(view)
    case create: CreateNamespace         => checkCreate(create)
    case DropNamespace(ResolvedNamespace(catalog, namespace, _), _, cascade) =>
      new NamespaceDrops(governed, rights).check(catalog, namespace, cascade)
    case comment: CommentOnNamespace     => needOnNamespace("alter", comment.child)
    case drop: DropTable                 => need("drop", drop.child)
    case _: DropTempViewCommand          => ()
    case drop: DropView                  => need("drop", drop.child)
    case drop: DropIcebergView           => need("drop", drop.child)
    case rename: RenameTable             => checkRename(rename)
    case alter: AlterTableCommand        => checkAlter(alter)
    case branch: CreateOrReplaceBranch   =>
      checkAlter(branch.table)
      if (branch.replace || branch.branch == "main") needWrites(rights.named(branch.table).table)
    case tag: CreateOrReplaceTag         => checkAlter(tag.table)
    case branch: DropBranch              => checkAlter(branch.table)
    case tag: DropTag                    => checkAlter(tag.table)
    case add: AddPartitionField          => checkAlter(add.table)
    case drop: DropPartitionField        => checkAlter(drop.table)
    case replace: ReplacePartitionField  => checkAlter(replace.table)
    case set: SetIdentifierFields        => checkAlter(set.table)
    case drop: DropIdentifierFields      => checkAlter(drop.table)
    case order: SetWriteDistributionAndOrdering => checkAlter(order.table)
    case truncate: TruncateTable         => checkTruncate(truncate.table)
    case refresh: RefreshTable           => checkKnown(refresh.child)
    case _ if families.exists(_(command)) => ()
    case other                           => refuse(other.nodeName)
  }

  /** One that isn't known is missing, whether it is there or not; `default` is there for everybody. */
  private def needNamespace(catalog: String, namespace: Seq[String]): Unit = {
    val (name, joined) = ResourceNames.namespace(catalog, namespace)
    val isDefault = name == ResourceNames.sessionCatalog && joined == "default"
    if (namespace.nonEmpty && !isDefault &&
      !governed.engine.isNamespaceKnown(governed.principal, name, joined)) {
      throw IometeErrors.namespaceNotFound(ResourceNames.quoted(catalog +: namespace))
    }
  }

  private def currentCatalog: String =
    governed.session.asInstanceOf[ClassicSession].sessionState.catalogManager.currentCatalog.name

  private def checkWrite(write: V2WriteCommand): Unit =
    write match {
      case rows: RowLevelWrite =>
        val target = targetOf(rows)
        rights.stored.check(EliminateSubqueryAliases(rows.originalTable))
        needAsSeen(rows, target)
        RowLevelActions.of(rows).foreach(need(_, target))
      case Dropped() => ()
      case other =>
        rights.needOptions(WriteOptions.of(other))
        rights.stored.check(EliminateSubqueryAliases(other.table))
        Source.of(EliminateSubqueryAliases(other.table)) match {
          case target: Source.OfTable     => checkWrite(other, target)
          case Source.OfPaths(paths)      => paths.foreach(needPath("write", _))
          case _                          => refuse(other.nodeName)
        }
    }

  private def checkWrite(write: V2WriteCommand, target: Source.OfTable): Unit = {
    need("insert", target)
    if (!write.isInstanceOf[AppendData]) {
      need("delete", target)
      needPlain(target)
    }
    if (WriteOptions.mayEvolve(write, governed.session)) {
      need("alter", target)
      needPlain(target)
    }
  }

  /** Raw rows may be rewritten by a statement that was made to see what its author sees. */
  private def needAsSeen(write: RowLevelWrite, target: Source.OfTable): Unit = {
    val decision = governed.decide(target, governed.rights)
    val guards = WriteGuards.in(write).filter(_.table == target.table)
    if (guards.isEmpty) needPlain(target)
    else if (!guards.forall(_.decision.contains(decision.asker))) {
      throw IometeErrors.policiesChanged(governed.principal, target.table.fullName)
    }
  }

  private def targetOf(rows: RowLevelWrite): Source.OfTable = targetOf(rows.originalTable, rows.nodeName)

  private def targetOf(relation: LogicalPlan, command: String): Source.OfTable =
    Source.of(EliminateSubqueryAliases(relation)) match {
      case target: Source.OfTable => target
      case _                      => refuse(command)
    }

  /** A deletion of whole files, which Spark leaves to the table's format. */
  private def checkDelete(relation: LogicalPlan, command: String): Unit = {
    Source.of(EliminateSubqueryAliases(relation)) match {
      case Source.OfPaths(paths) => paths.foreach(needPlace)
      case _ =>
        val target = targetOf(relation, command)
        needPlain(target)
        need("delete", target)
    }
  }

  private def checkCreate(create: LogicalPlan, name: LogicalPlan, actions: Seq[String]): Unit = {
    need(actions, name)
    requireInsert(create, name)
    if (actions.contains("drop")) needPlainIfThere(name)
    rights.needProvider(PlacesOf.provider(create))
    val (location, properties, options) = PlacesOf(create)
    location.foreach(needTablePlace)
    // Catalogs of Iceberg take options for properties.
    if (rights.named(name).catalog == ResourceNames.sessionCatalog) rights.stored.checkGiven(options)
    (properties ++ options).foreach { case (key, value) => checkProperty(key, value) }
  }

  /** Spark asks for it when it writes the rows, and has made the table by then. */
  private def requireInsert(create: LogicalPlan, name: LogicalPlan): Unit = (create, name) match {
    case (_: V2CreateTableAsSelectPlan, made: ResolvedIdentifier)
        if !governed.engine.isAllowed(governed.principal, "insert", rights.named(made)) =>
      need("insert", made)
    case _ => ()
  }

  /** What replaces a table takes the place of what isn't seen. */
  private def needPlainIfThere(name: LogicalPlan): Unit = name match {
    case ResolvedIdentifier(tables: TableCatalog, identifier)
        if RelationName.of(tables, identifier).path.isEmpty && tables.tableExists(identifier) =>
      needPlain(rights.named(name), tables.loadTable(identifier))
    case _ => ()
  }

  private def checkCreate(create: CreateNamespace): Unit = {
    needOnNamespace("create", create.name)
    create.properties.foreach { case (key, value) => checkProperty(key, value) }
  }

  private def created(replace: Boolean): Seq[String] = if (replace) Seq("create", "drop") else Seq("create")

  private def checkRename(rename: RenameTable): Unit = {
    val (catalog, identifier) = rename.child match {
      case resolved: ResolvedTable      => (resolved.catalog, resolved.identifier)
      case view: ResolvedPersistentView => (view.catalog, view.identifier)
      case other                        => refuse(other.nodeName)
    }
    need(Seq("alter", "drop"), rename.child)
    needPlain(rename.child)
    // A name alone leaves the table where it is.
    val namespace = if (rename.newName.size == 1) identifier.namespace.toSeq else rename.newName.init
    val name = rights.named(catalog.name, namespace, rename.newName.last)
    need("create", name)
    needOwn(name)
  }

  private def checkAlter(alter: AlterTableCommand): Unit = {
    alter.changes.foreach {
      case set: TableChange.SetProperty   => checkProperty(set.property, set.value)
      case unset: TableChange.RemoveProperty => rights.needRemoval(unset.property)
      case _ => ()
    }
    checkAlter(alter.table)
    if (alter.changes.exists(CommandRights.movesRows)) need(Seq("insert", "delete"), alter.table)
  }

  /** Rows of another snapshot take the place of those that are there, as by procedures that do so. */
  private def needWrites(table: TableResource): Unit = Seq("insert", "delete").foreach(need(_, table))

  private def checkAlter(table: LogicalPlan): Unit = {
    need("alter", table)
    needPlain(table)
  }

  private def checkAlter(parts: Seq[String]): Unit = {
    val name = rights.named(parts)
    need("alter", name.table)
    name.catalog match {
      case tables: TableCatalog => needPlain(name.table, tables.loadTable(name.identifier))
      case _                    => refuse("ALTER TABLE")
    }
  }

  private def checkTruncate(table: LogicalPlan): Unit = {
    need("delete", table)
    needPlain(table)
  }

  private def checkKnown(table: LogicalPlan): Unit = {
    val name = rights.named(table)
    if (!governed.engine.isKnown(governed.principal, name)) throw IometeErrors.tableNotFound(name.fullName)
  }

  private def checkView(view: CreateViewCommand): Unit =
    if (view.viewType == PersistedView) {
      created(view.replace).foreach(need(_, rights.named(view.name)))
      needOwn(rights.named(view.name))
    }

  /** A view reads with the rights of the owner that an administrator has set for its name, also when the
    * view that had it then is gone.
    */
  private def needOwn(view: TableResource): Unit =
    if (!ViewCreators.setOwner(governed, view).forall(_ == governed.principal)) {
      throw IometeErrors.ownedByAnother(governed.principal, view.fullName)
    }
}

/** Where a statement wants a new table's files. */
private object PlacesOf {
  def apply(create: LogicalPlan): (Option[String], Map[String, String], Map[String, String]) = {
    val specs = create.productIterator.collect { case spec: TableSpecBase => spec }.toSeq
    specs.headOption match {
      case Some(spec: TableSpec) => (spec.location, spec.properties, spec.options)
      case Some(spec: UnresolvedTableSpec) => (spec.location, spec.properties, Map.empty)
      case _ => (None, Map.empty, Map.empty)
    }
  }

  def provider(create: LogicalPlan): Option[String] =
    create.productIterator.collectFirst { case spec: TableSpecBase => spec.provider }.flatten
}
