package io.iomete.spark.governance.ranger

import java.util.{HashSet => JHashSet, Set => JSet}

import scala.collection.mutable
import scala.jdk.CollectionConverters._

import org.apache.ranger.plugin.contextenricher.RangerTagForEval
import org.apache.ranger.plugin.model.{RangerServiceDef, RangerTag}
import org.apache.ranger.plugin.model.RangerPolicy.RangerPolicyResource
import org.apache.ranger.plugin.policyengine.RangerAccessResource
import org.apache.ranger.plugin.policyresourcematcher.RangerDefaultPolicyResourceMatcher
import org.apache.ranger.plugin.policyresourcematcher.RangerPolicyResourceMatcher.MatchType
import org.apache.ranger.plugin.util.ServiceTags

import io.iomete.spark.governance.decisions.ResourceNames

/** Which tags a resource carries: its own, those of what it is in, and those of what is in it.
  *
  * Ranger's tag enricher does the same with a thread of its own that asks for news. Names without
  * wild cards, which is nearly all there are, are found by hashing.
  */
private final class TagIndex(tags: ServiceTags, definition: RangerServiceDef, isInForce: RangerTag => Boolean) {
  import TagIndex._

  private val exact = mutable.HashMap.empty[Seq[String], JSet[RangerTagForEval]]
  private val within = mutable.HashMap.empty[Seq[String], JSet[RangerTagForEval]]
  private val inherited = mutable.HashMap.empty[RangerTagForEval, RangerTagForEval]
  private val patterns = Seq.newBuilder[(RangerDefaultPolicyResourceMatcher, Seq[RangerTag])]
  private val attached = attachments()
  attached.foreach { case (resource, tags) => index(resource, tags) }
  private val matchers = patterns.result()
  private val patternsOfColumns = matchers.exists(_._1.getResourceMatcher("column") != null)

  /** Namespaces with a tag on them or on something in them, by catalog. */
  def namespaces: Iterable[(String, String)] =
    (exact.keys ++ within.keys).collect { case catalog +: namespace +: _ => (catalog, namespace) }.toSet

  /** Tags for a question about exactly this resource, which is the parts from the catalog down. */
  def of(parts: Seq[String], resource: RangerAccessResource): JSet[RangerTagForEval] = find(parts, resource, below = false)

  /** The same for a question about the resource or anything in it. */
  def ofOrWithin(parts: Seq[String], resource: RangerAccessResource): JSet[RangerTagForEval] =
    find(parts, resource, below = true)

  /** Whether the column may have tags that other columns of its table don't have. */
  def singlesOut(column: Seq[String]): Boolean = exact.contains(column) || patternsOfColumns

  private def find(parts: Seq[String], resource: RangerAccessResource, below: Boolean): JSet[RangerTagForEval] = {
    val found = new JHashSet[RangerTagForEval]()
    exact.get(parts).foreach(found.addAll(_))
    if (below) within.get(parts).foreach(found.addAll(_))
    (1 until parts.size).foreach { depth =>
      exact.get(parts.take(depth)).foreach { tags =>
        tags.forEach(tag => { val _ = found.add(inherited(tag)) })
      }
    }
    matchers.foreach { case (matcher, tags) =>
      val kind = matcher.getMatchType(resource, java.util.Collections.emptyMap[String, AnyRef]())
      if (kind != MatchType.NONE && (below || kind != MatchType.DESCENDANT)) {
        tags.foreach(tag => found.add(new RangerTagForEval(tag, kind)))
      }
    }
    found
  }

  private def index(resource: java.util.Map[String, RangerPolicyResource], tags: Seq[RangerTag]): Unit = {
    val named = levels.takeWhile(resource.containsKey)
    if (named.isEmpty || named.size != resource.size) {
      throw Bundle.unusable(
        s"A tag is attached to a resource of the levels `${resource.keySet.asScala.toSeq.sorted.mkString(", ")}`."
      )
    }
    val values = named.map(level => resource.get(level))
    if (values.exists(v => v.getValues == null || v.getValues.isEmpty)) {
      throw Bundle.unusable("A tag is attached to a resource without a name.")
    }
    if (values.exists(isPattern)) patterns += (matcher(resource) -> tags)
    else names(named.zip(values)).foreach(add(_, tags))
  }

  private def add(parts: Seq[String], tags: Seq[RangerTag]): Unit = tags.foreach { tag =>
    val own = new RangerTagForEval(tag, MatchType.SELF)
    exact.getOrElseUpdate(parts, new JHashSet()).add(own)
    val _ = inherited.getOrElseUpdate(own, new RangerTagForEval(tag, MatchType.ANCESTOR))
    (1 until parts.size).foreach { depth =>
      within.getOrElseUpdate(parts.take(depth), new JHashSet()).add(new RangerTagForEval(tag, MatchType.DESCENDANT))
    }
  }

  private def names(values: Seq[(String, RangerPolicyResource)]): Seq[Seq[String]] = {
    val all = values.foldLeft(Seq(Seq.empty[String])) { case (prefixes, (level, resource)) =>
      for (prefix <- prefixes; value <- resource.getValues.asScala.toSeq) yield prefix :+ folded(level, value)
    }
    all.map {
      case catalog +: rest if catalog.equalsIgnoreCase(ResourceNames.sessionCatalog) =>
        ResourceNames.sessionCatalog +: rest.map(ResourceNames.column)
      case other => other
    }
  }

  private def folded(level: String, value: String): String = if (level == "column") ResourceNames.column(value) else value

  private def isPattern(resource: RangerPolicyResource): Boolean =
    java.lang.Boolean.TRUE == resource.getIsExcludes ||
      resource.getValues.asScala.exists(_.exists("*?{\\".contains(_)))

  private def matcher(resource: java.util.Map[String, RangerPolicyResource]): RangerDefaultPolicyResourceMatcher = {
    val matcher = new RangerDefaultPolicyResourceMatcher()
    matcher.setServiceDef(definition)
    matcher.setPolicyResources(resource)
    matcher.init()
    matcher
  }

  /** Resources with their tags. A reference into the void would be a tag that is not carried out. */
  private def attachments(): Seq[(java.util.Map[String, RangerPolicyResource], Seq[RangerTag])] = {
    if (java.lang.Boolean.TRUE == tags.getIsDelta || tags.getOp == ServiceTags.OP_DELETE) {
      throw Bundle.unusable("The tags of the policy bundle are a change and not the whole.")
    }
    val resources = Option(tags.getServiceResources).fold(Map.empty[Long, java.util.Map[String, RangerPolicyResource]])(
      _.asScala.map(resource => resource.getId.longValue -> resource.getResourceElements).toMap
    )
    val byId = Option(tags.getTags).fold(Map.empty[Long, RangerTag])(_.asScala.map { case (id, tag) =>
      id.longValue -> tag
    }.toMap)
    Option(tags.getResourceToTagIds).fold(Seq.empty[(java.util.Map[String, RangerPolicyResource], Seq[RangerTag])]) {
      _.asScala.toSeq.map { case (resource, ids) =>
        def missing(what: String) = Bundle.unusable(s"A tag is attached to a $what that is not in the policy bundle.")
        resources.getOrElse(resource.longValue, throw missing("resource")) ->
          ids.asScala.toSeq.map(id => byId.getOrElse(id.longValue, throw missing("tag"))).filter(isInForce)
      }
    }
  }
}

private object TagIndex {
  private val levels = Seq("catalog", "namespace", "table", "column")
}
