package io.iomete.spark.governance.commands

import java.util.Locale

import scala.collection.concurrent.TrieMap

import io.iomete.spark.errors.IometeErrors
import io.iomete.spark.governance.GovernedSession
import org.apache.spark.sql.catalyst.analysis.GlobalTempView
import org.apache.spark.sql.catalyst.plans.logical.Command
import org.apache.spark.sql.classic.{SparkSession => ClassicSession}
import org.apache.spark.sql.execution.command.{CreateViewCommand, DropTempViewCommand}
import org.apache.spark.sql.execution.datasources.CreateTempViewUsing

/** Global temporary views, which all sessions share: whoever could put another in the place of somebody's
  * view would choose what its readers get.
  */
private[commands] final class GlobalViews(governed: GovernedSession) {
  private val catalog = governed.session.asInstanceOf[ClassicSession].sessionState.catalog

  /** Raises: IOMETE_ACCESS_DENIED. */
  def check(command: Command): Unit = command match {
    case view: CreateViewCommand if view.viewType == GlobalTempView => made(view.name.table, view.replace)
    case view: CreateTempViewUsing if view.global                   => made(view.tableIdent.table, view.replace)
    case drop: DropTempViewCommand if drop.ident.namespace.exists(catalog.isGlobalTempViewDB) =>
      requireOwn(drop.ident.name)
    case _ => ()
  }

  /** That nobody else has made the view, or that there is none. */
  def requireOwn(name: String): Unit =
    if (!governed.isAdmin && isThere(name) && !GlobalViews.makers.get(folded(name)).contains(governed.principal)) {
      throw IometeErrors.accessDenied(governed.principal, "drop", s"global_temp.$name")
    }

  private def made(name: String, isReplaced: Boolean): Unit = {
    if (isReplaced) requireOwn(name)
    // Spark doesn't make what is there already.
    if (isReplaced || !isThere(name)) GlobalViews.makers(folded(name)) = governed.principal
  }

  private def isThere(name: String): Boolean = catalog.getRawGlobalTempView(name).isDefined

  private def folded(name: String): String = name.toLowerCase(Locale.ROOT)
}

private object GlobalViews {

  /** Who has made which, as long as Spark runs, which is as long as they live. */
  val makers = TrieMap.empty[String, String]
}
