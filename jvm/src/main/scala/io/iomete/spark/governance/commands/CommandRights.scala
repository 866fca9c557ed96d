package io.iomete.spark.governance.commands

import io.iomete.spark.errors.IometeErrors
import io.iomete.spark.governance.decisions.TableResource
import io.iomete.spark.governance.plan._
import io.iomete.spark.governance.{GovernedSession, Governing, ReadAudit, ViewCreators}
import org.apache.spark.sql.SparkSession
import org.apache.spark.sql.catalyst.analysis._
import org.apache.spark.sql.catalyst.plans.logical._
import org.apache.spark.sql.catalyst.plans.logical.views.CreateIcebergView
import org.apache.spark.sql.connector.catalog.TableChange
import org.apache.spark.sql.execution.command._
import org.apache.spark.sql.execution.datasources.CreateTempViewUsing

/** Which commands a principal may run: those listed here, with the rights that each needs.
  *
  * A list of what is allowed. A command that nobody has judged is refused to everyone but
  * administrators.
  */
object CommandRights {

  /** The plan as it may run. Raises: IOMETE_ACCESS_DENIED, IOMETE_COMMAND_REFUSED. */
  def judge(governed: GovernedSession, plan: LogicalPlan): LogicalPlan = {
    if (!governed.isAdmin) {
      plan.foreach {
        case command: Command => new CommandRights(governed).check(command)
        case _                => ()
      }
    }
    signed(governed, plan)
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

  def check(command: Command): Unit = command match {
    case write: V2WriteCommand   => checkWrite(write)
    case create: CreateTable     => need("create", create.name)
    case create: CreateTableAsSelect => need("create", create.name)
    case create: ReplaceTable    => need(Seq("create", "drop"), create.name)
    case create: ReplaceTableAsSelect => need(Seq("create", "drop"), create.name)
    case create: CreateIcebergView => need("create", create.child)
    case create: CreateNamespace => needOnNamespace("create", create.name)
    case drop: DropTable         => need("drop", drop.child)
    case drop: DropView          => need("drop", drop.child)
    case rename: RenameTable     => checkRename(rename)
    case alter: AlterTableCommand => checkAlter(alter)
    case view: CreateViewCommand => checkView(view)
    case describe: DescribeRelation => checkDescribe(describe.relation)
    case SetCommand(Some((key, Some(_)))) => ProtectedSettings.requireMaySet(governed.principal, key)
    case _: SetCommand | _: ResetCommand | _: SetCatalogAndNamespace | _: SetNamespaceCommand |
        _: SetCatalogCommand | _: CacheTable | _: CacheTableAsSelect | _: UncacheTable |
        _: ExplainCommand | _: DropTempViewCommand | _: CreateVariable | _: SetVariable |
        _: DropVariable | _: CreateTempViewUsing | _: DescribeQueryCommand |
        _: DescribeFunctionCommand | _: ShowCurrentNamespaceCommand =>
      ()
    case function: CreateSQLFunctionCommand if function.isTemp => ()
    case function: DropFunctionCommand if function.isTemp      => ()
    case other => throw IometeErrors.commandRefused(governed.principal, other.nodeName)
  }

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

  /** Whoever sees a table masked can't change what its masks are bound to. */
  private def needPlain(table: LogicalPlan): Unit = table match {
    case resolved: ResolvedTable =>
      val columns = resolved.table.columns().toSeq
      val names = columns.map(_.name)
      val fields = columns.flatMap(c => StructFields.of(c.name, c.dataType))
      val decision = governed.decide(named(resolved), names, governed.rights, fields)
      if (decision.isRestricted || !names.forall(decision.isVisible)) {
        throw IometeErrors.accessDenied(governed.principal, "alter", named(resolved).fullName)
      }
    case _ => ()
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

  private def targetOf(write: V2WriteCommand): Source.OfTable = {
    val relation = write match {
      case rows: RowLevelWrite => rows.originalTable
      case other               => other.table
    }
    Source.of(relation.asInstanceOf[LogicalPlan]) match {
      case target: Source.OfTable => target
      case _ => throw IometeErrors.commandRefused(governed.principal, write.nodeName)
    }
  }

  /** Whoever sees a table masked or filtered can't replace what they don't see. */
  private def needPlain(target: Source.OfTable): Unit = {
    val decision = governed.decide(target, governed.rights)
    if (decision.isRestricted || !target.names.forall(decision.isVisible)) {
      throw IometeErrors.accessDenied(governed.principal, "overwrite", target.table.fullName)
    }
  }

  private def checkRename(rename: RenameTable): Unit = {
    val (catalog, table) = rename.child match {
      case resolved: ResolvedTable => (resolved.catalog, named(resolved))
      case other => throw IometeErrors.commandRefused(governed.principal, other.nodeName)
    }
    Seq("alter", "drop").foreach(need(_, table))
    needPlain(rename.child)
    val parts =
      if (rename.newName.head.equalsIgnoreCase(catalog.name)) rename.newName.tail else rename.newName
    need(
      "create",
      decisionsName(catalog.name, parts.init, parts.last)
    )
  }

  private def checkAlter(alter: AlterTableCommand): Unit = {
    val changesPlace = alter.changes.exists {
      case set: TableChange.SetProperty => set.property.startsWith("iomete.") || set.property == "location"
      case _                            => false
    }
    if (changesPlace) throw IometeErrors.commandRefused(governed.principal, alter.nodeName)
    need("alter", alter.table)
    needPlain(alter.table)
  }

  private def checkView(view: CreateViewCommand): Unit =
    if (view.viewType == PersistedView) {
      need(
        "create",
        decisionsName(
          view.name.catalog.getOrElse("spark_catalog"),
          view.name.database.toSeq,
          view.name.table
        )
      )
    }

  private def checkDescribe(relation: LogicalPlan): Unit = relation match {
    case resolved: ResolvedTable =>
      val table = named(resolved)
      val columns = resolved.table.columns().map(_.name).toSeq
      val decision = governed.decide(table, columns, governed.rights)
      if (!decision.isReadable) throw Refusals.of(governed, table, governed.rights, decision)
      if (!columns.forall(decision.isVisible)) {
        throw IometeErrors.accessDenied(governed.principal, "describe", table.fullName)
      }
    case other => throw IometeErrors.commandRefused(governed.principal, other.nodeName)
  }

  private def need(action: String, plan: LogicalPlan): Unit = need(Seq(action), plan)

  private def need(actions: Seq[String], plan: LogicalPlan): Unit = {
    val table = plan match {
      case resolved: ResolvedTable => named(resolved)
      case resolved: ResolvedIdentifier =>
        decisionsName(
          resolved.catalog.name,
          resolved.identifier.namespace.toSeq,
          resolved.identifier.name
        )
      case other => throw IometeErrors.commandRefused(governed.principal, other.nodeName)
    }
    actions.foreach(need(_, table))
  }

  private def need(action: String, table: TableResource): Unit =
    if (!governed.engine.isAllowed(governed.principal, action, table)) {
      throw (if (governed.engine.isKnown(governed.principal, table) || action == "create") {
               IometeErrors.accessDenied(governed.principal, action, table.fullName)
             } else {
               IometeErrors.tableNotFound(table.fullName)
             })
    }

  private def needOnNamespace(action: String, plan: LogicalPlan): Unit = plan match {
    case ResolvedNamespace(catalog, namespace, _) =>
      val (name, joined) =
        io.iomete.spark.governance.decisions.ResourceNames.namespace(catalog.name, namespace)
      if (!governed.engine.isAllowed(governed.principal, action, name, joined)) {
        throw IometeErrors.accessDenied(governed.principal, action, s"$name.$joined")
      }
    case other => throw IometeErrors.commandRefused(governed.principal, other.nodeName)
  }

  private def named(resolved: ResolvedTable): TableResource =
    decisionsName(
      resolved.catalog.name,
      resolved.identifier.namespace.toSeq,
      resolved.identifier.name
    )

  private def decisionsName(catalog: String, namespace: Seq[String], name: String): TableResource =
    io.iomete.spark.governance.decisions.ResourceNames.table(catalog, namespace, name)
}
