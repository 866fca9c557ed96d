package io.iomete.spark.governance.ranger

import java.util.{ArrayList => JArrayList, HashMap => JHashMap, Properties, Set => JSet}

import scala.jdk.CollectionConverters._

import org.apache.ranger.authorization.hadoop.config.RangerPluginConfig
import org.apache.ranger.plugin.contextenricher.RangerTagForEval
import org.apache.ranger.plugin.model.{RangerPolicy, RangerServiceDef}
import org.apache.ranger.plugin.policyengine.{RangerAccessRequest, RangerAccessRequestImpl, RangerAccessResourceImpl}
import org.apache.ranger.plugin.policyengine.{RangerAccessResult, RangerPluginContext, RangerPolicyEngineImpl}
import org.apache.ranger.plugin.policyengine.RangerAccessRequest.ResourceMatchingScope
import org.apache.ranger.plugin.resourcematcher.{RangerDefaultResourceMatcher, RangerPathResourceMatcher}
import org.apache.ranger.plugin.util.{RangerAccessRequestUtil, RangerRoles, ServicePolicies}

/** Apache Ranger's policy engine and nothing around it.
  *
  * No plugin, so no threads that fetch policies, no network, no audit destinations and no files; no
  * configuration off the class path, which could name super users.
  */
private final class RangerLibrary(access: Seq[RangerPolicy], tag: Seq[RangerPolicy], version: Long) {
  private val definition = RangerLibrary.serviceDefinition()
  private val engine = new RangerPolicyEngineImpl(services(), context(), new RangerRoles())

  /** A question, which may be put for access, mask and filter in turn.
    *
    * Where tags have allowed something, or given a mask, Ranger stops at the first override that isn't
    * a denial, whomever it is for, and denials and overriding masks that come after it are lost. Where
    * tags have denied something, it stops at the first override that excepts the principal, or that
    * nobody was asked about before, and overriding grants after it are lost. So what the resource's
    * own policies say is asked for itself, and the two are put together by Ranger's own rules: a denial
    * beats a grant, a mask of a tag the resource's, and a higher priority either.
    *
    * @param scope
    *   changes what policies the question finds
    */
  final class Question(
      principal: Principal,
      action: String,
      resource: RangerAccessResourceImpl,
      tags: JSet[RangerTagForEval],
      scope: RangerAccessRequestImpl => Unit = _ => ()
  ) {
    private lazy val plain = request()
    private lazy val tagged = {
      val request = this.request()
      RangerAccessRequestUtil.setRequestTagsInContext(request.getContext, tags)
      request
    }

    def access: RangerAccessResult = {
      val answer = ask(plain, RangerPolicy.POLICY_TYPE_ACCESS)
      if (tags.isEmpty) answer
      else {
        val withTags = ask(tagged, RangerPolicy.POLICY_TYPE_ACCESS)
        val isLostDenial = withTags.getIsAllowed && !answer.getIsAllowed && answer.getPolicyId >= 0 &&
          answer.getPolicyPriority >= withTags.getPolicyPriority
        val isLostGrant = !withTags.getIsAllowed && answer.getIsAllowed &&
          answer.getPolicyPriority > withTags.getPolicyPriority
        if (isLostDenial || isLostGrant) answer else withTags
      }
    }

    def mask: RangerAccessResult = protection(RangerPolicy.POLICY_TYPE_DATAMASK)

    def filter: RangerAccessResult = protection(RangerPolicy.POLICY_TYPE_ROWFILTER)

    private def protection(policyType: Int): RangerAccessResult = {
      val answer = ask(plain, policyType)
      if (tags.isEmpty) answer
      else {
        val withTags = ask(tagged, policyType)
        // `allowed` is Ranger's word for a mask or filter that was found.
        val isOverride = answer.getIsAllowed && answer.getPolicyPriority > withTags.getPolicyPriority
        if (isOverride) answer else withTags
      }
    }

    private def request(): RangerAccessRequestImpl = {
      resource.setServiceDef(definition)
      val request = new RangerAccessRequestImpl(resource, action, principal.name, principal.groups, principal.roles)
      scope(request)
      request
    }
  }

  /** Ranger leaves in the request what it has found, unless the resource has policies of its own, and
    * would take an overriding grant for a mask that comes before all others.
    */
  private def ask(request: RangerAccessRequest, policyType: Int): RangerAccessResult = {
    RangerAccessRequestUtil.setAccessTypeResults(request.getContext, null)
    engine.evaluatePolicies(request, policyType, null)
  }

  private def services(): ServicePolicies = {
    val services = new ServicePolicies()
    services.setServiceName(PolicyCheck.service)
    services.setServiceId(1L)
    services.setPolicyVersion(version)
    services.setServiceDef(definition)
    services.setPolicies(new JArrayList(access.asJava))
    services.setAuditMode("audit-none")
    val tags = new ServicePolicies.TagPolicies()
    tags.setServiceName(PolicyCheck.tagService)
    tags.setServiceId(2L)
    tags.setPolicyVersion(version)
    tags.setServiceDef(RangerLibrary.tagDefinition())
    tags.setPolicies(new JArrayList(tag.asJava))
    tags.setAuditMode("audit-none")
    services.setTagPolicies(tags)
    services
  }

  /** One for each engine: it holds what belongs to the engine's policies. */
  private def context(): RangerPluginContext =
    new RangerPluginContext(
      new RangerPluginConfig(PolicyCheck.service, PolicyCheck.service, PolicyCheck.service, new Properties())
    )
}

private object RangerLibrary {

  def serviceDefinition(): RangerServiceDef = prepared(BundleReader.definition("iomete"))

  def tagDefinition(): RangerServiceDef = prepared(BundleReader.definition("tag"))

  def resource(parts: Seq[String], owner: Option[String]): RangerAccessResourceImpl = {
    val elements = new JHashMap[String, AnyRef](8)
    levels.iterator.zip(parts).foreach { case (level, value) => elements.put(level, value) }
    new RangerAccessResourceImpl(elements, owner.orNull)
  }

  def path(path: String): RangerAccessResourceImpl = {
    val elements = new JHashMap[String, AnyRef](2)
    elements.put("path", path)
    new RangerAccessResourceImpl(elements)
  }

  /** Lets a question find policies on anything in the resource, too. */
  val orWithin: RangerAccessRequestImpl => Unit = _.setResourceMatchingScope(ResourceMatchingScope.SELF_OR_DESCENDANTS)

  private val levels = Seq("catalog", "namespace", "table", "column")

  /** The definition as this process can carry it out.
    *
    * Matchers are named by their classes here, as they may have moved to another package in our jar.
    * Tags are attached by [[TagIndex]]. Conditions need a script engine; policies that have them are
    * told apart by [[PolicyCheck]].
    */
  private def prepared(definition: RangerServiceDef): RangerServiceDef = {
    val all = definition.getResources.asScala ++ definition.getDataMaskDef.getResources.asScala ++
      definition.getRowFilterDef.getResources.asScala
    all.foreach { resource =>
      resource.setMatcher(
        if (resource.getName == "path") classOf[RangerPathResourceMatcher].getName
        else classOf[RangerDefaultResourceMatcher].getName
      )
    }
    definition.setContextEnrichers(new JArrayList())
    definition.setPolicyConditions(new JArrayList())
    definition
  }
}
