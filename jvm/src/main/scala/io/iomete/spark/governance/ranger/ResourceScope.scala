package io.iomete.spark.governance.ranger

import java.util.{Map => JMap}

import scala.jdk.CollectionConverters._

import org.apache.ranger.plugin.model.RangerPolicy.RangerPolicyResource

import io.iomete.spark.governance.decisions.TableResource

/** What a malformed policy may have been meant for. Whatever can't be told counts as everything. */
private sealed trait ResourceScope

private object ResourceScope {
  final case class Tables(catalog: Globs, namespace: Globs, table: Globs) extends ResourceScope {
    def covers(resource: TableResource): Boolean =
      catalog.matches(resource.catalog) && namespace.matches(resource.namespace) && table.matches(resource.table)
  }
  case object Paths extends ResourceScope
  final case class Tags(tags: Globs) extends ResourceScope

  def of(resources: JMap[String, RangerPolicyResource], tagService: Boolean): Seq[ResourceScope] = {
    val values = Option(resources).fold(Map.empty[String, RangerPolicyResource])(_.asScala.toMap)
    def globs(level: String): Globs = values.get(level).flatMap(Option(_)).fold(Globs.any)(Globs.of)
    if (tagService) Seq(Tags(globs("tag")))
    else if (values.keySet == Set("path")) Seq(Paths)
    else {
      val tables = Tables(globs("catalog"), globs("namespace"), globs("table"))
      // Without a level of tables it may as well have been about paths.
      if (values.contains("catalog")) Seq(tables) else Seq(tables, Paths)
    }
  }
}

/** Patterns of which one has to match; none at all match anything. Case doesn't count. */
private final class Globs private (patterns: Seq[java.util.regex.Pattern]) {
  def matches(name: String): Boolean = patterns.isEmpty || patterns.exists(_.matcher(name).matches())
}

private object Globs {
  val any = new Globs(Nil)

  def of(resource: RangerPolicyResource): Globs = {
    val values = Option(resource.getValues).fold(Seq.empty[String])(_.asScala.toSeq)
    val unclear = values.exists(v => v == null || v.isEmpty || v.exists("{}$\\".contains(_)))
    if (unclear || java.lang.Boolean.TRUE == resource.getIsExcludes) any
    else new Globs(values.map(pattern))
  }

  /** `*` and `?`, and a token of Ranger's for anything that may come in its place. */
  def pattern(value: String): java.util.regex.Pattern = {
    val regex = PolicyCheck.tokens.foldLeft(value)(_.replace(_, "*")).map {
      case '*' => ".*"
      case '?' => "."
      case c   => java.util.regex.Pattern.quote(c.toString)
    }.mkString
    java.util.regex.Pattern.compile(
      regex,
      java.util.regex.Pattern.DOTALL | java.util.regex.Pattern.CASE_INSENSITIVE | java.util.regex.Pattern.UNICODE_CASE
    )
  }
}
