package io.iomete.spark.governance.ranger.admin

import java.net.{InetAddress, InetSocketAddress, URI}
import java.nio.charset.StandardCharsets.UTF_8
import java.util.concurrent.{ConcurrentLinkedQueue, Executors}

import scala.jdk.CollectionConverters._

import com.fasterxml.jackson.databind.json.JsonMapper
import com.fasterxml.jackson.databind.node.{ArrayNode, ObjectNode}
import com.sun.net.httpserver.{HttpExchange, HttpServer}

import io.iomete.spark.governance.ranger.BundleBuilder

/** Speaks Ranger Admin's download protocol for one service, over loopback. */
final class AdminServer(port: Int = 0) extends AutoCloseable {
  import AdminServer._

  @volatile var content: BundleBuilder = BundleBuilder()
  @volatile var versions: Map[String, Long] = parts.values.map(_ -> 1L).toMap

  /** Answers in the place of the right ones, by part; None goes on to the right one. */
  @volatile var fault: String => Option[Fault] = _ => None

  /** Whether there is the service. */
  @volatile var isThere = true

  val requests = new ConcurrentLinkedQueue[URI]()
  val statuses = new ConcurrentLinkedQueue[(String, Int)]()
  @volatile var authorization: Option[String] = Some(AdminConnection.basic("lake", "s3cret"))

  private val threads = Executors.newCachedThreadPool()
  private val server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress, port), 0)
  server.setExecutor(threads)
  server.createContext("/", answer(_))
  server.start()

  def address: Int = server.getAddress.getPort

  def url: String = s"http://127.0.0.1:$address"

  /** Other content, and a higher version of all that it is made of. */
  def publish(next: BundleBuilder): Unit = {
    content = next
    versions = versions.map { case (part, version) => part -> (version + 1) }
  }

  override def close(): Unit = {
    server.stop(0)
    threads.shutdownNow()
    ()
  }

  private def answer(exchange: HttpExchange): Unit =
    try {
      val address = exchange.getRequestURI
      requests.add(address)
      val path = address.getPath
      val part = parts.collectFirst { case (prefix, name) if path == prefix + service => name }
      val asked = Option(exchange.getRequestHeaders.getFirst("Authorization"))
      part match {
        case _ if asked != authorization => send(exchange, "", 401, "")
        case None                        => send(exchange, "", 404, "no such page")
        case Some(name) =>
          fault(name) match {
            case Some(fault)                       => fail(exchange, name, fault)
            case None if !isThere                  => send(exchange, name, 404, notFound)
            case None if knows(address, name)      => send(exchange, name, 304, "")
            case None                              => send(exchange, name, 200, json(name))
          }
      }
    } finally exchange.close()

  private def knows(address: URI, part: String): Boolean =
    address.getQuery.split('&').contains(s"${versionParameters(part)}=${versions(part)}")

  private def fail(exchange: HttpExchange, part: String, fault: Fault): Unit = {
    Thread.sleep(fault.delayMillis)
    val body = fault.body(json(part))
    statuses.add(part -> fault.status)
    exchange.getResponseHeaders.add("Location", "/login.jsp")
    // More is promised than comes: the connection is closed in the middle.
    exchange.sendResponseHeaders(fault.status, if (fault.cut) body.length + 100L else math.max(body.length, 1).toLong)
    exchange.getResponseBody.write(if (body.isEmpty) " ".getBytes(UTF_8) else body)
    exchange.getResponseBody.flush()
  }

  private def send(exchange: HttpExchange, part: String, status: Int, body: String): Unit = {
    statuses.add(part -> status)
    val bytes = body.getBytes(UTF_8)
    exchange.sendResponseHeaders(status, if (bytes.isEmpty) -1L else bytes.length.toLong)
    if (bytes.nonEmpty) exchange.getResponseBody.write(bytes)
  }

  /** The four downloads, out of a bundle that says the same. */
  private def json(part: String): String = {
    val bundle = mapper.readTree(content.json)
    part match {
      case "policies" =>
        val services = bundle.path("services").asInstanceOf[ObjectNode]
        services.put("serviceName", service).put("policyVersion", versions(part)).put("policyUpdateTime", 1700000000000L)
        services.withObject("/tagPolicies").put("serviceName", s"${service}_tag")
        Seq(services, services.path("tagPolicies").asInstanceOf[ObjectNode]).foreach { of =>
          // Ranger has none of the policies that are built into a lakehouse.
          val policies = of.get("policies").asInstanceOf[ArrayNode]
          val own = policies.asScala.filter(_.path("id").asInt >= firstOfUsers).toSeq
          policies.removeAll()
          own.foreach(policy => policies.add(policy))
        }
        services.toString
      case "tags" =>
        bundle.path("tags").asInstanceOf[ObjectNode].put("serviceName", service).put("tagVersion", versions(part)).toString
      case "roles" =>
        bundle.path("roles").asInstanceOf[ObjectNode].put("serviceName", service).put("roleVersion", versions(part)).toString
      case _ =>
        val users = bundle.path("users").properties.asScala.toSeq.map(entry => entry.getKey -> entry.getValue)
        val store = mapper.createObjectNode().put("userStoreVersion", versions(part))
        users.foreach { case (name, user) =>
          store.withObject("/userGroupMapping").set[ObjectNode](name, user.path("groups"))
          val attributes = store.withObject("/userAttrMapping").withObject(s"/$name")
          user.path("attributes").properties.asScala.foreach(entry => attributes.put(entry.getKey, entry.getValue.asText))
        }
        store.toString
    }
  }
}

object AdminServer {
  val service = "our lake"

  private val firstOfUsers = 100
  private val mapper = JsonMapper.builder().build()
  private val notFound = "\"RANGER_ERROR_SERVICE_NOT_FOUND: ServiceName=" + service + "\""
  private val parts = Map(
    "/service/plugins/secure/policies/download/" -> "policies",
    "/service/tags/secure/download/" -> "tags",
    "/service/roles/secure/download/" -> "roles",
    "/service/xusers/secure/download/" -> "users"
  )
  private val versionParameters = Map(
    "policies" -> "lastKnownVersion",
    "tags" -> "lastKnownVersion",
    "roles" -> "lastKnownRoleVersion",
    "users" -> "lastKnownUserStoreVersion"
  )

  /** A wrong answer.
    *
    * @param cut
    *   whether the connection ends before what was promised has come
    */
  final class Fault(
      val status: Int = 200,
      change: String => String = identity,
      val delayMillis: Long = 0,
      val cut: Boolean = false
  ) {
    def body(right: String): Array[Byte] = change(right).getBytes(UTF_8)
  }
}
