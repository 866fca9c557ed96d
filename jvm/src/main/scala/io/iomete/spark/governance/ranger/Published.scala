package io.iomete.spark.governance.ranger

import java.util.{Collections, IdentityHashMap}

import scala.jdk.CollectionConverters._
import scala.util.control.NonFatal

import org.apache.ranger.plugin.model.{RangerTag, RangerValiditySchedule}

/** Everything that one bundle says, at whatever time.
  *
  * Schedules are kept from Ranger, which gets the policies and tags that are in force, and others when
  * others are. It could tell by itself; but it reads dates in the time zone of the Java process and errs
  * where clocks change, and what recurs begins by the machine's clock, whatever zone is named.
  */
private final class Published private (bundle: Bundle) {
  import Published._

  val version: Long = bundle.version
  val lakehouse: String = bundle.lakehouse
  val digest: String = bundle.digest
  val principals = new Principals(bundle.users, bundle.roles)
  val owners: Map[Seq[String], String] = bundle.owners

  /** Tables by their owners. */
  val owned: Map[String, Seq[Seq[String]]] =
    owners.keys.toSeq.groupBy(owners).withDefaultValue(Nil)
  val access: CheckedPolicies =
    new PolicyCheck(RangerLibrary.serviceDefinition(), PolicyCheck.service).check(bundle.services.getPolicies)
  val tag: CheckedPolicies = new PolicyCheck(RangerLibrary.tagDefinition(), PolicyCheck.tagService)
    .check(bundle.services.getTagPolicies.getPolicies)
  val adminPolicies: Seq[Long] = Snapshot.builtIn(bundle.services.getPolicies.asScala.toSeq)
  val rules = new Rules(access.masks ++ tag.masks, access.filters ++ tag.filters)

  private val scheduled = scheduledPolicies ++ scheduledTags
  @volatile private var last = build(asleep(now()))

  /** What is in force at a time; the same one as long as the same is. */
  def at(time: Long): Snapshot = {
    val wanted = asleep(time)
    if (last.asleep == wanted) last
    else
      synchronized {
        if (last.asleep != wanted) last = build(wanted)
        last
      }
  }

  /** The first moment after `now` at which something may begin or end. */
  def nextChange(now: Long): Long =
    scheduled.iterator.flatMap(_.schedules).map(_.nextChange(now)).minOption.getOrElse(Long.MaxValue)

  private def asleep(time: Long): Set[Scheduled] = scheduled.filter(!_.holdsAt(time)).toSet

  private def build(asleep: Set[Scheduled]): Snapshot = {
    val left = Collections.newSetFromMap(new IdentityHashMap[AnyRef, java.lang.Boolean])
    asleep.foreach(one => left.add(one.what))
    new Snapshot(
      this,
      asleep,
      access.policies.filterNot(left.contains),
      tag.policies.filterNot(left.contains),
      new TagIndex(bundle.tags, RangerLibrary.serviceDefinition(), tag => !left.contains(tag))
    )
  }

  private def scheduledPolicies: Seq[Scheduled] =
    (access.policies ++ tag.policies).flatMap { policy =>
      val schedules = read(policy.getValiditySchedules)
      policy.setValiditySchedules(null)
      Option.when(schedules.nonEmpty)(new Scheduled(policy, schedules))
    }

  private def scheduledTags: Seq[Scheduled] =
    Option(bundle.tags.getTags).fold(Seq.empty[RangerTag])(_.values.asScala.toSeq).flatMap { tag =>
      if (Option(tag.getOptions).exists(_.containsKey(RangerTag.OPTION_TAG_VALIDITY_PERIODS))) {
        throw Bundle.unusable("A tag has its validity among its options; it belongs into `validityPeriods`.")
      }
      val schedules = read(tag.getValidityPeriods)
      tag.setValidityPeriods(null)
      Option.when(schedules.nonEmpty)(new Scheduled(tag, schedules))
    }
}

private object Published {

  def of(bundle: Bundle): Published =
    try {
      refuseOtherShapes(bundle)
      new Published(bundle)
    } catch {
      case error: UnusableBundle => throw error
      case NonFatal(error) =>
        throw Bundle.unusable(s"The policies of the bundle cannot be loaded: $error.", error)
    }

  /** A policy or a tag that is in force at times. */
  final class Scheduled(val what: AnyRef, val schedules: Seq[Schedule]) {
    def holdsAt(time: Long): Boolean = schedules.exists(_.holdsAt(time))
  }

  /** Malformed ones of policies were found by [[PolicyCheck]]. */
  private def read(schedules: java.util.List[RangerValiditySchedule]): Seq[Schedule] =
    Option(schedules).fold(Seq.empty[Schedule])(_.asScala.toSeq.map { schedule =>
      Schedule.read(schedule).fold(problem => throw Bundle.unusable(s"A tag is malformed: $problem."), identity)
    })

  private def now(): Long = System.currentTimeMillis()

  private def refuseOtherShapes(bundle: Bundle): Unit = {
    val services = bundle.services
    def refuse(what: String): Nothing = throw Bundle.unusable(s"The policy bundle has $what.")
    if (services.getServiceName != PolicyCheck.service) refuse(s"policies of service `${services.getServiceName}`")
    if (services.getPolicies == null) refuse("no policies")
    if (services.getPolicyDeltas != null && !services.getPolicyDeltas.isEmpty) refuse("changes of policies")
    if (services.getSecurityZones != null && !services.getSecurityZones.isEmpty) refuse("security zones")
    if (services.getTagPolicies == null || services.getTagPolicies.getPolicies == null) refuse("no tag policies")
  }
}
