package io.iomete.spark.names

import java.nio.charset.StandardCharsets.UTF_8

import io.iomete.spark.errors.IometeErrors
import org.apache.hadoop.fs.Path
import org.apache.spark.sql.catalyst.TableIdentifier
import org.apache.spark.sql.catalyst.analysis.{PersistedView, ResolvedIdentifier, ResolvedNamespace}
import org.apache.spark.sql.catalyst.catalog.CatalogTable
import org.apache.spark.sql.catalyst.plans.logical._
import org.apache.spark.sql.catalyst.rules.Rule
import org.apache.spark.sql.connector.catalog.Identifier
import org.apache.spark.sql.execution.command._

/** Refuses to create or rename to names that leave the warehouse.
  *
  * Iceberg puts a table's files under `<warehouse>/<namespace>/<name>` with the name as it is, so
  * ``CREATE TABLE lake.db.`../../evil` `` writes beside the warehouse, into somebody else's folder.
  * Analysis sees every way to create: SQL, `writeTo`, `saveAsTable`, the catalog API, streams. At its
  * end, after resolution, and not in a check rule: Spark appends the whole plan to what those throw,
  * and drops the SQLSTATE.
  *
  * Dropping isn't checked: a table that got such a name elsewhere can be got rid of.
  */
object SafeNames extends Rule[LogicalPlan] {

  override def apply(plan: LogicalPlan): LogicalPlan = {
    plan.foreach {
      case _: DropTable | _: DropView | _: DropNamespace | _: DropFunction => ()
      case CreateNamespace(ResolvedNamespace(_, namespace, _), _, _) =>
        NamePart.check("namespace", namespace)
      case RenameTable(_, newName, isView) => NamePart.check(if (isView) "view" else "table", newName)
      case command: Command                => checkCommand(command)
      case _                               => ()
    }
    plan
  }

  private def checkCommand(command: Command): Unit = {
    // Whatever is to be created has its new name as a resolved identifier, in Iceberg's and Delta's
    // own commands, too.
    command.children.foreach {
      case ResolvedIdentifier(_, identifier) if isPath(identifier) => ()
      case ResolvedIdentifier(_, identifier) => NamePart.check(kindOf(command), partsOf(identifier))
      case _                                 => ()
    }
    // The session catalog's commands are of the older kind, with names of their own.
    command match {
      case c: CreateDatabaseCommand  => NamePart.check("namespace", Seq(c.databaseName))
      case c: CreateTableLikeCommand => checkTable(c.targetTable)
      case c: CreateViewCommand if c.viewType == PersistedView =>
        NamePart.check("view", partsOf(c.name))
      case c: AlterTableRenameCommand => checkTable(c.newName)
      // Whatever creates a table by its definition, among them Delta's own command for a clone.
      case c =>
        c.productIterator.foreach {
          case table: CatalogTable => checkTable(table.identifier)
          case _                   => ()
        }
    }
  }

  /** ``delta.`/a/path` `` is a table by its files, which no name leads to. */
  private def isPath(identifier: Identifier): Boolean =
    identifier.namespace.sameElements(Array("delta")) && new Path(identifier.name).isAbsolute

  private def kindOf(command: Command): String =
    if (command.nodeName.contains("View")) "view" else "table"

  private def checkTable(name: TableIdentifier): Unit =
    if (!isPath(Identifier.of(name.database.toArray, name.table))) {
      NamePart.check("table", partsOf(name))
    }

  private def partsOf(name: TableIdentifier): Seq[String] = name.database.toSeq :+ name.table

  private def partsOf(identifier: Identifier): Seq[String] =
    identifier.namespace.toSeq :+ identifier.name
}

/** What a part of a name may hold. */
private[names] object NamePart {

  /** Raises: IOMETE_UNSAFE_NAME, with what is wrong as its sub-condition. */
  def check(kind: String, parts: Seq[String]): Unit =
    for (part <- parts; problem <- problemOf(part)) {
      throw IometeErrors.unsafeName(kind, parts, part, problem)
    }

  /** Longest part in UTF-8: it becomes the name of a directory (`NAME_MAX` of POSIX file systems). */
  private val maxBytes = 255

  private val joiners = Set('\u200c', '\u200d') // written Persian and several Indic scripts need them

  /** The rule of `check_creatable` in Python, which refuses the same names before Spark is asked. */
  private def problemOf(part: String): Option[String] =
    if (part.isEmpty) Some("EMPTY")
    else if (part == "." || part == "..") Some("RELATIVE")
    else if (part.exists(c => c == '/' || c == '\\')) Some("SEPARATOR")
    else if (part.exists(isInvisible)) Some("INVISIBLE_CHARACTER")
    else if (part.exists(c => ".?#:".indexOf(c.toInt) >= 0)) Some("MEANING_IN_LOCATIONS")
    else if (part != part.strip()) Some("WHITE_SPACE")
    else if (part.getBytes(UTF_8).length > maxBytes) Some("TOO_LONG")
    else None

  private def isInvisible(c: Char): Boolean = Character.getType(c).toByte match {
    case Character.CONTROL | Character.LINE_SEPARATOR | Character.PARAGRAPH_SEPARATOR => true
    case Character.FORMAT => !joiners(c)
    case _                => false
  }
}
