package io.iomete.spark.governance.ranger

import scala.jdk.CollectionConverters._
import scala.util.control.NonFatal

import org.apache.ranger.plugin.model.{RangerPolicy, RangerValiditySchedule}

import io.iomete.spark.governance.decisions.{ResourceNames, TableResource}

/** Everything that one bundle says, ready to answer; never changes. */
private final class Snapshot private (
    val version: Long,
    val lakehouse: String,
    val digest: String,
    val principals: Principals,
    val owners: Map[Seq[String], String],
    val tags: TagIndex,
    val ranger: RangerLibrary,
    val rules: Rules,
    val broken: BrokenPolicies,
    val adminPolicies: Seq[Long],
    val namespaces: java.util.TreeSet[String],
    val deniesAbove: Boolean,
    val deniedPaths: Seq[String],
    val specialColumns: SpecialColumns,
    schedules: Seq[RangerValiditySchedule]
) {
  def nextChange(now: Long): Long = Schedules.nextChange(schedules, now)
}

private object Snapshot {
  def of(bundle: Bundle): Snapshot =
    try build(bundle)
    catch {
      case error: UnusableBundle => throw error
      case NonFatal(error) =>
        throw Bundle.unusable(s"The policies of the bundle cannot be loaded: $error.", error)
    }

  private def build(bundle: Bundle): Snapshot = {
    val services = bundle.services
    refuseOtherShapes(bundle)
    val access = new PolicyCheck(RangerLibrary.serviceDefinition(), PolicyCheck.service).check(services.getPolicies)
    val tag =
      new PolicyCheck(RangerLibrary.tagDefinition(), PolicyCheck.tagService).check(services.getTagPolicies.getPolicies)
    val tags = new TagIndex(bundle.tags, RangerLibrary.serviceDefinition())
    val policies = access.policies ++ tag.policies
    new Snapshot(
      bundle.version,
      bundle.lakehouse,
      bundle.digest,
      new Principals(bundle.users, bundle.roles),
      bundle.owners,
      tags,
      new RangerLibrary(access.policies, tag.policies, bundle.version),
      new Rules(access.masks ++ tag.masks, access.filters ++ tag.filters),
      new BrokenPolicies(access.broken ++ tag.broken, tags),
      builtIn(services.getPolicies.asScala.toSeq),
      namespacesOf(access.policies, tags),
      access.policies.exists(deniesAbove),
      access.policies.filter(denies).flatMap(valuesOf("path")).distinct,
      new SpecialColumns(access.policies.flatMap(valuesOf("column")).distinct),
      policies.flatMap(validity) ++ tags.schedules
    )
  }

  private def refuseOtherShapes(bundle: Bundle): Unit = {
    val services = bundle.services
    def refuse(what: String): Nothing = throw Bundle.unusable(s"The policy bundle has $what.")
    if (services.getServiceName != PolicyCheck.service) refuse(s"policies of service `${services.getServiceName}`")
    if (services.getPolicies == null) refuse("no policies")
    if (services.getPolicyDeltas != null && !services.getPolicyDeltas.isEmpty) refuse("changes of policies")
    if (services.getSecurityZones != null && !services.getSecurityZones.isEmpty) refuse("security zones")
    if (services.getTagPolicies == null || services.getTagPolicies.getPolicies == null) refuse("no tag policies")
  }

  /** Ids of the policies by which administrators read tables. */
  private def builtIn(policies: Seq[RangerPolicy]): Seq[Long] =
    policies.filter { policy =>
      policy.getId < firstOfUsers && policy.getPolicyType == RangerPolicy.POLICY_TYPE_ACCESS &&
      policy.getResources.containsKey("catalog") &&
      policy.getPolicyItems.asScala.exists(_.getRoles.contains(Principals.adminRole))
    }.map(_.getId.longValue)

  private val firstOfUsers = 100L

  private def validity(policy: RangerPolicy): Seq[RangerValiditySchedule] =
    Option(policy.getValiditySchedules).fold(Seq.empty[RangerValiditySchedule])(_.asScala.toSeq)

  /** Namespaces by name that grants or tags are about: where to look for something below another. */
  private def namespacesOf(policies: Seq[RangerPolicy], tags: TagIndex): java.util.TreeSet[String] = {
    val all = new java.util.TreeSet[String]()
    policies
      .filter(policy => policy.getPolicyType == RangerPolicy.POLICY_TYPE_ACCESS && !policy.getPolicyItems.isEmpty)
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
  private val others = values.filter(_ != "*").map(ResourceNames.column)
  private val (patterns, names) = others.partition(_.exists("*?{".contains(_)))
  private val named = names.toSet
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
