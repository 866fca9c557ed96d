package io.iomete.spark.governance.commands

import java.util.Iterator

import io.iomete.spark.identity.PrincipalBinding
import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.catalyst.analysis.ResolvedProcedure
import org.apache.spark.sql.classic.{SparkSession => ClassicSession}
import org.apache.spark.sql.connector.catalog.ProcedureCatalog
import org.apache.spark.sql.connector.catalog.procedures.{BoundProcedure, ProcedureParameter}
import org.apache.spark.sql.connector.read.Scan
import org.apache.spark.sql.types.StructType

/** A judged procedure, run in a session of its own.
  *
  * Procedures read manifests, file lists and staged files as relations without a name, which no
  * session may. This one's may, and is out of reach: nothing but the procedure, with arguments that
  * were judged, runs in it. It belongs to the caller, whom the audit trail names.
  */
private[commands] final class TrustedProcedure(
    caller: ClassicSession,
    principal: String,
    judged: ResolvedProcedure
) extends BoundProcedure {
  private val session = caller.newSession()
  PrincipalBinding.bindTrusted(session, principal)

  private val procedure: BoundProcedure = ActiveSession.during(session) {
    val manager = session.sessionState.catalogManager
    val place = caller.sessionState.catalogManager
    // relative names are of the caller's place
    manager.setCurrentCatalog(place.currentCatalog.name)
    if (!manager.currentNamespace.sameElements(place.currentNamespace)) {
      manager.setCurrentNamespace(place.currentNamespace)
    }
    manager.catalog(judged.catalog.name) match {
      case catalog: ProcedureCatalog =>
        catalog.loadProcedure(judged.ident).bind(TrustedProcedure.typeOf(judged))
      case _ => throw new IllegalStateException(s"${judged.catalog.name} has no procedures")
    }
  }

  override def name: String = procedure.name
  override def description: String = procedure.description
  override def parameters: Array[ProcedureParameter] = procedure.parameters
  override def isDeterministic: Boolean = procedure.isDeterministic
  override def call(input: InternalRow): Iterator[Scan] =
    ActiveSession.during(session)(procedure.call(input)) // of this thread and of those that it starts
}

private object TrustedProcedure {
  def typeOf(procedure: ResolvedProcedure): StructType = procedure.procedure match {
    case bound: BoundProcedure =>
      bound.parameters.foldLeft(new StructType)((type_, p) => type_.add(p.name, p.dataType))
    case _ => new StructType
  }
}
