package io.iomete.spark.governance.ranger

import java.util.Collections

import scala.jdk.CollectionConverters._

import org.apache.ranger.plugin.contextenricher.RangerTagForEval
import org.apache.ranger.plugin.policyengine.{RangerAccessResult, RangerPolicyEngine}

import io.iomete.spark.governance.decisions._

/** Puts questions about one snapshot to Ranger.
  *
  * Holders of the role `admin` are answered without asking: an override of somebody's making has the
  * same priority as the built-in policies of administrators, and Ranger lets the denial win. They
  * must be able to see and mend what policies do, malformed ones included.
  */
private final class Deciding(snapshot: Snapshot) {
  import Deciding.ColumnAnswer

  private val ranger = snapshot.ranger
  private val tags = snapshot.tags

  def read(name: String, table: TableResource, columns: Seq[String]): ReadDecision =
    snapshot.principals.find(name) match {
      case None if columns.isEmpty            => Deciding.noRows
      case None                               => Deciding.nothing
      case Some(principal) if principal.isAdmin => everything(columns)
      case Some(principal)                    => new TableReading(principal, table, columns).decision
    }

  def isKnown(name: String, table: TableResource): Boolean =
    isAnythingAllowed(name, Seq(table.catalog, table.namespace, table.table))

  /** What is nested in a namespace is no part of it to Ranger: a denial of the one may leave the other. */
  def isNamespaceKnown(name: String, catalog: String, namespace: String): Boolean =
    isAnythingAllowed(name, Seq(catalog, namespace)) ||
      isAnythingAllowed(name, Seq(catalog, s"$namespace.${Deciding.anyName}")) ||
      snapshot.namespaces
        .subSet(namespace + ".", namespace + "/") // `/` follows `.`: all that begins with it
        .asScala
        .exists(below => isAnythingAllowed(name, Seq(catalog, below.replace("{USER}", name)))) ||
      ownedBy(name, Seq(catalog, namespace)).exists(isAnythingAllowed(name, _))

  def isCatalogKnown(name: String, catalog: String): Boolean =
    isAnythingAllowed(name, Seq(catalog)) || ownedBy(name, Seq(catalog)).exists(isAnythingAllowed(name, _))

  /** The principal's own tables in a catalog or namespace: rights of `{OWNER}` are on each by itself. */
  private def ownedBy(name: String, within: Seq[String]): Iterator[Seq[String]] = {
    val above = Deciding.nameParts(within)
    snapshot.owned(name).iterator.filter(_.startsWith(above)).map { table =>
      Seq(table.head, table.slice(1, table.size - 1).mkString("."), table.last)
    }
  }

  def isAllowed(name: String, action: String, parts: Seq[String]): Boolean =
    snapshot.principals.find(name).exists { principal =>
      principal.isAdmin || {
        val table = Option.when(parts.sizeIs == 3)(TableResource(parts(0), parts(1), parts(2)))
        table.flatMap(snapshot.broken.of).isEmpty &&
        access(principal, action, parts).getIsAllowed && !isDeniedAbove(principal, action, parts)
      }
    }

  def isPathAllowed(name: String, action: String, path: String): Boolean =
    snapshot.principals.find(name).exists { principal =>
      principal.isAdmin || snapshot.broken.ofPaths.isEmpty && PathNames.canonical(path).exists { path =>
        // All below: any name there, and no denial of one.
        pathAccess(principal, action, path).getIsAllowed &&
        pathAccess(principal, action, s"$path/${Deciding.anyName}").getIsAllowed &&
        !isDeniedBelow(principal, action, path)
      }
    }

  private def pathAccess(principal: Principal, action: String, path: String): RangerAccessResult =
    new ranger.Question(principal, action, RangerLibrary.path(path), noTags).access

  /** Whether the principal is denied something that lies below, or with a wild card may do so.
    *
    * Ranger can be asked for that, too, and then takes `/a/b` to be below `/a/bc`.
    */
  private def isDeniedBelow(principal: Principal, action: String, path: String): Boolean =
    snapshot.deniedPaths.exists { value =>
      val denied = value.replace("{USER}", principal.name)
      val literal = denied.takeWhile(c => c != '*' && c != '?')
      val mayBeBelow =
        literal.startsWith(s"$path/") || literal.length < denied.length && s"$path/".startsWith(literal)
      mayBeBelow && isExplicit(pathAccess(principal, action, Snapshot.example(denied)))
    }

  private def everything(columns: Seq[String]): ReadDecision =
    ReadDecision(columns.toSet, Set.empty, Map.empty, None, snapshot.adminPolicies, None)

  private val noTags = Collections.emptySet[RangerTagForEval]()

  private def access(principal: Principal, action: String, parts: Seq[String]): RangerAccessResult = {
    val resource = RangerLibrary.resource(parts, ownerOf(parts))
    new ranger.Question(principal, action, resource, tags.of(parts, resource)).access
  }

  private def ownerOf(parts: Seq[String]): Option[String] = snapshot.owners.get(Deciding.nameParts(parts.take(3)))

  private def isAnythingAllowed(name: String, parts: Seq[String]): Boolean =
    snapshot.principals.find(name).exists { principal =>
      // One question for the many things that nothing is granted on, where nothing is denied: Ranger's
      // `any` passes over denials, and stops at the first action that a policy grants, denied or not.
      principal.isAdmin ||
      (snapshot.deniesSomething || isAllowedWithin(principal, RangerPolicyEngine.ANY_ACCESS, parts)) &&
      Deciding.actions.exists(isAllowedWithin(principal, _, parts))
    }

  /** Whether an action is allowed on the resource or on anything in it. */
  private def isAllowedWithin(principal: Principal, action: String, parts: Seq[String]): Boolean = {
    val resource = RangerLibrary.resource(parts, ownerOf(parts))
    val attached = tags.ofOrWithin(parts, resource)
    new ranger.Question(principal, action, resource, attached, RangerLibrary.orWithin).access.getIsAllowed
  }

  /** Ranger takes a denial on a table for one of the table's own actions, not of its columns. */
  private def isDeniedAbove(principal: Principal, action: String, parts: Seq[String]): Boolean =
    snapshot.deniesAbove &&
      (1 until parts.size).exists(depth => isExplicit(access(principal, action, parts.take(depth))))

  private def isExplicit(result: RangerAccessResult): Boolean = !result.getIsAllowed && result.getPolicyId >= 0

  /** One answer to [[read]]. */
  private final class TableReading(principal: Principal, table: TableResource, columns: Seq[String]) {
    private val tableParts = Seq(table.catalog, table.namespace, table.table)
    private val owner = ownerOf(tableParts)
    private val visible = Set.newBuilder[String]
    private val denied = Set.newBuilder[String]
    private val masks = Map.newBuilder[String, MaskRule]
    private val policies = scala.collection.mutable.SortedSet.empty[Long]

    def decision: ReadDecision = {
      val (paths, whole) = splitPaths
      if (isDeniedAbove(principal, "select", tableParts :+ "")) denied ++= whole
      else {
        // Columns that nothing singles out have one answer, so a wide table costs little.
        val (plain, special) = whole.partition(isPlain)
        special.foreach(name => add(name, answer(name)))
        plain.headOption.map(answer).foreach(common => plain.foreach(add(_, common)))
      }
      val seen = visible.result()
      if (columns.isEmpty) rows
      else {
        val seenPaths = paths.filter(path => Deciding.prefixes(path).exists(p => seen.exists(_.equalsIgnoreCase(p))))
        paths.foreach(structField)
        snapshot.broken.of(table) match {
          case Some(reason) => Deciding.nothing.copy(broken = Some(reason))
          case None =>
            ReadDecision(seen ++ seenPaths, denied.result(), masks.result(), filter, policies.toSeq, None)
        }
      }
    }

    /** Where no column is asked about, how many rows there are still is. */
    private def rows: ReadDecision =
      if (!isAllowedWithin(principal, "select", tableParts)) Deciding.noRows
      else Deciding.nothing.copy(filter = filter, broken = snapshot.broken.of(table))

    private def splitPaths: (Seq[String], Seq[String]) =
      if (!columns.exists(_.contains('.'))) (Nil, columns)
      else {
        val folded = columns.map(ResourceNames.column).toSet
        columns.partition(name => Deciding.prefixes(ResourceNames.column(name)).exists(folded))
      }

    private def isPlain(column: String): Boolean = {
      val folded = ResourceNames.column(column)
      snapshot.specialColumns.isPlain(folded) && !tags.singlesOut(tableParts :+ folded)
    }

    private def answer(name: String): ColumnAnswer = {
      val question = ask(name)
      val access = question.access
      // Masks hold for whoever asks, also where a view, and not a grant, leads here.
      ColumnAnswer(access.getIsAllowed, access.getPolicyId, mask(question))
    }

    private def add(name: String, answer: ColumnAnswer): Unit = {
      if (answer.policy >= 0) policies += answer.policy
      answer.mask.foreach { case (mask, policy) => addMask(name, mask, policy) }
      if (answer.allowed) visible += name
      else if (answer.policy >= 0) denied += name
    }

    private def addMask(name: String, mask: Mask, policy: Long): Unit = {
      val key = ResourceNames.column(name)
      masks += key -> MaskRule(key, mask, policy)
    }

    /** A field is visible with its column; a denial of the field leaves nulls in its place. */
    private def structField(path: String): Unit = {
      val question = ask(path)
      val answer = question.access
      if (isExplicit(answer)) {
        policies += answer.getPolicyId
        addMask(path, Mask.Nullify, answer.getPolicyId)
      } else mask(question).foreach { case (mask, policy) => addMask(path, mask, policy) }
    }

    private def ask(column: String): ranger.Question = {
      val parts = tableParts :+ ResourceNames.column(column)
      val resource = RangerLibrary.resource(parts, owner)
      new ranger.Question(principal, "select", resource, tags.of(parts, resource))
    }

    private def mask(question: ranger.Question): Option[(Mask, Long)] = {
      val answer = question.mask
      Option.when(answer.isMaskEnabled)(snapshot.rules.masks(answer.getMaskedValue))
    }

    private def filter: Option[RowFilterRule] = {
      val resource = RangerLibrary.resource(tableParts, owner)
      val answer = new ranger.Question(principal, "select", resource, tags.of(tableParts, resource)).filter
      Option.when(answer.isRowFilterEnabled) {
        val (predicate, policy) = snapshot.rules.filters(answer.getFilterExpr)
        RowFilterRule(predicate, policy)
      }
    }
  }
}

private object Deciding {
  val nothing: ReadDecision = ReadDecision(Set.empty, Set.empty, Map.empty, None, Nil, None)

  /** For a question about no columns, which nothing else in an answer would restrict. */
  private val noRows = nothing.copy(filter = Some(RowFilterRule("false", -1)))

  /** In the order of how likely someone holds one. */
  private val actions = Seq("select", "insert", "use", "update", "delete", "create", "alter", "drop", "execute")

  /** A name that nobody's policy singles out. */
  private val anyName = "\u0001any"

  /** What Ranger says of one column; `policy` is negative where none was found. */
  private final case class ColumnAnswer(allowed: Boolean, policy: Long, mask: Option[(Mask, Long)])

  private def prefixes(path: String): Seq[String] =
    path.indices.filter(path.charAt(_) == '.').map(path.substring(0, _))

  private def nameParts(parts: Seq[String]): Seq[String] = parts match {
    case Seq(catalog, namespace, table) => FullNames.parts(catalog, namespace) :+ table
    case Seq(catalog, namespace)        => FullNames.parts(catalog, namespace)
    case other                          => other
  }
}
