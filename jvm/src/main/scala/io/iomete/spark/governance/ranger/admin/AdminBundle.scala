package io.iomete.spark.governance.ranger.admin

import java.util.{ArrayList => JArrayList, List => JList}

import scala.jdk.CollectionConverters._
import scala.util.control.NonFatal

import org.apache.ranger.plugin.model.{RangerPolicy, RangerRole, RangerServiceDef}
import org.apache.ranger.plugin.util.{RangerRoles, RangerUserStore, ServicePolicies, ServiceTags}

import io.iomete.spark.governance.ranger.{Bundle, BundleReader, BundleUser, PolicyCheck, Principals, Published}

/** Makes a bundle of what Ranger knows of a service and what only the lakehouse knows.
  *
  * Policies, tags, roles, users, their groups and attributes are Ranger's. The lakehouse's own are who
  * owns a table, who holds the role `admin`, and who was disabled: a role of that name in Ranger, where
  * it may mean anything, makes nobody see all data here.
  */
private[admin] final class AdminBundle(connection: AdminConnection, local: Published) {

  /** The bundle, with documents of its own: Ranger changes what it is given.
    *
    * Throws [[AdminFailure]], or UnusableBundle.
    */
  def of(known: Known): Bundle = known match {
    case Known.Gone => bundle(noPolicies, new ServiceTags(), Nil, Map.empty)
    case whole: Known.Whole =>
      val roles = read(whole, Part.Roles, classOf[RangerRoles])
      val users = read(whole, Part.Users, classOf[RangerUserStore])
      bundle(
        services(read(whole, Part.Policies, classOf[ServicePolicies])),
        tags(read(whole, Part.Tags, classOf[ServiceTags])),
        Option(roles.getRangerRoles).fold(Seq.empty[RangerRole])(_.asScala.toSeq),
        usersOf(users)
      )
  }

  private def bundle(
      services: ServicePolicies,
      tags: ServiceTags,
      roles: Seq[RangerRole],
      users: Map[String, BundleUser]
  ): Bundle = {
    val admins = local.principals.admins
    val unknown = (admins -- users.keySet).map(_ -> BundleUser(Set.empty, Map.empty, enabled = true))
    Bundle(
      version = local.version,
      lakehouse = local.lakehouse,
      services = services,
      tags = tags,
      roles = roles.filter(_.getName != Principals.adminRole) :+ adminRole(admins),
      users = users ++ unknown,
      owners = local.owners,
      digest = local.digest
    )
  }

  private def adminRole(holders: Set[String]): RangerRole = {
    val role = new RangerRole()
    role.setName(Principals.adminRole)
    role.setUsers(new JArrayList(holders.toSeq.sorted.map(new RangerRole.RoleMember(_, false)).asJava))
    role
  }

  /** Whoever Ranger knows, by any of its lists. */
  private def usersOf(store: RangerUserStore): Map[String, BundleUser] = {
    val groups = Option(store.getUserGroupMapping).fold(Map.empty[String, java.util.Set[String]])(_.asScala.toMap)
    val attributes =
      Option(store.getUserAttrMapping).fold(Map.empty[String, java.util.Map[String, String]])(_.asScala.toMap)
    (groups.keySet ++ attributes.keySet).map { name =>
      name -> BundleUser(
        groups.get(name).flatMap(Option(_)).fold(Set.empty[String])(_.asScala.toSet),
        attributes.get(name).flatMap(Option(_)).fold(Map.empty[String, Any])(_.asScala.filter(_._2 != null).toMap),
        enabled = !local.principals.disabled(name)
      )
    }.toMap
  }

  private def services(services: ServicePolicies): ServicePolicies = {
    if (services.getServiceName != connection.service) {
      throw new AdminFailure(s"$connection sends policies of service `${services.getServiceName}`.")
    }
    check(
      Option(services.getServiceDef).getOrElse(throw new AdminFailure(s"$connection sends no service definition."))
    )
    if (services.getPolicies == null) services.setPolicies(new JArrayList())
    if (services.getTagPolicies == null) services.setTagPolicies(noTagPolicies)
    if (services.getTagPolicies.getPolicies == null) services.getTagPolicies.setPolicies(new JArrayList())
    services.setServiceName(PolicyCheck.service)
    renamed(services.getPolicies, PolicyCheck.service)
    renamed(services.getTagPolicies.getPolicies, PolicyCheck.tagService)
    services
  }

  private def renamed(policies: JList[RangerPolicy], service: String): Unit =
    policies.asScala.filter(_ != null).foreach(_.setService(service))

  /** Where names of levels or access types mean something else, policies would, too. */
  private def check(definition: RangerServiceDef): Unit = {
    val ours = BundleReader.definition("iomete")
    def refuse(what: String): Nothing =
      throw new AdminFailure(
        s"$connection has a service definition that $what. lake.policies.push() makes the right one in a Ranger " +
          "that has none of this name."
      )
    if (definition.getName != ours.getName) refuse(s"is called `${definition.getName}`, and not `${ours.getName}`")
    val levels = AdminBundle.levels(definition)
    val missingLevels = AdminBundle.levels(ours).toSet -- levels
    if (missingLevels.nonEmpty) refuse(s"has no resource `${missingLevels.toSeq.sorted.mkString("`, `")}`")
    val implied = AdminBundle.implied(definition)
    AdminBundle.implied(ours).foreach { case (name, grants) =>
      implied.get(name) match {
        case None                           => refuse(s"has no access type `$name`")
        case Some(other) if other != grants => refuse(s"lets access type `$name` imply other ones")
        case _                              => ()
      }
    }
  }

  private def tags(tags: ServiceTags): ServiceTags = {
    if (Option(tags.getServiceName).exists(_ != connection.service)) {
      throw new AdminFailure(s"$connection sends tags of service `${tags.getServiceName}`.")
    }
    tags
  }

  private def noPolicies: ServicePolicies = {
    val services = new ServicePolicies()
    services.setServiceName(PolicyCheck.service)
    services.setPolicies(new JArrayList())
    services.setTagPolicies(noTagPolicies)
    services
  }

  private def noTagPolicies: ServicePolicies.TagPolicies = {
    val tags = new ServicePolicies.TagPolicies()
    tags.setPolicies(new JArrayList())
    tags
  }

  private def read[A](known: Known.Whole, part: Part, kind: Class[A]): A = {
    def malformed(why: String, cause: Throwable = null): Nothing =
      throw new AdminFailure(s"$connection sends ${part.name} that can't be read: $why.", cause)
    try Option(BundleReader.document(known.parts(part).json, kind)).getOrElse(malformed("there are none"))
    catch {
      case failure: AdminFailure => throw failure
      case NonFatal(error)       => malformed(AdminBundle.firstLine(error), error)
    }
  }
}

private object AdminBundle {

  private def levels(definition: RangerServiceDef): Seq[String] =
    definition.getResources.asScala.map(_.getName).toSeq

  private def implied(definition: RangerServiceDef): Map[String, Set[String]] =
    definition.getAccessTypes.asScala
      .map(access => access.getName -> Option(access.getImpliedGrants).fold(Set.empty[String])(_.asScala.toSet))
      .toMap

  private def firstLine(error: Throwable): String =
    Option(error.getMessage).flatMap(_.linesIterator.nextOption()).getOrElse(error.getClass.getSimpleName)
}
