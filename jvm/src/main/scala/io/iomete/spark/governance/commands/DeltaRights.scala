package io.iomete.spark.governance.commands

import io.delta.tables.execution.VacuumTableCommand
import io.iomete.spark.errors.IometeErrors
import io.iomete.spark.governance.GovernedSession
import io.iomete.spark.governance.decisions.TableResource
import io.iomete.spark.governance.plan.{BaseTable, BaseTables, DeltaTargets, ReachedFiles, Refusals, Source}
import org.apache.spark.sql.catalyst.analysis.ResolvedTable
import org.apache.spark.sql.catalyst.catalog.{CatalogTable, CatalogTableType}
import org.apache.spark.sql.catalyst.expressions.{Attribute, Expression}
import org.apache.spark.sql.catalyst.plans.logical._
import org.apache.spark.sql.delta.DeltaHistoryManager
import org.apache.spark.sql.delta.catalog.DeltaTableV2
import org.apache.spark.sql.delta.commands._

/** What Delta's own commands need.
  *
  * They read their table in queries of their own and rewrite whole rows, so whoever runs one has to
  * see the table as it is: what a mask shows would be written in place of what it hides, and rows that
  * a filter hides would be lost.
  */
private[commands] final class DeltaRights(governed: GovernedSession, rights: Rights) {
  import rights.{need, needPath, needPlace, needProperty, needProvider, needTablePlace, refuse, stored}

  /** Whether `command` is one of these, and then may run. Raises: IOMETE_ACCESS_DENIED. */
  def judge(command: Command): Boolean = {
    val isOurs = judged.isDefinedAt(command)
    if (isOurs) judged(command)
    isOurs
  }

  private val judged: PartialFunction[Command, Unit] = {
    case update: UpdateCommand =>
      rights.effects.assigns(assigned(update.target.output, update.updateExpressions))
      needRows(update.target, Seq("update"), update)
    case delete: DeleteCommand => needRows(delete.target, Seq("delete"), delete)
    case merge: MergeIntoCommand => needRows(merge.target, actionsOf(merge), merge)
    case insert: DeltaInsertReplaceOnOrUsingCommand =>
      needTable(insert.deltaTable, Seq("insert", "delete"))
    case create: CreateDeltaTableCommand          => checkCreate(create)
    case restore: RestoreTableCommand =>
      needTable(restore.sourceTable, Seq("alter", "insert", "delete"))
    case optimize: OptimizeTableCommand           => needTable(optimize.child, Seq("alter"), optimize)
    case reorg: DeltaReorgTableCommand            => needTable(reorg.target, Seq("alter"), reorg)
    case generate: DeltaGenerateCommand           => needTable(generate.child, Seq("alter"), generate)
    case vacuum: VacuumTableCommand               => checkVacuum(vacuum)
    case truncate: TruncateDeltaTableCommand      => needTable(truncate.child, Seq("delete"), truncate)
    case detail: DescribeDeltaDetailCommand       => needTable(detail.child, Nil, detail)
    case history: DescribeDeltaHistoryCommand     => checkHistory(history)
    case convert: ConvertToDeltaCommand           => checkConvert(convert)
    case set: AlterTableSetPropertiesDeltaCommand =>
      set.configuration.foreach { case (key, value) => needProperty(key, value) }
      needTable(set.table, Seq("alter"))
    case unset: AlterTableUnsetPropertiesDeltaCommand => needTable(unset.table, Seq("alter"))
  }

  private def actionsOf(merge: MergeIntoCommand): Seq[String] =
    ((merge.matchedClauses ++ merge.notMatchedClauses ++ merge.notMatchedBySourceClauses).map {
      case _: DeltaMergeIntoMatchedDeleteClause | _: DeltaMergeIntoNotMatchedBySourceDeleteClause =>
        "delete"
      case _: DeltaMergeIntoNotMatchedInsertClause => "insert"
      case _                                       => "update"
    } ++ Option.when(evolves(merge))("alter")).distinct

  /** Delta states the schema of the result also where it stays what it was. */
  private def evolves(merge: MergeIntoCommand): Boolean =
    merge.migratedSchema.exists(_.catalogString != merge.target.schema.catalogString)

  private def assigned(columns: Seq[Attribute], values: Seq[Expression]): Seq[String] =
    columns.zip(values).collect {
      case (column, value) if !value.semanticEquals(column) => column.name
    }

  /** The relation that a command changes rows of. */
  private def needRows(target: LogicalPlan, actions: Seq[String], command: LogicalPlan): Unit =
    Source.of(target.collectLeaves().head) match {
      case source: Source.OfTable =>
        stored.check(target.collectLeaves().head)
        needAsItIs(source.table, BaseTable(source.names, source.fields, source.bound))
        actions.foreach(need(_, source.table))
      case Source.OfPaths(paths) => paths.foreach(needPlace)
      case _                     => refuse(command.nodeName)
    }

  private def needTable(child: LogicalPlan, actions: Seq[String], command: LogicalPlan): Unit =
    child match {
      case ResolvedTable(_, _, delta: DeltaTableV2, _) => needTable(delta, actions)
      case _                                           => refuse(command.nodeName)
    }

  private def needTable(table: DeltaTableV2, actions: Seq[String]): Unit = {
    table.catalogTable.foreach(stored.check)
    table.catalogTable.flatMap(DeltaTargets.named) match {
      case Some(name) =>
        needAsItIs(name, BaseTables.asItIs(table, name))
        actions.foreach(need(_, name))
      case None =>
        val path = table.path.toString
        if (actions.isEmpty) needPath("read", path) else needPlace(path)
    }
  }

  private def needAsItIs(table: TableResource, base: BaseTable): Unit = {
    val decision = governed.decide(table, base.columns, governed.rights, base.fields, base.bound)
    if (!decision.isReadable || decision.broken.isDefined) {
      throw Refusals.of(governed, table, governed.rights, decision)
    }
    if (!decision.isPlain(base.columns)) {
      throw IometeErrors.restrictedWrite(governed.principal, table.fullName)
    }
  }

  /** What commits tell speaks of the columns that there were then, by conditions of DELETE and UPDATE. */
  private def checkHistory(history: DescribeDeltaHistoryCommand): Unit = {
    needTable(history.table, Nil)
    if (!governed.isAdmin) history.table.catalogTable.flatMap(DeltaTargets.named).foreach { name =>
      val newest = history.table.deltaLog.update().version
      val first = DeltaHistoryManager.getEarliestDeltaFile(history.table.deltaLog)
      // The first of them may have changed what there was before it.
      val from = history.limit.fold(first)(n => (newest - n).max(first))
      BaseTables.since(from, history.table, name) match {
        case Some(told) => needAsItIs(name, told)
        case None       => throw IometeErrors.restrictedWrite(governed.principal, name.fullName)
      }
    }
  }

  /** What a query given by USING INVENTORY lists is deleted without a look at the table. */
  private def checkVacuum(vacuum: VacuumTableCommand): Unit = {
    if (vacuum.inventoryTable.isDefined || vacuum.inventoryQuery.isDefined) refuse("VACUUM USING INVENTORY")
    needTable(vacuum.child, Seq("alter", "delete"), vacuum)
  }

  private def checkCreate(create: CreateDeltaTableCommand): Unit = {
    val isReplaced = create.existingTableOpt.isDefined && create.operation != TableCreationModes.Create
    needCreation(create.table, create.tableByPath, Seq("create") ++ Option.when(isReplaced)("drop"))
    create.query match {
      case Some(clone: CloneTableCommand) =>
        clone.tablePropertyOverrides.foreach { case (key, value) => needProperty(key, value) }
        checkSource(clone.sourceTable)
      case Some(_)                        => refuse(create.nodeName)
      case None                           => ()
    }
  }

  private def needCreation(table: CatalogTable, isByPath: Boolean, actions: Seq[String]): Unit = {
    val location = table.storage.locationUri.map(_.toString)
    if (isByPath) location.foreach(needPlace)
    else {
      actions.foreach(need(_, rights.named(table.identifier)))
      if (table.tableType == CatalogTableType.EXTERNAL) location.foreach(needTablePlace)
    }
    needProvider(table.provider)
    stored.checkGiven(table.storage.properties)
    table.properties.foreach { case (key, value) => needProperty(key, value) }
  }

  /** A clone is read with the files of its source, and policies of the source don't reach it. */
  private def checkSource(source: CloneSource): Unit = source match {
    case delta: CloneDeltaSource =>
      delta.catalogTable.flatMap(DeltaTargets.named) match {
        case Some(name) =>
          delta.snapshot match {
            case Some(version) => needAsItIs(name, BaseTables.ofVersion(version, name))
            case None          => refuse("CLONE")
          }
        case None =>
          needPath("read", delta.dataPath.toString)
          new ReachedFiles(governed).require(delta.dataPath, delta.allFiles.collect().toSeq, governed.rights)
      }
    case _ => refuse("CLONE")
  }

  private def checkConvert(convert: ConvertToDeltaCommand): Unit = {
    val name = convert.tableIdentifier
    if (name.database.exists(_.equalsIgnoreCase("parquet")) && name.table.contains('/')) {
      (name.table +: convert.deltaPath.toSeq).foreach(needPlace)
    } else refuse("CONVERT TO DELTA")
  }
}
