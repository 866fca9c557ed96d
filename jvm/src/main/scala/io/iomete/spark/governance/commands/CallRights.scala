package io.iomete.spark.governance.commands

import scala.jdk.CollectionConverters._
import scala.util.Try

import io.iomete.spark.errors.IometeErrors
import io.iomete.spark.governance.GovernedSession
import io.iomete.spark.governance.plan.RelationName
import org.apache.iceberg.spark.Spark3Util
import org.apache.spark.sql.catalyst.analysis.{ResolvedProcedure, UnresolvedFunction}
import org.apache.spark.sql.catalyst.expressions.{Expression, Literal, SubqueryExpression}
import org.apache.spark.sql.catalyst.parser.CatalystSqlParser
import org.apache.spark.sql.classic.{SparkSession => ClassicSession}
import org.apache.spark.sql.connector.catalog.TableCatalog
import org.apache.spark.sql.connector.catalog.procedures.BoundProcedure

/** What a principal needs to call one of Iceberg's procedures.
  *
  * Each is judged on the table that it names, and all need that table as it is: what a procedure moves,
  * rewrites, counts or reports is everything in it. Procedures that name files, or copy a table with
  * nothing of its policies, are for administrators; so is one that nobody has judged.
  */
private[spark] final class CallRights(governed: GovernedSession) {
  private val rights = new Rights(governed)
  private val session = governed.session.asInstanceOf[ClassicSession]

  /** Before a procedure is looked for: whether there is such a catalog isn't told. */
  def requireNamed(parts: Seq[String], statement: String): Unit =
    if (!governed.isAdmin) parts match {
      case Seq(catalog, "system", _) if Namespaces.isCatalogKnown(governed, catalog) => ()
      case Seq("system", _)                                                        => ()
      case _                                                                       => rights.refuse(statement)
    }

  /** The procedure as it may be called with these values, all of them constants: others are refused. */
  def judged(procedure: ResolvedProcedure, values: Seq[Expression]): ResolvedProcedure =
    procedure match {
      case _ if governed.isAdmin => procedure
      case ResolvedProcedure(_, name, bound: BoundProcedure) =>
        val actions = CallRights.actions.getOrElse(name.name, refuse(name.name))
        val arguments = bound.parameters.map(_.name).zip(values).flatMap {
          case (parameter, Literal(value, _)) => Option(value).map(parameter -> _.toString)
          case _                              => refuse(name.name)
        }.toMap
        requireHarmless(name.name, arguments)
        requireTable(procedure, arguments.getOrElse("table", refuse(name.name)), actions)
        if (CallRights.readOnly(name.name)) procedure
        else procedure.copy(procedure = new TrustedProcedure(session, governed.principal, procedure))
      case _ => refuse()
    }

  private def requireTable(procedure: ResolvedProcedure, text: String, actions: Seq[String]): Unit = {
    val parts = Try(CatalystSqlParser.parseMultipartIdentifier(text)).getOrElse(refuse("CALL"))
    val found = Spark3Util.catalogAndIdentifier(session, parts.asJava, procedure.catalog)
    val name = RelationName.of(found.catalog, found.identifier)
    found.catalog match {
      case tables: TableCatalog if name.base.isEmpty && found.catalog.name == procedure.catalog.name =>
        if (!governed.engine.isKnown(governed.principal, name.table)) {
          throw IometeErrors.tableNotFound(name.table.fullName)
        }
        actions.foreach(rights.need(_, name.table))
        if (!new SeenTables(governed).isPlain(name.table, tables.loadTable(found.identifier))) {
          throw IometeErrors.accessDenied(governed.principal, "call a procedure on", name.table.fullName)
        }
      case _ => throw IometeErrors.tableNotFound(text)
    }
  }

  /** Files elsewhere, views of other people, and expressions that look elsewhere aren't the table's. */
  private def requireHarmless(procedure: String, arguments: Map[String, String]): Unit = {
    if (CallRights.elsewhere.exists(arguments.contains)) refuse(procedure)
    arguments.get("where").foreach { text =>
      val isPlain = Try(CatalystSqlParser.parseExpression(text)).toOption.forall { where =>
        !where.exists(e => e.isInstanceOf[SubqueryExpression] || e.isInstanceOf[UnresolvedFunction])
      }
      if (!isPlain) refuse(procedure)
    }
  }

  private def refuse(procedure: String = ""): Nothing = rights.refuse(s"CALL $procedure".trim)
}

private object CallRights {
  private val moves = Seq("alter", "insert", "delete")
  private val maintains = Seq("alter")
  private val removes = Seq("alter", "delete")

  val actions: Map[String, Seq[String]] = Map(
    "rollback_to_snapshot" -> moves,
    "rollback_to_timestamp" -> moves,
    "set_current_snapshot" -> moves,
    "cherrypick_snapshot" -> moves,
    "publish_changes" -> moves,
    "fast_forward" -> moves,
    "expire_snapshots" -> removes,
    "remove_orphan_files" -> removes,
    "rewrite_data_files" -> maintains,
    "rewrite_manifests" -> maintains,
    "rewrite_position_delete_files" -> maintains,
    "compute_table_stats" -> maintains,
    "compute_partition_stats" -> maintains,
    "ancestors_of" -> Seq("select"),
    "create_changelog_view" -> Seq("select")
  )

  /** Those whose reads are the asker's own queries. */
  val readOnly: Set[String] = Set("ancestors_of", "create_changelog_view")

  val elsewhere: Set[String] = Set("location", "file_list_view", "equal_schemes", "equal_authorities")
}
