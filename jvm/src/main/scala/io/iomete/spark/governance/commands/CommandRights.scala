package io.iomete.spark.governance.commands

import io.iomete.spark.errors.IometeErrors
import io.iomete.spark.governance.decisions.ResourceNames
import io.iomete.spark.governance.plan._
import io.iomete.spark.governance.{GovernedSession, Governing, ReadAudit, ViewCreators}
import org.apache.spark.sql.SparkSession
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
    if (governed.isAdmin) signed(governed, plan)
    else {
      ForeignCode.requireAllowed(governed, plan)
      val own = ownForm(governed, plan)
      own.foreach {
        case command: Command => new CommandRights(governed).check(command)
        case _                => ()
      }
      signed(governed, own)
    }
  }

  /** Statements that show less to those whom policies apply to. */
  private def ownForm(governed: GovernedSession, plan: LogicalPlan): LogicalPlan = plan match {
    case ExplainCommand(statement, mode) => GovernedExplain(statement, mode)
    // Where files are, and what properties say, is for those who may change it.
    case describe: DescribeRelation if describe.isExtended && !mayAlter(governed, describe.relation) =>
      describe.copy(isExtended = false)
    case other => other
  }

  private def mayAlter(governed: GovernedSession, relation: LogicalPlan): Boolean = relation match {
    case table: ResolvedTable =>
      governed.engine.isAllowed(governed.principal, "alter", new Rights(governed).named(table))
    case _ => false
  }

  /** Procedures reach any table, and run inside analysis: administrators call them. */
  def requireForCall(session: SparkSession): Unit = Governing.of(session).foreach { governed =>
    if (!governed.isAdmin) {
      new ReadAudit(governed).refusals {
        throw IometeErrors.commandRefused(governed.principal, "CALL")
      }
    }
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
  import rights.{need, needOnNamespace, needPath, needPlain, refuse}

  def check(command: Command): Unit = JudgedCommands.verdictOf(command) match {
    case JudgedCommands.Free    => ()
    case JudgedCommands.Rights  => checkRights(command)
    case JudgedCommands.Refused => refuse(command.nodeName)
  }

  private def checkRights(command: Command): Unit = command match {
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
    case view: CreateIcebergView         => need(created(view.replace), view.child)
    case view: CreateViewCommand         => checkView(view)
    case create: CreateNamespace         => checkCreate(create)
    case drop: DropNamespace             => needOnNamespace("drop", drop.namespace)
    case comment: CommentOnNamespace     => needOnNamespace("alter", comment.child)
    case drop: DropTable                 => need("drop", drop.child)
    case drop: DropView                  => need("drop", drop.child)
    case drop: DropIcebergView           => need("drop", drop.child)
    case rename: RenameTable             => checkRename(rename)
    case alter: AlterTableCommand        => checkAlter(alter)
    case branch: CreateOrReplaceBranch   => checkAlter(branch.table)
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
    case describe: DescribeRelation      => checkDescribe(describe.relation)
    case function: CreateSQLFunctionCommand if function.isTemp => ()
    case function: DropFunctionCommand if function.isTemp      => ()
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

  private def checkWrite(write: V2WriteCommand): Unit = {
    val target = targetOf(write)
    write match {
      case rows: RowLevelWrite =>
        needAsSeen(rows, target)
        rows.operation.command.toString match {
          case "DELETE" => need("delete", target.table)
          case "UPDATE" => need("update", target.table)
          case _        => Seq("update", "delete", "insert").foreach(need(_, target.table))
        }
      case _: AppendData => need("insert", target.table)
      case _ =>
        needPlain(target)
        Seq("insert", "delete").foreach(need(_, target.table))
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

  private def targetOf(write: V2WriteCommand): Source.OfTable = write match {
    case rows: RowLevelWrite => targetOf(rows.originalTable, write.nodeName)
    case other               => targetOf(other.table, write.nodeName)
  }

  private def targetOf(relation: LogicalPlan, command: String): Source.OfTable =
    Source.of(EliminateSubqueryAliases(relation)) match {
      case target: Source.OfTable => target
      case _                      => refuse(command)
    }

  /** A deletion of whole files, which Spark leaves to the table's format. */
  private def checkDelete(relation: LogicalPlan, command: String): Unit = {
    val target = targetOf(relation, command)
    needPlain(target)
    need("delete", target.table)
  }

  private def checkCreate(create: LogicalPlan, name: LogicalPlan, actions: Seq[String]): Unit = {
    need(actions, name)
    val (location, properties) = PlacesOf(create)
    location.foreach(needPlace)
    properties.foreach { case (key, value) => checkProperty(key, value) }
  }

  private def checkCreate(create: CreateNamespace): Unit = {
    needOnNamespace("create", create.name)
    create.properties.foreach { case (key, value) => checkProperty(key, value) }
  }

  private def created(replace: Boolean): Seq[String] = if (replace) Seq("create", "drop") else Seq("create")

  /** Files at a place of one's choice may be those of another table. */
  private def needPlace(path: String): Unit = Seq("read", "write").foreach(needPath(_, path))

  private def checkProperty(key: String, value: String): Unit = {
    if (PlacesInProperties.isOurs(key)) refuse(s"SET `$key`")
    if (PlacesInProperties.isPlace(key, value)) needPlace(value)
  }

  private def checkRename(rename: RenameTable): Unit = {
    val (catalog, table) = rename.child match {
      case resolved: ResolvedTable          => (resolved.catalog, rights.named(resolved))
      case view: ResolvedPersistentView     => (view.catalog, rights.named(view))
      case other                            => refuse(other.nodeName)
    }
    Seq("alter", "drop").foreach(need(_, table))
    needPlain(rename.child)
    val parts =
      if (rename.newName.head.equalsIgnoreCase(catalog.name)) rename.newName.tail else rename.newName
    need("create", rights.named(catalog.name, parts.init, parts.last))
  }

  private def checkAlter(alter: AlterTableCommand): Unit = {
    alter.changes.foreach {
      case set: TableChange.SetProperty   => checkProperty(set.property, set.value)
      case unset: TableChange.RemoveProperty if PlacesInProperties.isOurs(unset.property) =>
        refuse(alter.nodeName)
      case _ => ()
    }
    checkAlter(alter.table)
  }

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
    if (view.viewType == PersistedView) created(view.replace).foreach(need(_, rights.named(view.name)))

  private def checkDescribe(relation: LogicalPlan): Unit = relation match {
    case resolved: ResolvedTable =>
      val table = rights.named(resolved)
      val columns = resolved.table.columns().map(_.name).toSeq
      val decision = governed.decide(table, columns, governed.rights)
      if (!decision.isReadable) throw Refusals.of(governed, table, governed.rights, decision)
      if (!columns.forall(decision.isVisible)) {
        throw IometeErrors.accessDenied(governed.principal, "describe", table.fullName)
      }
    case other => refuse(other.nodeName)
  }
}

/** Where a statement wants a new table's files. */
private object PlacesOf {
  def apply(create: LogicalPlan): (Option[String], Map[String, String]) = {
    val specs = create.productIterator.collect { case spec: TableSpecBase => spec }.toSeq
    specs.headOption match {
      case Some(spec: TableSpec) => (spec.location, spec.properties ++ spec.options)
      case Some(spec: UnresolvedTableSpec) => (spec.location, spec.properties)
      case _ => (None, Map.empty)
    }
  }
}
