package io.iomete.spark.governance.audit

import java.io.{File, IOException}
import java.nio.file.{Path, Paths}

/** A driver of its own that writes events until it is killed, printing the number of each one that
  * was taken, and the failures.
  */
object AuditProcess {

  def main(arguments: Array[String]): Unit = {
    val writer = new AuditWriter(Paths.get(arguments.head), AuditRules(required = true))
    val limit = arguments(1).toInt
    for (number <- 1 to limit) {
      try {
        writer.write(AuditFixture.event.copy(query = number.toString))
        println(number)
      } catch { case error: IOException => println(s"failed: ${error.getMessage}") }
    }
  }

  /** @param before what a shell runs first, such as `ulimit` */
  def start(spool: Path, events: Int, before: String = ":"): Process = {
    val java = Paths.get(System.getProperty("java.home"), "bin", "java").toString
    val main = getClass.getName.stripSuffix("$")
    val places = Seq[Class[_]](classOf[AuditWriter], getClass, classOf[Option[_]], classOf[org.slf4j.Logger])
    val path = places.map(c => new File(c.getProtectionDomain.getCodeSource.getLocation.toURI))
    val command = Seq(java, "-cp", path.mkString(File.pathSeparator), main, spool.toString, s"$events")
    new ProcessBuilder(Seq("sh", "-c", s"$before; exec \"$$@\"", "sh") ++ command: _*)
      .redirectError(ProcessBuilder.Redirect.DISCARD)
      .start()
  }
}
