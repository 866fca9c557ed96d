package io.iomete.spark.governance.commands

import io.iomete.spark.errors.IometeErrors
import io.iomete.spark.governance.GovernedSession
import io.iomete.spark.governance.decisions.ResourceNames
import org.apache.spark.sql.catalyst.FunctionIdentifier
import org.apache.spark.sql.catalyst.catalog.FunctionResource
import org.apache.spark.sql.classic.{SparkSession => ClassicSession}
import org.apache.spark.sql.execution.command._

/** Who may make and drop functions.
  *
  * One that is written in SQL reads with the rights of who asks, wherever it is called. One of a Java class runs in
  * Spark's own processes, as `reflect` does, and a jar of one's own does so for everybody.
  */
private[commands] final class FunctionRights(governed: GovernedSession, rights: Rights) {

  /** Whether it is one of these commands, and then refuses who may not run it. */
  def check(command: org.apache.spark.sql.catalyst.plans.logical.Command): Boolean = {
    command match {
      case f: CreateSQLFunctionCommand => if (!f.isTemp) need(f.name, created(f.replace))
      case f: CreateFunctionCommand =>
        requireForeign(f.className, f.resources)
        if (!f.isTemp) need(f.identifier, created(f.replace))
      case f: DropFunctionCommand =>
        if (!f.isTemp) {
          requireKnown(f.identifier)
          need(f.identifier, Seq("drop"))
        }
      case f: RefreshFunctionCommand => requireKnown(FunctionIdentifier(f.functionName, f.databaseName))
      case _                         => ()
    }
    command match {
      case _: CreateSQLFunctionCommand | _: CreateFunctionCommand | _: DropFunctionCommand |
          _: RefreshFunctionCommand =>
        true
      case _ => false
    }
  }

  private def created(replace: Boolean): Seq[String] = if (replace) Seq("create", "drop") else Seq("create")

  private def requireForeign(className: String, resources: Seq[FunctionResource]): Unit = {
    if (resources.nonEmpty) rights.refuse("CREATE FUNCTION … USING")
    ForeignCode.requireMayRun(governed, className)
  }

  private def need(function: FunctionIdentifier, actions: Seq[String]): Unit =
    actions.foreach(rights.needOnNamespace(_, ResourceNames.sessionCatalog, namespaceOf(function)))

  private def requireKnown(function: FunctionIdentifier): Unit = {
    val namespace = namespaceOf(function)
    if (!Namespaces.isKnown(governed, ResourceNames.sessionCatalog, namespace)) {
      throw IometeErrors.namespaceNotFound(ResourceNames.quoted(ResourceNames.sessionCatalog +: namespace))
    }
  }

  private def namespaceOf(function: FunctionIdentifier): Seq[String] = Seq(
    function.database.getOrElse(
      governed.session.asInstanceOf[ClassicSession].sessionState.catalog.getCurrentDatabase
    )
  )
}
