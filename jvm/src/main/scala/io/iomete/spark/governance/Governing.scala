package io.iomete.spark.governance

import io.iomete.spark.errors.IometeErrors
import io.iomete.spark.governance.decisions._
import io.iomete.spark.governance.plan._
import io.iomete.spark.governance.renames.{Bound, StrictestDecision}
import io.iomete.spark.identity.PrincipalBinding
import org.apache.spark.sql.SparkSession
import org.apache.spark.sql.catalyst.CurrentUserContext
import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan

/** A session, whose it is, and what decides for it. */
final class GovernedSession(
    val session: SparkSession,
    val principal: String,
    val governance: GovernanceContext
) {
  val engine: PolicyEngine = governance.engine
  val rights: ReadRights = ReadRights.of(principal)

  private val isTrusted = PrincipalBinding.isTrusted(session)
  lazy val isAdmin: Boolean = isTrusted || engine.isAdmin(principal)

  /** Whether the principal may know that there is a relation of this name. */
  def mayKnow(name: RelationName): Boolean = {
    val isKnown = name.base.exists(mayKnow) || mayKnow(name.table) && !name.isPartOfTable
    if (!isKnown) governance.known.foreach(_.lookFor(name.table))
    isKnown
  }

  private def mayKnow(table: TableResource): Boolean =
    (table +: aliases(table)).exists(engine.isKnown(principal, _)) || isStaged(table)

  /** Former names of what a statement of this driver has just renamed. */
  def aliases(table: TableResource): Seq[TableResource] =
    governance.known.fold(Seq.empty[TableResource])(_.aliases(table))

  /** What `leaf` reads. While a command of Delta's works on a table, that table's files stand for it. */
  def sourceOf(leaf: LogicalPlan): Source = Source.of(leaf) match {
    case paths: Source.OfPaths =>
      DeltaTargets.of(principal, leaf).fold[Source](paths)(Source.filesOf(_, leaf))
    case source => source
  }

  /** Raises: IOMETE_ACCESS_DENIED.PATH. */
  def requirePath(action: String, path: String, rights: ReadRights = rights): Unit = {
    val holder = rights.holder
    val isFree = if (holder == principal) isAdmin else engine.isAdmin(holder)
    def isGranted(path: String): Boolean = engine.isPathAllowed(holder, action, path)
    if (!isGranted(path) || !isFree && (places.contain(action, path) || places.isLedOut(path, isGranted))) {
      throw IometeErrors.pathDenied(rights.asker, action, path)
    }
  }

  private lazy val places = new ProtectedPlaces(this)

  def decide(source: Source.OfTable, rights: ReadRights): CombinedDecision =
    decide(source.table, source.names, rights, source.fields, source.bound)

  def decide(
      table: TableResource,
      columns: Seq[String],
      rights: ReadRights,
      fields: Seq[String] = Nil,
      bound: Bound = Bound.byName
  ): CombinedDecision = {
    requireDistinct(table, columns)
    val asked = columns ++ fields
    val names = bound.and(aliases(table))
    def read(principal: String): ReadDecision =
      if (names.isByName) engine.read(principal, table, asked)
      else StrictestDecision.of(engine, principal, table, asked, names)
    val asker = if (isStaged(table)) GovernedSession.all(asked) else read(rights.asker)
    val creator = if (rights.isOwn) None else Some(read(rights.holder))
    CombinedDecision(table, rights, asker, creator)
  }

  /** The files that a procedure rewrites, of the one table that it was judged on, by a name of Iceberg's. */
  private def isStaged(table: TableResource): Boolean =
    isTrusted && table.catalog == GovernedSession.staged

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

private object GovernedSession {

  /** The catalog in which Iceberg puts what it rewrites, for the time that it does so. */
  val staged = "default_rewrite_catalog"

  def all(columns: Seq[String]): ReadDecision =
    ReadDecision(columns.toSet, Set.empty, Map.empty, None, Nil, None)
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
