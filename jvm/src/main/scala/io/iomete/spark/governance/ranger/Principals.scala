package io.iomete.spark.governance.ranger

import java.util.{HashSet => JHashSet, Set => JSet}

import scala.jdk.CollectionConverters._

import org.apache.ranger.plugin.model.RangerRole

/** An enabled user, with groups and roles in the form that Ranger's requests take them. */
private final case class Principal(
    name: String,
    groups: JSet[String],
    roles: JSet[String],
    attributes: Map[String, Any]
) {
  val isAdmin: Boolean = roles.contains(Principals.adminRole)
  val isAuditor: Boolean = isAdmin || roles.contains(Principals.auditorRole)
}

/** Who may ask at all: whoever isn't here has no rights, not even those of `public`. */
private final class Principals(users: Map[String, BundleUser], roles: Seq[RangerRole]) {
  private val holders = new RoleHolders(roles)
  private val enabled: Map[String, Principal] =
    users.collect { case (name, user) if user.enabled => name -> principal(name, user) }

  /** A value of each attribute that any user has: its type is what a user without it is given a null of. */
  val exampleAttributes: Map[String, Any] =
    users.toSeq.sortBy(_._1).reverse.flatMap(_._2.attributes).toMap

  /** Names of those who hold the role `admin`. */
  def admins: Set[String] = enabled.values.collect { case user if user.isAdmin => user.name }.toSet

  /** Names of those who may not do anything. */
  val disabled: Set[String] = users.collect { case (name, user) if !user.enabled => name }.toSet

  def find(name: String): Option[Principal] = Option(name).flatMap(enabled.get)

  private def principal(name: String, user: BundleUser): Principal =
    Principal(
      name,
      new JHashSet(user.groups.asJava),
      new JHashSet(holders.rolesOf(name, user.groups + Principals.everyone).asJava),
      user.attributes
    )
}

private object Principals {
  val adminRole = "admin"
  val auditorRole = "auditor"
  val everyone = "public"
}

/** Which roles a user holds, through groups and through roles that contain others.
  *
  * A holder of a role that is a member of another role holds that one, too. A role that isn't enabled
  * is as if it weren't there.
  */
private final class RoleHolders(all: Seq[RangerRole]) {
  private val roles = all.filter(role => role.getIsEnabled == null || role.getIsEnabled)
  private val names = roles.map(_.getName).toSet
  private val ofUser = held(_.getUsers)
  private val ofGroup = held(_.getGroups)
  private val ofRole = held(_.getRoles)

  def rolesOf(user: String, groups: Set[String]): Set[String] = {
    val direct = groups.flatMap(ofGroup.getOrElse(_, Set.empty)) ++ ofUser.getOrElse(user, Set.empty)
    LazyList
      .iterate((direct, direct)) { case (known, fresh) =>
        val next = fresh.filter(names).flatMap(ofRole.getOrElse(_, Set.empty)) -- known
        (known ++ next, next)
      }
      .dropWhile(_._2.nonEmpty)
      .head
      ._1
  }

  private def held(members: RangerRole => java.util.List[RangerRole.RoleMember]): Map[String, Set[String]] =
    roles
      .flatMap(role => members(role).asScala.map(member => member.getName -> role.getName))
      .groupMap(_._1)(_._2)
      .map { case (member, held) => member -> held.toSet }
}
