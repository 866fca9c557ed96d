package io.iomete.spark.governance

import io.iomete.spark.errors.IometeErrors
import io.iomete.spark.governance.decisions._
import io.iomete.spark.governance.plan._
import io.iomete.spark.identity.PrincipalBinding
import org.apache.spark.sql.SparkSession
import org.apache.spark.sql.catalyst.CurrentUserContext

/** A session, whose it is, and what decides for it. */
final class GovernedSession(
    val session: SparkSession,
    val principal: String,
    val governance: GovernanceContext
) {
  val engine: PolicyEngine = governance.engine
  val rights: ReadRights = ReadRights.of(principal)

  lazy val isAdmin: Boolean = engine.isAdmin(principal)

  /** Whether the principal may know that there is a relation of this name. */
  def mayKnow(name: RelationName): Boolean =
    engine.isKnown(principal, name.table) || name.base.exists(engine.isKnown(principal, _))

  def decide(source: Source.OfTable, rights: ReadRights): CombinedDecision =
    decide(source.table, source.names, rights, source.fields)

  def decide(
      table: TableResource,
      columns: Seq[String],
      rights: ReadRights,
      fields: Seq[String] = Nil
  ): CombinedDecision = {
    requireDistinct(table, columns)
    val asked = columns ++ fields
    val asker = engine.read(rights.asker, table, asked)
    val creator = if (rights.isOwn) None else Some(engine.read(rights.holder, table, asked))
    CombinedDecision(table, rights, asker, creator)
  }

  /** A column `a.b` beside a column `a` can't be told from a's field: no policy could name it. */
  private def requireDistinct(table: TableResource, columns: Seq[String]): Unit = {
    lazy val names = columns.map(ResourceNames.column).toSet
    columns.filter(_.contains('.')).foreach { column =>
      val parts = ResourceNames.column(column).split('.').toSeq
      if ((1 until parts.size).exists(n => names(parts.take(n).mkString(".")))) {
        val reason = s"its column `$column` has the name of a field of another column"
        throw IometeErrors.policyUnusable(table.fullName, reason, isAdmin = isAdmin)
      }
    }
  }
}

/** How rules find out whether, and for whom, they govern. */
object Governing {

  /** Without governance nobody is an administrator. */
  def isAdmin(principal: String): Boolean =
    GovernanceState.current.exists(_.engine.isAdmin(principal))

  /** The governed session, or None for the private session that reads policies' own expressions.
    *
    * Raises: IOMETE_NOT_GOVERNED if governance isn't running, IOMETE_NO_PRINCIPAL if the session
    * belongs to nobody. Neither lets anything through.
    */
  def of(session: SparkSession): Option[GovernedSession] = GovernanceState.current match {
    case None => throw IometeErrors.notGoverned()
    case Some(context) if context.isPolicySession(session) => None
    case Some(context) =>
      val principal =
        PrincipalBinding.principalOf(session).getOrElse(throw IometeErrors.noPrincipal())
      // Owners of what is created and `current_user()` in column defaults come from here: Spark folds
      // those before any rule of ours could. Each statement sets it anew for its own thread.
      CurrentUserContext.CURRENT_USER.set(principal)
      Some(new GovernedSession(session, principal, context))
  }
}
