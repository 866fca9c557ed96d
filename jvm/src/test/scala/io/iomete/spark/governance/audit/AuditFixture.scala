package io.iomete.spark.governance.audit

import java.nio.charset.StandardCharsets.UTF_8
import java.nio.file.{Files, Path}

import scala.jdk.CollectionConverters._

import com.fasterxml.jackson.databind.{JsonNode, ObjectMapper}

/** A spool folder, and what is in it. */
final class AuditFixture {
  val root: Path = Files.createTempDirectory("audit")
  val spool: Path = root.resolve("spool")
  private val mapper = new ObjectMapper

  def files: Seq[Path] =
    if (Files.exists(spool)) Files.list(spool).iterator.asScala.toSeq.sortBy(_.toString) else Nil

  def lines: Seq[String] = files.flatMap { file =>
    val text = new String(Files.readAllBytes(file), UTF_8)
    assert(text.isEmpty || text.endsWith("\n"), s"$file ends within a line")
    text.split("\n").toSeq.filter(_.nonEmpty)
  }

  def events: Seq[JsonNode] = lines.map(mapper.readTree(_))

  def ids: Seq[String] = events.map(_.get("id").asText)
}

object AuditFixture {
  val event: AuditEvent = AuditEvent(
    principal = "alice",
    action = "select",
    resource = "lake.sales.customers",
    columns = Some(Seq("id", "email")),
    verdict = Verdict.Allowed,
    policies = Seq(100L, 101L),
    masks = Map("email" -> "MASK_HASH"),
    filters = Seq(7L),
    snapshot = Some("4711"),
    query = "q-1",
    session = "s-1",
    application = "local-1",
    via = Seq("lake.mart.v"),
    reason = None
  )
}
