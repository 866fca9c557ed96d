package io.iomete.spark

import java.nio.file.Files

import io.iomete.spark.errors.{GovernanceNotLoaded, Startup}
import io.iomete.spark.governance.ranger.BundleBuilder
import org.apache.spark.SparkConf
import org.apache.spark.sql.{AnalysisException, SparkSession}
import org.scalatest.funsuite.AnyFunSuite

class StartupSuite extends AnyFunSuite {
  private val key = "spark.sql.extensions"
  private val first = "io.iomete.spark.IometeExtension"
  private val last = "io.iomete.spark.IometeParserExtension"

  test("Spark 4.1 is supported and no other") {
    Seq("4.1.0", "4.1.3", "4.1.4-SNAPSHOT").foreach(SupportedSpark.require)
    Seq("4.0.1", "4.2.0", "4.10.0", "3.5.1", "").foreach { version =>
      val error = intercept[AnalysisException](SupportedSpark.require(version))
      assert(error.getCondition == "IOMETE_UNSUPPORTED_SPARK")
    }
  }

  test("a failure that Spark would swallow comes out as one that it doesn't") {
    Seq(new NoClassDefFoundError("x"), new ClassCastException("x"), new ExceptionInInitializerError("x"))
      .foreach { failure =>
        val error = intercept[GovernanceNotLoaded](Startup.orRefuse("Extension")(throw failure))
        assert(error.getCause eq failure)
      }
  }

  test("our extensions are first and last, or the driver doesn't start") {
    IometePlugin.requireExtensions(conf(s"$first, a.B ,$last"))
    Seq("", first, last, s"$last,$first", s"a.B,$first,$last", s"$first,$last,a.B").foreach { listed =>
      val error = intercept[AnalysisException](IometePlugin.requireExtensions(conf(listed)))
      assert(error.getCondition == "IOMETE_UNGOVERNED_SESSION")
    }
  }

  test("a Connect server that would authenticate nobody doesn't start") {
    val server = "org.apache.spark.sql.connect.SparkConnectPlugin"
    val needed = "io.iomete.spark.connect.ConnectAuthentication"
    def served(interceptors: String): SparkConf = new SparkConf(false)
      .set("spark.plugins", s"io.iomete.spark.IometePlugin, $server")
      .set("spark.connect.grpc.interceptor.classes", interceptors)
    IometePlugin.requireAuthentication(new SparkConf(false))
    IometePlugin.requireAuthentication(served(s"a.B, $needed"))
    Seq("", "a.B", s"$needed.Not").foreach { listed =>
      val error =
        intercept[AnalysisException](IometePlugin.requireAuthentication(served(listed)))
      assert(error.getCondition == "IOMETE_UNAUTHENTICATED_SERVER")
      assert(error.getMessage.contains(s"Hint: set it to `$needed`"))
    }
    assert(Class.forName(needed).getSimpleName == "ConnectAuthentication")
  }

  test("what starts a driver needs no class of a server") {
    val servers = Seq("org.sparkproject.connect.", "org.apache.spark.sql.connect.service.",
      "org.apache.hive.service.", "org.apache.thrift.")
    val here = getClass.getClassLoader
    val jar = classOf[IometePlugin].getProtectionDomain.getCodeSource.getLocation
    val bare = new java.net.URLClassLoader(Array(jar), here) {
      override def loadClass(name: String, resolve: Boolean): Class[_] =
        if (servers.exists(name.startsWith)) throw new ClassNotFoundException(name)
        else if (!name.startsWith("io.iomete.spark.")) super.loadClass(name, resolve)
        else Option(findLoadedClass(name)).getOrElse(findClass(name))
    }
    val needed = Seq[Class[_]](classOf[IometePlugin], classOf[IometeExtension], Sessions.getClass,
      Governance.getClass, identity.PrincipalBinding.getClass, identity.ServedPrincipals.getClass)
    needed.foreach { known =>
      val loaded = Class.forName(known.getName, true, bare)
      assert(loaded.getClassLoader eq bare)
      assert(loaded.getMethods.nonEmpty) // resolves what they mention
    }
    intercept[NoClassDefFoundError] {
      Class.forName("io.iomete.spark.connect.ConnectAuthentication", true, bare)
    }
  }

  test("a driver with the plug-in and without the extensions doesn't start") {
    val error = intercept[Throwable](start("org.example.Missing").stop())
    val causes = Iterator.iterate(error)(_.getCause).takeWhile(_ != null).map(_.getMessage)
    assert(causes.exists(_.contains("IOMETE_UNGOVERNED_SESSION")))
  }

  test("a principal is inherited by clones and streams, and not by new sessions") {
    val spark = start(s"$first,$last")
    try {
      govern(spark)
      Sessions.bindPrincipal(spark, "alice")
      assert(Sessions.principalOf(spark) == "alice")
      assert(Sessions.principalOf(spark.newSession()) == null)
      assert(Sessions.principalOf(Sessions.newSession(spark, "bob")) == "bob")
      assert(intercept[AnalysisException](Sessions.bindPrincipal(spark, "bob")).getCondition ==
        "IOMETE_PRINCIPAL_ALREADY_BOUND")
      assert(spark.sql("SELECT current_user()").head().getString(0) == "alice")
      assert(principalsOfStream(spark) == Set("alice"))
    } finally spark.stop()
  }

  private def govern(spark: SparkSession): Unit = {
    val folder = Files.createTempDirectory("governed")
    val bundle = BundleBuilder().user("alice").role("admin", users = Seq("alice"))
    val file = bundle.write(folder.resolve("bundle.json"))
    val spool = folder.resolve("spool").toString
    val _ = Governance.start(
      spark,
      file.toString,
      new Array[Byte](32),
      spool,
      auditRequired = false,
      spoolFileBytes = 1 << 20,
      spoolFileSeconds = 3600
    )
  }

  private def principalsOfStream(spark: SparkSession): Set[String] = {
    @volatile var seen = Set.empty[String]
    val stream = spark.readStream
      .format("rate-micro-batch")
      .option("rowsPerBatch", "1")
      .load()
      .writeStream
      .foreachBatch { (rows: org.apache.spark.sql.DataFrame, _: Long) =>
        assert(rows.sparkSession ne spark)
        seen += Sessions.principalOf(rows.sparkSession)
      }
      .trigger(org.apache.spark.sql.streaming.Trigger.AvailableNow())
      .start()
    stream.processAllAvailable()
    stream.stop()
    seen
  }

  private def conf(extensions: String): SparkConf = new SparkConf(false).set(key, extensions)

  private def start(extensions: String): SparkSession =
    SparkSession
      .builder()
      .master("local[1]")
      .config("spark.ui.enabled", "false")
      .config("spark.sql.shuffle.partitions", "1")
      .config("spark.plugins", "io.iomete.spark.IometePlugin")
      .config(key, extensions)
      .getOrCreate()
}
