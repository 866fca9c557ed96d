package io.iomete.spark.governance.commands

import java.io.File
import java.lang.reflect.Modifier
import java.util.jar.JarFile

import scala.jdk.CollectionConverters._
import scala.util.control.NonFatal

import org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions
import org.apache.spark.sql.catalyst.plans.logical.Command
import org.apache.spark.sql.delta.DeltaLog
import org.apache.spark.sql.execution.command.ExplainCommand
import org.scalatest.funsuite.AnyFunSuite

class JudgedCommandsSuite extends AnyFunSuite {
  private val jars = Seq(classOf[Command], classOf[ExplainCommand], classOf[IcebergSparkSessionExtensions], classOf[DeltaLog])
  private val notHere = "org.apache.spark.sql.hive."

  test("somebody has judged every command that the jars bring, and nothing that they don't") {
    val found = jars.flatMap(commandsIn).toSet
    val judged = JudgedCommands.all.keySet.filterNot(_.startsWith(notHere))
    assert(found.size > 150)
    assert((found -- judged).isEmpty, "add these to commands.txt, with a verdict")
    assert((judged -- found).isEmpty, "remove these from commands.txt")
  }

  private def commandsIn(anyClass: Class[_]): Seq[String] = {
    val jar = new JarFile(new File(anyClass.getProtectionDomain.getCodeSource.getLocation.toURI))
    try {
      jar.entries.asScala.map(_.getName).toSeq
        .filter(name => name.endsWith(".class") && roots.exists(name.startsWith))
        .map(_.stripSuffix(".class").replace('/', '.'))
        .filter(isCommand)
    } finally jar.close()
  }

  private val roots = Seq("org/apache/spark/", "org/apache/iceberg/spark/", "io/delta/")

  private def isCommand(name: String): Boolean =
    try {
      val found = Class.forName(name, false, getClass.getClassLoader)
      classOf[Command].isAssignableFrom(found) && !found.isInterface && !Modifier.isAbstract(found.getModifiers)
    } catch {
      // A class whose libraries aren't here can't be run either.
      case _: LinkageError | NonFatal(_) => false
    }
}
