package io.iomete.spark.governance.ranger

import java.util.{List => JList, Locale, Map => JMap, Set => JSet}

import scala.jdk.CollectionConverters._

import org.apache.ranger.plugin.model.{RangerPolicy, RangerServiceDef}
import org.apache.ranger.plugin.model.RangerPolicy._

import io.iomete.spark.governance.decisions.{Mask, ResourceNames}

/** A policy that can't be carried out as written, and what it may be about. */
private final case class BrokenPolicy(reason: String, scopes: Seq[ResourceScope])

/** Policies of one service, made ready for Ranger.
  *
  * @param policies
  *   expressions of masks and filters are replaced by keys of the two maps
  */
private final case class CheckedPolicies(
    policies: Seq[RangerPolicy],
    broken: Seq[BrokenPolicy],
    masks: Map[String, (Mask, Long)],
    filters: Map[String, (String, Long)]
)

/** Finds the policies that Ranger would pass over without a word, in whole or in part.
  *
  * A denial or a mask that isn't carried out is a leak, so what such a policy is about is refused
  * until it is mended. Texts of masks and filters are kept from Ranger: it rewrites what looks like a
  * macro of its own, and it reports the wrong policy where a mask of the service overrides one of a
  * tag.
  */
private final class PolicyCheck(definition: RangerServiceDef, service: String) {
  private val isTagService = service == PolicyCheck.tagService
  private val prefix = "iomete:"
  private val accessTypes: Map[String, Seq[String]] = definition.getAccessTypes.asScala.map { access =>
    val implied = Option(access.getImpliedGrants).fold(Seq.empty[String])(_.asScala.toSeq)
    withoutPrefix(access.getName) -> (withoutPrefix(access.getName) +: implied.map(withoutPrefix))
  }.toMap
  private val sessionCatalog = ResourceNames.sessionCatalog
  private val masks = Map.newBuilder[String, (Mask, Long)]
  private val filters = Map.newBuilder[String, (String, Long)]
  private val broken = Seq.newBuilder[BrokenPolicy]

  def check(policies: JList[RangerPolicy]): CheckedPolicies = {
    val all = Option(policies).fold(Seq.empty[RangerPolicy])(_.asScala.toSeq)
    refuseAmbiguousIds(all)
    val sound = all.filter(isEnabled).filter { policy =>
      val problem = problemOf(policy).orElse(prepare(policy))
      problem.foreach(text => broken += BrokenPolicy(s"policy ${policy.getId} is malformed: $text", scopes(policy)))
      problem.isEmpty
    }
    CheckedPolicies(sound.filterNot(isForAdministrators), broken.result(), masks.result(), filters.result())
  }

  /** Ranger keeps the first of two policies with one id. */
  private def refuseAmbiguousIds(policies: Seq[RangerPolicy]): Unit = {
    if (policies.exists(policy => policy == null || policy.getId == null)) {
      throw Bundle.unusable(s"A policy of service `$service` has no id.")
    }
    policies.groupBy(_.getId).find(_._2.sizeIs > 1).foreach { case (id, _) =>
      throw Bundle.unusable(s"Two policies of service `$service` have the id $id.")
    }
  }

  private def isEnabled(policy: RangerPolicy): Boolean = policy.getIsEnabled == null || policy.getIsEnabled

  /** Administrators are answered without Ranger, so it need not look at what is for nobody else. */
  private def isForAdministrators(policy: RangerPolicy): Boolean =
    java.lang.Boolean.TRUE != policy.getIsDenyAllElse && items(policy).forall { item =>
      some(item.getUsers).isEmpty && some(item.getGroups).isEmpty && some(item.getRoles).forall(_ == Principals.adminRole)
    }

  private def scopes(policy: RangerPolicy): Seq[ResourceScope] =
    allResources(policy).toSeq.flatMap(ResourceScope.of(_, isTagService))

  private def allResources(policy: RangerPolicy): collection.Seq[JMap[String, RangerPolicyResource]] =
    policy.getResources +: some(policy.getAdditionalResources)

  private def policyType(policy: RangerPolicy): Int =
    Option(policy.getPolicyType).fold(RangerPolicy.POLICY_TYPE_ACCESS)(_.intValue)

  // --- what is wrong ---------------------------------------------------------------------------

  private def problemOf(policy: RangerPolicy): Option[String] =
    zone(policy)
      .orElse(conditions(policy))
      .orElse(kinds(policy))
      .orElse(first(allResources(policy))(resources(_, policyType(policy))))
      .orElse(first(some(policy.getValiditySchedules))(Schedule.read(_).left.toOption))
      .orElse(first(items(policy))(subjects))

  private def zone(policy: RangerPolicy): Option[String] =
    Option.when(Option(policy.getZoneName).exists(_.nonEmpty))("it belongs to a security zone, and there are none")

  private def conditions(policy: RangerPolicy): Option[String] = {
    val has = some(policy.getConditions).nonEmpty || items(policy).exists(item => some(item.getConditions).nonEmpty)
    Option.when(has)("it has conditions, which are not supported")
  }

  private def kinds(policy: RangerPolicy): Option[String] = {
    val access = accessItems(policy)
    val masking = some(policy.getDataMaskPolicyItems)
    val filtering = some(policy.getRowFilterPolicyItems)
    policyType(policy) match {
      case RangerPolicy.POLICY_TYPE_ACCESS =>
        Option.when(masking.nonEmpty || filtering.nonEmpty)("it is about access and has masks or filters")
      case RangerPolicy.POLICY_TYPE_DATAMASK =>
        Option.when(access.nonEmpty || filtering.nonEmpty)("it is about masks and has items of other kinds")
      case RangerPolicy.POLICY_TYPE_ROWFILTER =>
        Option.when(access.nonEmpty || masking.nonEmpty)("it is about row filters and has items of other kinds")
      case other => Some(s"its policyType is $other, which is not known")
    }
  }

  private def resources(named: JMap[String, RangerPolicyResource], kind: Int): Option[String] = {
    val levels = if (named == null) java.util.Collections.emptySet[String]() else named.keySet
    if (!shapes(kind).contains(levels)) {
      Some(s"its resources are `${levels.asScala.toSeq.sorted.mkString(", ")}`, and no policy of its type has these")
    } else first(named.asScala) { case (level, resource) => resourceValues(level, resource) }
  }

  private def resourceValues(level: String, resource: RangerPolicyResource): Option[String] = {
    val values = if (resource == null) Nil else some(resource.getValues)
    def bare(value: String): String =
      if (value.contains('{')) PolicyCheck.tokens.foldLeft(value)(_.replace(_, "")) else value
    if (values.isEmpty || values.exists(v => v == null || v.isEmpty)) Some(s"its resource `$level` has no value")
    else if (values.exists(bare(_).exists(c => c == '{' || c == '}' || c == '\\'))) {
      Some(s"its resource `$level` has a macro other than `{USER}` and `{OWNER}`")
    } else if (level == "path") {
      if (isExcluded(resource)) Some("its paths are excluded ones, and who reads a path reads all below it")
      else if (values.exists(_.contains("{OWNER}"))) Some("its path is named after an owner, and paths have none")
      else values.find(PathNames.policyValue(_).isEmpty).map(v => s"its path `$v` is not absolute")
    } else None
  }

  private def subjects(item: RangerPolicyItem): Option[String] = {
    val users = some(item.getUsers)
    val special = users.filter(_.startsWith("{")).filterNot(PolicyCheck.tokens.contains(_))
    special.headOption.map(user => s"its user `$user` is not known")
  }

  // --- what Ranger gets ------------------------------------------------------------------------

  /** Changes the policy to what Ranger is to see, or says what can't be prepared. */
  private def prepare(policy: RangerPolicy): Option[String] = {
    foldNames(policy)
    excludeFields(policy)
    // Ranger drops one without items that isn't audited, even where it denies all else.
    policy.setIsAuditEnabled(true)
    first(items(policy))(prepareAccess(policy, _))
      .orElse(first(some(policy.getDataMaskPolicyItems).zipWithIndex) { case (item, index) =>
        prepareMask(policy, item, index)
      })
      .orElse(first(some(policy.getRowFilterPolicyItems).zipWithIndex) { case (item, index) =>
        prepareFilter(policy, item, index)
      })
  }

  private def isExcluded(resource: RangerPolicyResource): Boolean = java.lang.Boolean.TRUE == resource.getIsExcludes

  private def foldNames(policy: RangerPolicy): Unit = allResources(policy).foreach { resources =>
    def rewrite(level: String)(fold: String => String): Unit = Option(resources.get(level)).foreach { resource =>
      resource.setValues(resource.getValues.asScala.map(fold).asJava)
    }
    rewrite("path")(value => PathNames.policyValue(value).getOrElse(value))
    rewrite("catalog")(name => if (name.equalsIgnoreCase(sessionCatalog)) sessionCatalog else name)
    val isOfSession = Option(resources.get("catalog")).exists { catalog =>
      !isExcluded(catalog) && catalog.getValues.asScala.forall(_ == sessionCatalog)
    }
    if (isOfSession) Seq("namespace", "table").foreach {
      rewrite(_)(name => if (name.contains('{')) name else name.toLowerCase(Locale.ROOT))
    }
  }

  /** A column is excluded with its fields, which Ranger takes for columns of other names. */
  private def excludeFields(policy: RangerPolicy): Unit =
    allResources(policy).flatMap(resources => Option(resources.get("column"))).filter(isExcluded).foreach { columns =>
      val names = columns.getValues.asScala.toSeq
      columns.setValues((names ++ names.map(_ + ".*")).distinct.asJava)
    }

  /** Writes out what an access type implies.
    *
    * Ranger would do it at the first question, in a set that threads share without a lock: a denial
    * could get lost there.
    */
  private def prepareAccess(policy: RangerPolicy, item: RangerPolicyItem): Option[String] = {
    val accesses = some(item.getAccesses)
    val ours = accesses.filter(access => !access.getType.contains(':') || access.getType.startsWith(prefix))
    val names = ours.map(access => withoutPrefix(access.getType))
    val expanded = names.flatMap(name => accessTypes.getOrElse(name, Nil)).distinct
    val onlyAdministers = accesses.isEmpty && java.lang.Boolean.TRUE == item.getDelegateAdmin
    val isAboutReading = policyType(policy) != RangerPolicy.POLICY_TYPE_ACCESS
    item.setAccesses(expanded.map(new RangerPolicyItemAccess(_, true)).asJava)
    if (accesses.isEmpty && !onlyAdministers) Some("one of its items names no access type")
    else if (accesses.exists(access => java.lang.Boolean.FALSE == access.getIsAllowed)) {
      Some("one of its access types is not allowed; use an item that denies")
    } else if (isAboutReading && ours.nonEmpty && !expanded.contains("select")) Some("it is not about `select`")
    else names.find(!accessTypes.contains(_)).map(name => s"its access type `$name` is not known")
  }

  private def prepareMask(policy: RangerPolicy, item: RangerDataMaskPolicyItem, index: Int): Option[String] = {
    val info = Option(item.getDataMaskInfo)
    val maskType = info.flatMap(i => Option(i.getDataMaskType)).map(withoutPrefix)
    val key = s"$service/${policy.getId}/$index"
    val mask = maskType match {
      case None => Left("it does not say which mask")
      case Some(_) if info.exists(i => Option(i.getConditionExpr).exists(_.trim.nonEmpty)) =>
        Left("its mask has a condition, which is not supported")
      case Some(MaskTypes.none) => Right(None)
      case Some(name)           => MaskTypes.mask(name, info.flatMap(i => Option(i.getValueExpr))).map(Some(_))
    }
    mask.foreach { found =>
      item.getDataMaskInfo.setDataMaskType(maskType.orNull)
      item.getDataMaskInfo.setValueExpr(found.map(_ => key).orNull)
      found.foreach(rule => masks += key -> (rule -> policy.getId.longValue))
    }
    // An item of another service's in the tag service has lost its accesses by now and never matches.
    mask.left.toOption.filter(_ => !item.getAccesses.isEmpty)
  }

  private def prepareFilter(policy: RangerPolicy, item: RangerRowFilterPolicyItem, index: Int): Option[String] = {
    val key = s"$service/${policy.getId}/$index"
    Option(item.getRowFilterInfo).flatMap(info => Option(info.getFilterExpr)) match {
      case None       => Some("it does not say which rows")
      case Some("")   => None
      case Some(text) if text.trim.isEmpty => Some("its row filter is blank")
      case Some(text) =>
        UserMacros.rewrite(text).fold(
          Some(_),
          predicate => {
            filters += key -> (predicate -> policy.getId.longValue)
            item.getRowFilterInfo.setFilterExpr(key)
            None
          }
        )
    }
  }

  private def items(policy: RangerPolicy): collection.Seq[RangerPolicyItem] = policyType(policy) match {
    case RangerPolicy.POLICY_TYPE_DATAMASK  => some(policy.getDataMaskPolicyItems)
    case RangerPolicy.POLICY_TYPE_ROWFILTER => some(policy.getRowFilterPolicyItems)
    case _                                  => accessItems(policy)
  }

  private def accessItems(policy: RangerPolicy): collection.Seq[RangerPolicyItem] =
    some(policy.getPolicyItems) ++ some(policy.getDenyPolicyItems) ++
      some(policy.getAllowExceptions) ++ some(policy.getDenyExceptions)

  private def some[A](list: JList[A]): collection.Seq[A] = if (list == null || list.isEmpty) Nil else list.asScala

  private def first[A](all: Iterable[A])(problem: A => Option[String]): Option[String] =
    all.iterator.map(problem).collectFirst { case Some(text) => text }

  /** Which levels a policy may name. Ranger never finds a mask without a column, or a filter with one. */
  private def shapes(kind: Int): Set[JSet[String]] =
    if (isTagService) PolicyCheck.tagShapes
    else
      kind match {
        case RangerPolicy.POLICY_TYPE_DATAMASK  => PolicyCheck.maskShapes
        case RangerPolicy.POLICY_TYPE_ROWFILTER => PolicyCheck.filterShapes
        case _                                  => PolicyCheck.accessShapes
      }

  private def withoutPrefix(name: String): String = if (isTagService) name.stripPrefix(prefix) else name
}

private object PolicyCheck {
  val service = "iomete"
  val tagService = "iomete_tag"

  /** What Ranger fills in when it is asked. */
  val tokens: Seq[String] = Seq("{USER}", "{OWNER}")

  private val levels = Seq("catalog", "namespace", "table", "column")
  private val downTo: Seq[JSet[String]] = (1 to levels.size).map(levels.take(_).toSet.asJava)

  private val tagShapes: Set[JSet[String]] = Set(JSet.of("tag"))
  private val maskShapes: Set[JSet[String]] = Set(downTo(3))
  private val filterShapes: Set[JSet[String]] = Set(downTo(2))
  private val accessShapes: Set[JSet[String]] = downTo.toSet + JSet.of("path")
}
