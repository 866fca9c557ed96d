package io.iomete.spark.governance.ranger.admin

/** One of the four downloads that make up what Ranger knows of a service.
  *
  * Paths and parameters are those of `RangerAdminRESTClient` 2.9. Changes in place of the whole are
  * never asked for.
  *
  * @param securePath
  *   where Ranger Admin asks who is asking; the other answers anybody
  * @param versionParameter
  *   what tells the server which version is here already
  */
private[admin] sealed abstract class Part(
    val name: String,
    path: String,
    securePath: String,
    val versionParameter: String,
    val parameters: Seq[(String, String)],
    val namesCluster: Boolean
) {
  def pathFor(isSecure: Boolean): String = if (isSecure) securePath else path
}

private[admin] object Part {

  case object Policies
      extends Part(
        "policies",
        "/service/plugins/policies/download/",
        "/service/plugins/secure/policies/download/",
        "lastKnownVersion",
        Seq("supportsPolicyDeltas" -> "false"),
        namesCluster = true
      )

  case object Tags
      extends Part(
        "tags",
        "/service/tags/download/",
        "/service/tags/secure/download/",
        "lastKnownVersion",
        Seq("supportsTagDeltas" -> "false"),
        namesCluster = false
      )

  case object Roles
      extends Part(
        "roles",
        "/service/roles/download/",
        "/service/roles/secure/download/",
        "lastKnownRoleVersion",
        Nil,
        namesCluster = true
      )

  case object Users
      extends Part(
        "users",
        "/service/xusers/download/",
        "/service/xusers/secure/download/",
        "lastKnownUserStoreVersion",
        Nil,
        namesCluster = true
      )

  val all: Seq[Part] = Seq(Policies, Tags, Roles, Users)
}
