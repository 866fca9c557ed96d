package io.iomete.spark.governance.ranger.admin

import java.io.ByteArrayOutputStream
import java.nio.ByteBuffer
import java.nio.channels.FileChannel
import java.nio.charset.StandardCharsets.UTF_8
import java.nio.file.{Files, NoSuchFileException, Path, StandardCopyOption, StandardOpenOption}
import java.nio.file.attribute.PosixFilePermissions

import scala.jdk.CollectionConverters._

import com.fasterxml.jackson.databind.{JsonNode, ObjectMapper}

import io.iomete.spark.governance.ranger.Bundle

/** The last good download on disk, for a start without the server.
  *
  * For its owner only: it says who may see what. It ends in a digest as the bundle does, and is
  * replaced at once.
  */
private[admin] final class AdminCache(file: Path, connection: AdminConnection) {
  import AdminCache._

  /** What was kept of this server and service; None where nothing was.
    *
    * Throws where the file is damaged.
    */
  def read(): Option[Known] =
    try {
      val bytes = Files.readAllBytes(file)
      val _ = Bundle.verifiedDigest(bytes)
      val content = mapper.readTree(bytes)
      Option.when(isOurs(content))(known(content))
    } catch { case _: NoSuchFileException => None }

  /** Keeps what is in force now. Throws IOException. */
  def write(known: Known): Unit = {
    val partial = Files.createTempFile(file.getParent, s"${file.getFileName}.", ".partial", ownerOnly)
    try {
      val channel = FileChannel.open(partial, StandardOpenOption.WRITE)
      try {
        val content = ByteBuffer.wrap(bytes(known))
        while (content.hasRemaining) { val _ = channel.write(content) }
        channel.force(true)
      } finally channel.close()
      val _ = Files.move(partial, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING)
    } finally { val _ = Files.deleteIfExists(partial) }
  }

  private def isOurs(content: JsonNode): Boolean =
    content.path("format").asInt == format && content.path("url").asText == connection.url &&
      content.path("service").asText == connection.service

  private def known(content: JsonNode): Known = {
    val parts = content.path("parts")
    if (parts.isEmpty) Known.Gone
    else
      new Known.Whole(Part.all.map { part =>
        val node = parts.required(part.name)
        part -> new Download(
          node.required("version").longValue,
          node.required("activated").longValue,
          mapper.writeValueAsBytes(node.required("content"))
        )
      }.toMap)
  }

  /** What the server sent is put in as it came, which was valid JSON, or it would not be in force. */
  private def bytes(known: Known): Array[Byte] = {
    val out = new ByteArrayOutputStream()
    def put(text: String): Unit = out.write(text.getBytes(UTF_8))
    put(s"""{"format":$format,"url":${quoted(connection.url)},"service":${quoted(connection.service)},"parts":{""")
    Part.all.flatMap(part => known.part(part).map(part -> _)).zipWithIndex.foreach { case ((part, download), index) =>
      if (index > 0) put(",")
      put(s"""${quoted(part.name)}:{"version":${download.version},"activated":${download.activated},"content":""")
      out.write(download.json)
      put("}")
    }
    put("}")
    val digest = Bundle.digestOf(out.toByteArray)
    put(s""","sha256":"$digest"}""")
    out.toByteArray
  }
}

private object AdminCache {
  val fileName = "ranger.json"

  private val format = 1
  private val mapper = new ObjectMapper()
  private val ownerOnly = PosixFilePermissions.asFileAttribute(Set(
    java.nio.file.attribute.PosixFilePermission.OWNER_READ,
    java.nio.file.attribute.PosixFilePermission.OWNER_WRITE
  ).asJava)

  private def quoted(text: String): String = mapper.writeValueAsString(text)
}
