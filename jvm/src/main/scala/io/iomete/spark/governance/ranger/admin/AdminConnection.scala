package io.iomete.spark.governance.ranger.admin

import java.net.{InetAddress, URI, UnknownHostException}
import java.nio.charset.StandardCharsets.UTF_8
import java.time.Duration
import java.util.{Base64, Map => JMap}

/** A Ranger Admin, and what this lakehouse is to it.
  *
  * Deliberately no case class: it holds credentials, and prints none.
  *
  * @param authorization
  *   the header of that name
  * @param cluster
  *   what Ranger Admin lists this lakehouse under; may be empty
  */
final class AdminConnection(
    val url: String,
    val service: String,
    private[admin] val authorization: Option[String],
    val cluster: String,
    val poll: Duration,
    val timeout: Duration
) {

  /** How Ranger names a plugin: application, host and service; at most 255 characters. */
  val pluginId: String = s"iomete@${AdminConnection.hostname}-$service".take(255)

  private[admin] def address(pathAndQuery: String): URI = URI.create(url + pathAndQuery)

  override def toString: String = s"service `$service` of Ranger Admin `$url`"
}

object AdminConnection {
  private val secondsToMillis = 1000

  /** The connection that Python's settings ask for: `url`, `service`, `cluster`, `poll_seconds`,
    * `timeout_seconds`, and `user` with `password`, or `token`, or none of them.
    */
  def of(settings: JMap[String, String]): AdminConnection = {
    def text(key: String): Option[String] = Option(settings.get(key)).filter(_.nonEmpty)
    def seconds(key: String): Duration = Duration.ofMillis((settings.get(key).toDouble * secondsToMillis).round)
    new AdminConnection(
      settings.get("url").stripSuffix("/"),
      settings.get("service"),
      text("token").map("Bearer " + _).orElse(text("user").map(basic(_, settings.get("password")))),
      text("cluster").getOrElse(""),
      seconds("poll_seconds"),
      seconds("timeout_seconds")
    )
  }

  private[admin] def basic(user: String, password: String): String =
    "Basic " + Base64.getEncoder.encodeToString(s"$user:$password".getBytes(UTF_8))

  private lazy val hostname: String =
    try InetAddress.getLocalHost.getHostName
    catch { case _: UnknownHostException => "unknown" }
}
