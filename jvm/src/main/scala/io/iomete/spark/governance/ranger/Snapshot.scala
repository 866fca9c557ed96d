package io.iomete.spark.governance.ranger

import scala.jdk.CollectionConverters._

import org.apache.ranger.plugin.model.RangerPolicy

import io.iomete.spark.governance.decisions.{ResourceNames, TableResource}

/** What of a bundle is in force during some time, ready to answer; never changes.
  *
  * @param asleep
  *   what of the bundle isn't in force
  */
private final class Snapshot(
    published: Published,
    val asleep: Set[Published.Scheduled],
    access: Seq[RangerPolicy],
    tag: Seq[RangerPolicy],
    val tags: TagIndex
) {
  val version: Long = published.version
  val principals: Principals = published.principals
  val owners: Map[Seq[String], String] = published.owners
  val owned: Map[String, Seq[Seq[String]]] = published.owned
  val rules: Rules = published.rules
  val adminPolicies: Seq[Long] = published.adminPolicies
  val ranger = new RangerLibrary(access, tag, version)
  val broken = new BrokenPolicies(published.access.broken ++ published.tag.broken, tags)
  val namespaces: java.util.TreeSet[String] = Snapshot.namespacesOf(access, tags)
  val deniesSomething: Boolean = (access ++ tag).exists(Snapshot.denies)
  val deniesAbove: Boolean = access.exists(Snapshot.deniesAbove)
  val deniedPaths: Seq[String] = access.filter(Snapshot.denies).flatMap(Snapshot.valuesOf("path")).distinct
  val specialColumns = new SpecialColumns(access.flatMap(Snapshot.valuesOf("column")).distinct)
}

private object Snapshot {

  /** Ids of the policies by which administrators read tables. */
  def builtIn(policies: Seq[RangerPolicy]): Seq[Long] =
    policies.filter { policy =>
      policy.getId < firstOfUsers && policy.getPolicyType == RangerPolicy.POLICY_TYPE_ACCESS &&
      Option(policy.getResources).exists(_.containsKey("catalog")) &&
      policy.getPolicyItems.asScala.exists(_.getRoles.contains(Principals.adminRole))
    }.map(_.getId.longValue)

  private val firstOfUsers = 100L

  /** Namespaces by name that policies or tags are about: where to look for something below another.
    *
    * Those of denials, too: what a denial of all others excepts may be granted by a pattern.
    */
  private def namespacesOf(policies: Seq[RangerPolicy], tags: TagIndex): java.util.TreeSet[String] = {
    val all = new java.util.TreeSet[String]()
    policies
      .filter(_.getPolicyType == RangerPolicy.POLICY_TYPE_ACCESS)
      .flatMap(valuesOf("namespace"))
      .foreach(name => { val _ = all.add(example(name)) })
    tags.namespaces.foreach { case (_, namespace) => all.add(namespace) }
    all
  }

  /** A name that a pattern matches. */
  def example(pattern: String): String = pattern.replace('*', 'x').replace('?', 'x')

  private def valuesOf(level: String)(policy: RangerPolicy): Seq[String] =
    resourcesOf(policy).flatMap(r => Option(r.get(level))).flatMap(_.getValues.asScala)

  private def resourcesOf(policy: RangerPolicy): Seq[java.util.Map[String, RangerPolicy.RangerPolicyResource]] =
    policy.getResources +: Option(policy.getAdditionalResources).fold(
      Seq.empty[java.util.Map[String, RangerPolicy.RangerPolicyResource]]
    )(_.asScala.toSeq)

  private def denies(policy: RangerPolicy): Boolean =
    !policy.getDenyPolicyItems.isEmpty || java.lang.Boolean.TRUE == policy.getIsDenyAllElse

  /** Whether a denial is about a catalog, namespace or table without going down to columns. */
  private def deniesAbove(policy: RangerPolicy): Boolean =
    denies(policy) && resourcesOf(policy).exists(r => r.containsKey("catalog") && !r.containsKey("column"))
}

/** Columns that some policy names, wherever. */
private final class SpecialColumns(values: Seq[String]) {
  private val (patterns, names) = values.filter(_ != "*").partition(_.exists("*?{".contains(_)))
  private val named = names.map(ResourceNames.column).toSet
  private val globs = patterns.map(Globs.pattern)

  /** Whether no policy tells the column, in lower case, from any other such column. */
  def isPlain(column: String): Boolean = !named(column) && globs.forall(!_.matcher(column).matches())
}

/** What stands behind the keys that Ranger answers with. */
private final class Rules(
    val masks: Map[String, (io.iomete.spark.governance.decisions.Mask, Long)],
    val filters: Map[String, (String, Long)]
)

/** Policies that can't be carried out, by what they may be about. */
private final class BrokenPolicies(all: Seq[BrokenPolicy], tags: TagIndex) {
  private val ofTables = all.flatMap(p => p.scopes.collect { case s: ResourceScope.Tables => s -> p.reason })
  private val ofTags = all.flatMap(p => p.scopes.collect { case s: ResourceScope.Tags => s -> p.reason })

  val ofPaths: Option[String] = all.find(_.scopes.contains(ResourceScope.Paths)).map(_.reason)

  def of(table: TableResource): Option[String] =
    ofTables.collectFirst { case (scope, reason) if scope.covers(table) => reason }.orElse {
      if (ofTags.isEmpty) None
      else {
        val parts = Seq(table.catalog, table.namespace, table.table)
        val attached = tags.ofOrWithin(parts, RangerLibrary.resource(parts, None)).asScala.map(_.getType)
        ofTags.collectFirst { case (scope, reason) if attached.exists(scope.tags.matches) => reason }
      }
    }

  val reasons: Seq[String] = all.map(_.reason)
}
