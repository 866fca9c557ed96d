package io.iomete.spark.identity

import io.iomete.spark.Sessions
import org.apache.spark.sql.{AnalysisException, SparkSession}
import org.apache.spark.sql.classic.{SparkSession => ClassicSession}
import org.scalatest.BeforeAndAfterAll
import org.scalatest.funsuite.AnyFunSuite

class ServedPrincipalsSuite extends AnyFunSuite with BeforeAndAfterAll {
  private lazy val spark = SparkSession
    .builder()
    .master("local[1]")
    .config("spark.ui.enabled", "false")
    .getOrCreate()

  /** A server whose sessions are told by hand. */
  private class Server extends SessionSource {
    @volatile var users = Map.empty[SparkSession, String]
    @volatile var asked = 0
    override def userOf(session: SparkSession): Option[String] = {
      asked += 1
      users.get(session)
    }
  }

  private val server, other = new Server

  override def beforeAll(): Unit = Seq(server, other, server).foreach(ServedPrincipals.add)
  override def afterAll(): Unit = spark.stop()

  test("a served session is bound when it is first asked about, and for good") {
    val session = spark.newSession()
    assert(PrincipalBinding.principalOf(session).isEmpty)
    server.users = Map(session -> "alice")
    assert(PrincipalBinding.principalOf(session).contains("alice"))
    server.users = Map(session -> "bob")
    val before = server.asked
    assert(PrincipalBinding.principalOf(session).contains("alice"))
    server.users = Map.empty
    assert(PrincipalBinding.principalOf(session).contains("alice"))
    assert(server.asked == before)
  }

  test("a clone of a served session is of its user, and a new session of nobody") {
    val session = spark.newSession()
    server.users = Map(session -> "alice")
    assert(PrincipalBinding.principalOf(session).contains("alice"))
    assert(PrincipalBinding.principalOf(clone(session)).contains("alice"))
    assert(PrincipalBinding.principalOf(session.newSession()).isEmpty)
  }

  /** As Spark does for each stream; not for others to call. */
  private def clone(session: SparkSession): SparkSession =
    classOf[ClassicSession].getMethod("cloneSession").invoke(session).asInstanceOf[SparkSession]

  test("what is bound already is asked nobody about, and what is served can't be bound to another") {
    val own, served = spark.newSession()
    Sessions.bindPrincipal(own, "carol")
    server.users = Map(own -> "alice", served -> "alice")
    assert(PrincipalBinding.principalOf(own).contains("carol"))
    val error = intercept[AnalysisException](Sessions.bindPrincipal(served, "carol"))
    assert(error.getCondition == "IOMETE_PRINCIPAL_ALREADY_BOUND")
    assert(PrincipalBinding.principalOf(served).contains("alice"))
  }

  test("servers that disagree, and users without a name, are nobody") {
    val disputed, agreed, blank = spark.newSession()
    server.users = Map(disputed -> "alice", agreed -> "alice", blank -> " ")
    other.users = Map(disputed -> "bob", agreed -> "alice")
    assert(PrincipalBinding.principalOf(disputed).isEmpty)
    assert(PrincipalBinding.principalOf(agreed).contains("alice"))
    assert(PrincipalBinding.principalOf(blank).isEmpty)
  }
}
