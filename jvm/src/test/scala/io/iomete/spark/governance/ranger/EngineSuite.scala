package io.iomete.spark.governance.ranger

import java.nio.file.{Files, Path}

import scala.reflect.io.Directory

import org.scalatest.funsuite.AnyFunSuite

import io.iomete.spark.governance.decisions.{ReadDecision, ResourceNames, TableResource}

/** An engine over a bundle in a folder of its own. */
abstract class EngineSuite extends AnyFunSuite {

  protected val people: BundleBuilder = BundleBuilder()
    .user("root")
    .user("alice", groups = Seq("analysts"), attributes = Map[String, Any]("region" -> "EU", "level" -> 3))
    .user("bob", groups = Seq("contractors"))
    .user("carol", groups = Seq("analysts", "auditors"))
    .user("off", groups = Seq("analysts"), enabled = false)
    .role("admin", users = Seq("root"))

  protected val customers: TableResource = ResourceNames.table("lake", Seq("crm"), "customers")
  protected val columns: Seq[String] = Seq("id", "email", "ssn")

  protected def ofUser(attribute: String): String = "$" + s"{{USER.$attribute}}"

  protected def inFolder[A](body: Path => A): A = {
    val folder = Files.createTempDirectory("bundle")
    try body(folder.resolve("bundle.json"))
    finally { val _ = new Directory(folder.toFile).deleteRecursively() }
  }

  protected def withEngine[A](bundle: BundleBuilder)(body: RangerPolicyEngine => A): A = inFolder { file =>
    val engine = RangerPolicyEngine.start(bundle.write(file))
    try body(engine)
    finally engine.close()
  }

  protected def read(bundle: BundleBuilder, who: String, asked: Seq[String] = columns): ReadDecision =
    withEngine(bundle)(_.read(who, customers, asked))
}
