package io.iomete.spark.governance.ranger.admin

import java.net.URLEncoder
import java.net.http.{HttpClient, HttpRequest, HttpResponse}
import java.nio.charset.StandardCharsets.UTF_8
import java.util.concurrent.{ExecutionException, TimeUnit, TimeoutException}

import org.apache.ranger.plugin.util.RangerPluginCapability

/** Asks a Ranger Admin, as its own plugins do.
  *
  * Redirects aren't followed: they lead to a login page, or take credentials elsewhere.
  */
private[admin] final class AdminClient(connection: AdminConnection) {
  import AdminClient._

  private val http = HttpClient
    .newBuilder()
    .version(HttpClient.Version.HTTP_1_1)
    .followRedirects(HttpClient.Redirect.NEVER)
    .connectTimeout(connection.timeout)
    .build()

  /** Asks for a part that changed since it was downloaded.
    *
    * Throws [[AdminFailure]] where there is no answer that says anything.
    */
  def ask(part: Part, known: Option[Download]): Answer = {
    val response = send(part, request(part, known))
    val body = Option(response.body).getOrElse(Array.emptyByteArray)
    response.statusCode match {
      case 200 => new Answer.Changed(body)
      // To one who knows nothing it would mean that there is nothing: too much to read into it.
      case 204 | 304 if known.nonEmpty         => Answer.Unchanged
      case 404 if saysNoSuchService(body)      => Answer.NoSuchService
      case status =>
        throw new AdminFailure(s"$connection answers ${part.name} with HTTP status $status.${hint(status)}")
    }
  }

  private def request(part: Part, known: Option[Download]): HttpRequest = {
    val isSecure = connection.authorization.nonEmpty
    val address = connection.address(part.pathFor(isSecure) + encoded(connection.service) + "?" + query(part, known))
    val builder = HttpRequest.newBuilder(address).timeout(connection.timeout).header("Accept", "application/json")
    connection.authorization.foreach(builder.header("Authorization", _))
    builder.GET().build()
  }

  private def query(part: Part, known: Option[Download]): String = {
    val parameters = Seq(
      part.versionParameter -> known.fold(-1L)(_.version).toString,
      "lastActivationTime" -> known.fold(0L)(_.activated).toString,
      "pluginId" -> connection.pluginId,
      "pluginCapabilities" -> RangerPluginCapability.getBaseRangerCapabilities
    ) ++ part.parameters ++ Option.when(part.namesCluster)("clusterName" -> connection.cluster)
    parameters.map { case (key, value) => s"$key=${encoded(value)}" }.mkString("&")
  }

  /** The whole answer within the time: HttpClient's own limit ends with the first byte. */
  private def send(part: Part, request: HttpRequest): HttpResponse[Array[Byte]] = {
    def failed(why: String, cause: Throwable): Nothing =
      throw new AdminFailure(s"$connection can't be asked for ${part.name}: $why.", cause)
    val answer = http.sendAsync(request, HttpResponse.BodyHandlers.ofByteArray())
    try answer.get(connection.timeout.toMillis, TimeUnit.MILLISECONDS)
    catch {
      case error: ExecutionException =>
        val cause = Option(error.getCause).getOrElse(error)
        failed(Option(cause.getMessage).filter(_.nonEmpty).getOrElse(cause.getClass.getSimpleName), cause)
      case error: TimeoutException =>
        failed(s"no whole answer came within ${connection.timeout.toMillis} ms", error)
    } finally { val _ = answer.cancel(true) }
  }

  /** As Ranger says it: the text alone is the body, in quotes. */
  private def saysNoSuchService(body: Array[Byte]): Boolean =
    new String(body, UTF_8).trim.stripPrefix("\"").stripSuffix("\"") ==
      s"RANGER_ERROR_SERVICE_NOT_FOUND: ServiceName=${connection.service}"
}

private object AdminClient {

  private def encoded(text: String): String = URLEncoder.encode(text, UTF_8).replace("+", "%20")

  private def hint(status: Int): String = status match {
    case 401 => " Check the user and password, or the token."
    case 403 =>
      " The user must be an administrator there, or be named in the service's `policy.download.auth.users`, " +
        "`tag.download.auth.users` and `userstore.download.auth.users`."
    case code if code >= 300 && code < 400 => " A login page may be in the way: give a user, or a token."
    case _                                 => ""
  }
}
