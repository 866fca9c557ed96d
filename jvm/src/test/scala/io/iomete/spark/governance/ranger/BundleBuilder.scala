package io.iomete.spark.governance.ranger

import java.nio.charset.StandardCharsets.UTF_8
import java.nio.file.{Files, Path, StandardCopyOption}
import java.security.MessageDigest

import com.fasterxml.jackson.databind.json.JsonMapper
import com.fasterxml.jackson.module.scala.DefaultScalaModule

/** A bundle in the words of tests; `write` puts it into a file as Python does. */
final case class BundleBuilder(
    policies: Seq[BundleBuilder.Json] = Nil,
    tagPolicies: Seq[BundleBuilder.Json] = Nil,
    tags: Seq[(BundleBuilder.Json, Seq[BundleBuilder.Json])] = Nil,
    roles: Seq[BundleBuilder.Json] = Nil,
    users: Map[String, BundleBuilder.Json] = Map.empty,
    owners: Map[String, String] = Map.empty,
    version: Long = 1,
    lakehouse: String = "0e0b1f3c-6d0b-4d3e-9a55-3c1a0c2f7f01",
    format: Int = 1,
    more: BundleBuilder.Json = Map.empty
) {
  import BundleBuilder._

  def user(name: String, groups: Seq[String] = Nil, attributes: Json = Map.empty, enabled: Boolean = true): BundleBuilder =
    copy(users = users + (name -> obj("groups" -> groups, "attributes" -> attributes, "enabled" -> enabled)))

  def role(
      name: String,
      users: Seq[String] = Nil,
      groups: Seq[String] = Nil,
      roles: Seq[String] = Nil,
      enabled: Boolean = true
  ): BundleBuilder = {
    def members(names: Seq[String]) = names.map(n => obj("name" -> n, "isAdmin" -> false))
    val role = obj(
      "id" -> (this.roles.size + 1),
      "name" -> name,
      "isEnabled" -> enabled,
      "users" -> members(users),
      "groups" -> members(groups),
      "roles" -> members(roles),
      "version" -> 1
    )
    copy(roles = this.roles :+ role)
  }

  /** Adds policies; those without an id get the next one from 100 up. */
  def policy(added: Json*): BundleBuilder = copy(policies = policies ++ numbered(added, policies.size, "iomete"))

  def tagPolicy(added: Json*): BundleBuilder =
    copy(tagPolicies = tagPolicies ++ numbered(added, tagPolicies.size, "iomete_tag"))

  def tag(resource: Json, names: String*): BundleBuilder =
    copy(tags = tags :+ (resource -> names.map(n => obj("type" -> n))))

  def owner(table: String, user: String): BundleBuilder = copy(owners = owners + (table -> user))

  def next: BundleBuilder = copy(version = version + 1)

  def json: String = {
    val body = obj(
      "format" -> format,
      "version" -> version,
      "lakehouse" -> lakehouse,
      "services" -> obj(
        "serviceName" -> "iomete",
        "serviceId" -> 1,
        "policyVersion" -> version,
        "policies" -> (builtIn ++ policies),
        "serviceDef" -> definition("iomete"),
        "auditMode" -> "audit-all",
        "serviceConfig" -> obj(),
        "tagPolicies" -> obj(
          "serviceName" -> "iomete_tag",
          "serviceId" -> 2,
          "policyVersion" -> version,
          "policies" -> (builtInTags ++ tagPolicies),
          "serviceDef" -> definition("tag"),
          "auditMode" -> "audit-all"
        )
      ),
      "tags" -> serviceTags,
      "roles" -> obj("serviceName" -> "iomete", "roleVersion" -> version, "rangerRoles" -> roles),
      "users" -> users,
      "owners" -> owners
    ) ++ more
    mapper.writeValueAsString(body)
  }

  def bytes: Array[Byte] = sealedUp(json)

  /** Replaces the file by rename, as publishing does. */
  def write(file: Path): Path = {
    val fresh = Files.createTempFile(file.getParent, "bundle", ".tmp")
    Files.write(fresh, bytes)
    Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE)
  }

  private def serviceTags: Json = {
    val attached = tags.zipWithIndex.map { case ((_, names), resource) =>
      val ids = names.indices.map(resource * 100 + _ + 1)
      (resource + 1) -> ids.zip(names)
    }
    obj(
      "op" -> "add_or_update",
      "serviceName" -> "iomete",
      "tagVersion" -> version,
      "tagDefinitions" -> obj(),
      "tags" -> attached.flatMap(_._2).map { case (id, tag) => id.toString -> (tag ++ obj("id" -> id)) }.toMap,
      "serviceResources" -> tags.zipWithIndex.map { case ((resource, _), index) =>
        obj("id" -> (index + 1), "serviceName" -> "iomete", "resourceElements" -> resource)
      },
      "resourceToTagIds" -> attached.map { case (resource, tags) => resource.toString -> tags.map(_._1) }.toMap,
      "isDelta" -> false
    )
  }
}

object BundleBuilder {
  type Json = Map[String, Any]

  private val mapper = JsonMapper.builder().addModule(DefaultScalaModule).build()

  def sealedUp(json: String): Array[Byte] = {
    val open = json.stripSuffix("}")
    val digest = MessageDigest.getInstance("SHA-256").digest(open.getBytes(UTF_8))
    (open + ",\"sha256\":\"" + digest.map(b => f"${b & 0xff}%02x").mkString + "\"}").getBytes(UTF_8)
  }

  private def obj(members: (String, Any)*): Json = members.toMap

  // --- what policies are about -----------------------------------------------------------------

  def values(names: String*): Json = obj("values" -> names)
  def allBut(names: String*): Json = obj("values" -> names, "isExcludes" -> true)

  /** Catalog, namespace, table, column, or only the first of them. */
  def named(parts: String*): Json = Seq("catalog", "namespace", "table", "column").zip(parts.map(values(_))).toMap

  def columns(table: String, names: String*): Json = tableOnly(table) + ("column" -> values(names: _*))
  def wholeTable(table: String): Json = columns(table, "*")
  def tableOnly(table: String): Json = named(table.split('.').toSeq: _*)
  def namespace(catalog: String, name: String): Json =
    obj("catalog" -> values(catalog), "namespace" -> values(name, name + ".*"), "table" -> values("*"), "column" -> values("*"))
  def everything: Json = named("*", "*", "*", "*")
  def path(location: String, recursive: Boolean = true): Json =
    obj("path" -> obj("values" -> Seq(location), "isRecursive" -> recursive))
  def tagged(name: String): Json = obj("tag" -> values(name))

  // --- who may do what -------------------------------------------------------------------------

  /** `group:analysts role:auditor alice`, and access types likewise separated by blanks. */
  def item(actions: String, to: String): Json = {
    val who = to.split(' ').toSeq.filter(_.nonEmpty)
    def kind(prefix: String) = who.filter(_.startsWith(prefix)).map(_.stripPrefix(prefix))
    obj(
      "accesses" -> actions.split(' ').toSeq.filter(_.nonEmpty).map(a => obj("type" -> a, "isAllowed" -> true)),
      "users" -> who.filterNot(w => w.startsWith("group:") || w.startsWith("role:")),
      "groups" -> kind("group:"),
      "roles" -> kind("role:")
    )
  }

  def access(resources: Json, allow: Seq[Json] = Nil, deny: Seq[Json] = Nil): Json = obj(
    "policyType" -> 0,
    "resources" -> resources,
    "policyItems" -> allow,
    "denyPolicyItems" -> deny
  )

  def allow(actions: String, to: String, on: Json): Json = access(on, allow = Seq(item(actions, to)))
  def deny(actions: String, to: String, on: Json): Json = access(on, deny = Seq(item(actions, to)))

  def mask(maskType: String, to: String, on: Json, value: String = null, action: String = "select"): Json = {
    val info = obj("dataMaskType" -> maskType) ++ Option(value).map("valueExpr" -> _)
    obj("policyType" -> 1, "resources" -> on, "dataMaskPolicyItems" -> Seq(item(action, to) + ("dataMaskInfo" -> info)))
  }

  def filter(predicate: String, to: String, on: Json, action: String = "select"): Json = obj(
    "policyType" -> 2,
    "resources" -> on,
    "rowFilterPolicyItems" -> Seq(item(action, to) + ("rowFilterInfo" -> obj("filterExpr" -> predicate)))
  )

  val overriding: (String, Any) = "policyPriority" -> 1

  // --- what every bundle has -------------------------------------------------------------------

  private def numbered(added: Seq[Json], before: Int, service: String): Seq[Json] =
    added.zipWithIndex.map { case (policy, index) =>
      val id = 100 + before + index
      obj("id" -> id, "service" -> service, "name" -> s"policy $id", "isEnabled" -> true, "version" -> 1) ++ policy
    }

  private val builtIn: Seq[Json] = Seq(
    allow("all", "role:admin", everything),
    allow("all", "role:admin", path("/*")),
    mask("MASK_NONE", "role:admin", everything),
    filter("", "role:admin", named("*", "*", "*"))
  ).zipWithIndex.map { case (policy, index) => builtIn(policy, index, "iomete") }

  private val builtInTags: Seq[Json] = Seq(
    allow("iomete:all", "role:admin", tagged("*")),
    mask("iomete:MASK_NONE", "role:admin", tagged("*"), action = "iomete:select"),
    filter("", "role:admin", tagged("*"), action = "iomete:select")
  ).zipWithIndex.map { case (policy, index) => builtIn(policy, index, "iomete_tag") }

  private def builtIn(policy: Json, index: Int, service: String): Json =
    obj("id" -> (index + 1), "service" -> service, "name" -> s"admin ${index + 1}", "isEnabled" -> true) ++
      policy + overriding

  private def definition(name: String): Any = {
    val stream = classOf[RangerPolicyEngine].getResourceAsStream(s"$name.json")
    try mapper.readValue(stream, classOf[Map[String, Any]])
    finally stream.close()
  }
}
