package io.iomete.spark.governance.ranger

import java.util.{Date, Map => JMap}

import scala.jdk.CollectionConverters._
import scala.util.control.NonFatal

import com.fasterxml.jackson.annotation.JsonIgnoreProperties
import com.fasterxml.jackson.core.{JsonParser, JsonToken, StreamReadFeature}
import com.fasterxml.jackson.databind.{DeserializationFeature, JsonNode}
import com.fasterxml.jackson.databind.cfg.MapperConfig
import com.fasterxml.jackson.databind.introspect.{Annotated, AnnotatedMember, JacksonAnnotationIntrospector}
import com.fasterxml.jackson.databind.json.JsonMapper
import org.apache.ranger.plugin.model.RangerServiceDef
import org.apache.ranger.plugin.util.{RangerRoles, ServicePolicies, ServiceTags}

/** Turns the JSON of a bundle into values.
  *
  * Ranger's own classes ignore members that they don't know. Here such a member is an error: a
  * misspelt `denyPolicyItems` would be a denial that nobody carries out.
  */
private object BundleReader {
  private val mapper = JsonMapper
    .builder()
    .enable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
    .enable(DeserializationFeature.FAIL_ON_NULL_FOR_PRIMITIVES)
    .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
    .annotationIntrospector(new StrictMembers)
    .build()

  def read(bytes: Array[Byte], digest: String): Bundle =
    try {
      val parser = mapper.createParser(bytes)
      try bundle(parser, digest)
      finally parser.close()
    } catch {
      case error: UnusableBundle => throw error
      case NonFatal(error) =>
        throw Bundle.unusable(s"The policy bundle cannot be read: ${error.getMessage}.", error)
    }

  /** A document of Ranger's, with the same strictness. */
  def document[A](json: Array[Byte], kind: Class[A]): A = mapper.readValue(json, kind)

  /** A service definition that lies beside this class, made fresh: Ranger changes what it is given. */
  def definition(name: String): RangerServiceDef = {
    val stream = getClass.getResourceAsStream(s"$name.json")
    try mapper.readValue(stream, classOf[RangerServiceDef])
    finally stream.close()
  }

  private def bundle(parser: JsonParser, digest: String): Bundle = {
    var format, version: Option[Long] = None
    var lakehouse: Option[String] = None
    var services: Option[ServicePolicies] = None
    var tags: Option[ServiceTags] = None
    var roles: Option[RangerRoles] = None
    var users: Option[Map[String, BundleUser]] = None
    var owners: Option[Map[Seq[String], String]] = None

    if (parser.nextToken() != JsonToken.START_OBJECT) throw Bundle.unusable("The policy bundle is not a JSON object.")
    while (parser.nextToken() == JsonToken.FIELD_NAME) {
      val member = parser.currentName()
      parser.nextToken()
      member match {
        case "format" =>
          format = Some(mapper.readValue(parser, classOf[Long]))
          // Told at once: what follows may have another shape altogether.
          if (!format.contains(Bundle.format.toLong)) {
            throw new UnusableBundle(
              s"The policy bundle has format ${format.get}, and this version of iomete reads ${Bundle.format}.",
              "run the same version of iomete everywhere."
            )
          }
        case "version"   => version = Some(mapper.readValue(parser, classOf[Long]))
        case "lakehouse" => lakehouse = Some(parser.getText)
        case "services"  => services = Some(mapper.readValue(parser, classOf[ServicePolicies]))
        case "tags"      => tags = Some(mapper.readValue(parser, classOf[ServiceTags]))
        case "roles"     => roles = Some(mapper.readValue(parser, classOf[RangerRoles]))
        case "users"     => users = Some(usersOf(tree(parser)))
        case "owners"    => owners = Some(ownersOf(tree(parser)))
        case "sha256"    => ()
        case other       => throw Bundle.unusable(s"The policy bundle has an unknown member `$other`.")
      }
    }

    def needed[A](value: Option[A], member: String): A =
      value.filter(_ != null).getOrElse(throw Bundle.unusable(s"The policy bundle has no `$member`."))
    val _ = needed(format, "format")
    Bundle(
      needed(version, "version"),
      needed(lakehouse, "lakehouse"),
      needed(services, "services"),
      needed(tags, "tags"),
      needed(roles, "roles").getRangerRoles.asScala.toSeq,
      needed(users, "users"),
      needed(owners, "owners"),
      digest
    )
  }

  private def tree(parser: JsonParser): JsonNode = mapper.readTree[JsonNode](parser)

  private def usersOf(node: JsonNode): Map[String, BundleUser] =
    members(node).map { case (name, user) =>
      val unknown = members(user).map(_._1).filterNot(Set("groups", "attributes", "enabled"))
      if (unknown.nonEmpty) throw Bundle.unusable(s"User `$name` has an unknown member `${unknown.head}`.")
      val groups = user.path("groups").elements().asScala.map(text(_, s"A group of user `$name`")).toSet
      val enabled = user.path("enabled")
      if (!enabled.isBoolean) throw Bundle.unusable(s"User `$name` is not said to be enabled or not.")
      val attributes = members(user.path("attributes")).map { case (attribute, value) =>
        attribute -> attributeValue(name, attribute, value)
      }.toMap
      name -> BundleUser(groups, attributes, enabled.booleanValue())
    }.toMap

  private def attributeValue(user: String, attribute: String, value: JsonNode): Any = {
    def scalar(node: JsonNode): Any =
      if (node.isTextual) node.textValue()
      else if (node.isBoolean) node.booleanValue()
      else if (node.isIntegralNumber && node.canConvertToLong) node.longValue()
      else if (node.isFloatingPointNumber) node.doubleValue()
      else
        throw Bundle.unusable(
          s"Attribute `$attribute` of user `$user` is neither text, number, boolean nor a list of one of these."
        )
    if (!value.isArray) scalar(value)
    else {
      val values = value.elements().asScala.map(scalar).toSeq
      val kinds = values.map(_.getClass).distinct
      if (kinds.sizeIs <= 1) values
      else if (values.forall(v => v.isInstanceOf[Long] || v.isInstanceOf[Double])) values.map(asDouble)
      else throw Bundle.unusable(s"Attribute `$attribute` of user `$user` is a list of different kinds of values.")
    }
  }

  private def asDouble(value: Any): Double = value match {
    case whole: Long      => whole.toDouble
    case fraction: Double => fraction
    case other            => throw new IllegalArgumentException(String.valueOf(other))
  }

  private def ownersOf(node: JsonNode): Map[Seq[String], String] =
    members(node).map { case (name, owner) => FullNames.parts(name) -> text(owner, s"The owner of `$name`") }.toMap

  private def text(node: JsonNode, what: String): String =
    Option(node.textValue()).getOrElse(throw Bundle.unusable(s"$what is not a text."))

  private def members(node: JsonNode): Seq[(String, JsonNode)] =
    node.properties().asScala.toSeq.map((entry: JMap.Entry[String, JsonNode]) => entry.getKey -> entry.getValue)

  /** Leaves `ignoreUnknown` of Ranger's classes out of account, and dates, which decide nothing. */
  private final class StrictMembers extends JacksonAnnotationIntrospector {
    override def findPropertyIgnoralByName(
        config: MapperConfig[_],
        annotated: Annotated
    ): JsonIgnoreProperties.Value = JsonIgnoreProperties.Value.empty()

    override def hasIgnoreMarker(member: AnnotatedMember): Boolean =
      super.hasIgnoreMarker(member) || classOf[Date].isAssignableFrom(member.getRawType)
  }
}
