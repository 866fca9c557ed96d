package io.iomete.spark.catalog

import java.nio.file.{Files, Path}

import scala.concurrent.{Await, Future}
import scala.concurrent.ExecutionContext.Implicits.global
import scala.concurrent.duration.DurationInt

import org.apache.hadoop.fs.{Path => HadoopPath}
import org.apache.spark.sql.AnalysisException
import org.apache.spark.sql.catalyst.FunctionIdentifier
import org.apache.spark.sql.catalyst.analysis.TableAlreadyExistsException
import org.apache.spark.sql.catalyst.catalog._
import org.apache.spark.sql.types.StructType
import org.scalatest.funsuite.AnyFunSuite

class DurableCatalogSuite extends AnyFunSuite {

  test("what a driver created, altered, renamed and dropped is there in the next one") {
    val lakehouse = new CatalogFixture
    val (before, _) = lakehouse.start()
    before.createDatabase(
      CatalogDatabase("sales", "orders", lakehouse.warehouse.resolve("sales.db").toUri, Map("a" -> "b")),
      ignoreIfExists = false
    )
    before.createTable(lakehouse.managed("orders", "sales"), ignoreIfExists = false)
    before.createTable(lakehouse.managed("gone", "sales"), ignoreIfExists = false)
    before.renameTable("sales", "orders", "invoices")
    before.alterTableDataSchema("sales", "invoices", StructType.fromDDL("id BIGINT, paid BOOLEAN"))
    before.alterTableStats("sales", "invoices", Some(CatalogStatistics(BigInt(10), Some(BigInt(2)))))
    before.createFunction("sales", function("twice"))
    before.renameFunction("sales", "twice", "double")
    before.dropTable("sales", "gone", ignoreIfNotExists = false, purge = false)

    val (after, problems) = lakehouse.start()

    assert(problems.isEmpty)
    assert(after.getDatabase("sales") == before.getDatabase("sales"))
    assert(after.listTables("sales") == Seq("invoices"))
    assert(after.getTable("sales", "invoices") == before.getTable("sales", "invoices"))
    assert(after.getFunction("sales", "double") == before.getFunction("sales", "double"))
    assert(after.listFunctions("sales", "*") == Seq("double"))
  }

  test("a database dropped with all that is in it is gone in the next driver") {
    val lakehouse = new CatalogFixture
    val (catalog, _) = lakehouse.start()
    createSales(lakehouse, catalog)
    catalog.createTable(lakehouse.managed("orders", "sales"), ignoreIfExists = false)

    intercept[AnalysisException](catalog.dropDatabase("sales", ignoreIfNotExists = false, cascade = false))
    assert(lakehouse.names == Seq("database sales", "table sales.orders"))
    catalog.dropDatabase("sales", ignoreIfNotExists = false, cascade = true)

    assert(lakehouse.names.isEmpty)
    assert(!lakehouse.start()._1.databaseExists("sales"))
  }

  test("a statement whose change can't be recorded fails and leaves everything as it was") {
    val lakehouse = new CatalogFixture
    val (catalog, _) = lakehouse.start()
    createSales(lakehouse, catalog)
    catalog.createTable(lakehouse.managed("orders", "sales"), ignoreIfExists = false)
    catalog.createFunction("sales", function("twice"))
    val data = Files.writeString(folderOf(catalog, "orders").resolve("part-0"), "rows")
    val (table, database) = (catalog.getTable("sales", "orders"), catalog.getDatabase("sales"))
    lakehouse.sql("ALTER TABLE session_objects RENAME TO elsewhere")

    val changes = Seq[() => Unit](
      () => catalog.createTable(lakehouse.managed("new", "sales"), ignoreIfExists = false),
      () => catalog.alterTable(table.copy(comment = Some("changed"))),
      () => catalog.alterTableSchema("sales", "orders", StructType.fromDDL("x INT")),
      () => catalog.renameTable("sales", "orders", "new"),
      () => catalog.dropTable("sales", "orders", ignoreIfNotExists = false, purge = true),
      () => catalog.alterDatabase(database.copy(description = "changed")),
      () => catalog.dropDatabase("sales", ignoreIfNotExists = false, cascade = true),
      () => catalog.createFunction("sales", function("new")),
      () => catalog.alterFunction("sales", function("twice").copy(className = "changed")),
      () => catalog.renameFunction("sales", "twice", "new"),
      () => catalog.dropFunction("sales", "twice"),
      () => createSales(lakehouse, catalog, "new")
    )
    changes.foreach { change =>
      val error = intercept[AnalysisException](change())
      assert(error.getCondition == "IOMETE_CATALOG_STORE.WRITE_FAILED")
      assert(error.getSqlState == "58030")
      assert(error.getMessage.contains("no such table"))
    }

    assert(catalog.listTables("sales") == Seq("orders"))
    assert(catalog.getTable("sales", "orders") == table)
    assert(catalog.listFunctions("sales", "*") == Seq("twice"))
    assert(catalog.getFunction("sales", "twice").className == "com.example.Twice")
    assert(catalog.listDatabases() == Seq("default", "sales"))
    assert(catalog.getDatabase("sales") == database)
    assert(Files.exists(data) && !Files.exists(lakehouse.warehouse.resolve("sales.db/new")))
  }

  test("a record is taken back when the change itself fails") {
    val lakehouse = new CatalogFixture
    val (catalog, _) = lakehouse.start()
    // A file where the folder of the table would be.
    Files.writeString(lakehouse.warehouse.resolve("orders"), "")

    intercept[Exception](catalog.createTable(lakehouse.managed("orders"), ignoreIfExists = false))

    assert(lakehouse.names.isEmpty)
  }

  test("drivers that write at once lose no object") {
    val lakehouse = new CatalogFixture
    val writers = (0 until 4).map { writer =>
      val (catalog, _) = lakehouse.start()
      Future {
        (0 until 15).foreach { i =>
          catalog.createTable(lakehouse.managed(s"t_${writer}_$i"), ignoreIfExists = false)
          if (i % 3 == 0) catalog.renameTable("default", s"t_${writer}_$i", s"r_${writer}_$i")
        }
      }
    }
    Await.result(Future.sequence(writers), 2.minutes)

    assert(lakehouse.rows.size == 60)
    assert(lakehouse.start()._1.listTables("default").size == 60)
  }

  test("a name that another driver took is taken here, and its table is then known") {
    val lakehouse = new CatalogFixture
    val (first, _) = lakehouse.start()
    val (second, _) = lakehouse.start()
    first.createTable(lakehouse.managed("orders"), ignoreIfExists = false)
    assert(!second.tableExists("default", "orders"))

    intercept[TableAlreadyExistsException] {
      second.createTable(lakehouse.managed("orders").copy(owner = "thief"), ignoreIfExists = false)
    }

    assert(second.getTable("default", "orders") == first.getTable("default", "orders"))
    second.createTable(lakehouse.managed("orders"), ignoreIfExists = true)
  }

  test("partitions of a table are never those of the catalog, which would forget them") {
    val lakehouse = new CatalogFixture
    val (catalog, _) = lakehouse.start()
    val table = lakehouse.managed("orders").copy(
      partitionColumnNames = Seq("region"),
      tracksPartitionsInCatalog = true
    )

    catalog.createTable(table, ignoreIfExists = false)

    assert(!catalog.getTable("default", "orders").tracksPartitionsInCatalog)
    assert(!lakehouse.start()._1.getTable("default", "orders").tracksPartitionsInCatalog)
  }

  private def createSales(
      lakehouse: CatalogFixture,
      catalog: DurableCatalog,
      name: String = "sales"
  ): Unit = {
    val location = lakehouse.warehouse.resolve(s"$name.db").toUri
    catalog.createDatabase(CatalogDatabase(name, "", location, Map.empty), ignoreIfExists = false)
  }

  private def folderOf(catalog: DurableCatalog, table: String): Path =
    Path.of(catalog.getTable("sales", table).location)

  private def function(name: String): CatalogFunction = {
    val resources = Seq(FunctionResource(JarResource, "file:/jars/twice.jar"))
    CatalogFunction(FunctionIdentifier(name, Some("sales")), "com.example.Twice", resources)
  }
}

class ReplaySuite extends AnyFunSuite {

  test("a replay touches no file, and objects whose files are gone come back") {
    val lakehouse = new CatalogFixture
    val (catalog, _) = lakehouse.start()
    val location = lakehouse.warehouse.resolve("sales.db")
    catalog.createDatabase(CatalogDatabase("sales", "", location.toUri, Map.empty), ignoreIfExists = false)
    catalog.createTable(lakehouse.managed("orders", "sales"), ignoreIfExists = false)
    Files.delete(location.resolve("orders"))
    Files.delete(location)

    val (after, problems) = lakehouse.start()

    assert(problems.isEmpty && after.tableExists("sales", "orders"))
    assert(!Files.exists(location))
  }

  test("names find their files after the folder was moved") {
    val lakehouse = new CatalogFixture
    val (catalog, _) = lakehouse.start()
    catalog.createTable(lakehouse.managed("orders"), ignoreIfExists = false)
    val elsewhere = lakehouse.managed("elsewhere").withNewStorage(
      locationUri = Some(new java.net.URI("s3://bucket/elsewhere"))
    )
    catalog.createTable(elsewhere.copy(tableType = CatalogTableType.EXTERNAL), ignoreIfExists = false)

    val moved = new CatalogFixture(Files.move(lakehouse.root, lakehouse.root.resolveSibling(
      lakehouse.root.getFileName.toString + " moved:here"
    )))
    val (after, problems) = moved.start()

    assert(problems.isEmpty)
    assert(Path.of(after.getTable("default", "orders").location) == moved.warehouse.resolve("orders"))
    assert(after.getTable("default", "elsewhere").location.toString == "s3://bucket/elsewhere")
  }

  test("rows that can't be read are reported, kept, and keep their names") {
    val lakehouse = new CatalogFixture
    val (catalog, _) = lakehouse.start()
    Seq("good", "newer", "broken", "bare").foreach { name =>
      catalog.createTable(lakehouse.managed(name), ignoreIfExists = false)
    }
    lakehouse.sql(
      "UPDATE session_objects SET definition = replace(definition, '\"version\":1', '\"version\":2')" +
        " WHERE object_name = 'newer'"
    )
    lakehouse.sql("UPDATE session_objects SET definition = '{' WHERE object_name = 'broken'")
    lakehouse.sql("UPDATE session_objects SET location = NULL WHERE object_name = 'bare'")

    val (after, problems) = lakehouse.start()

    assert(after.listTables("default") == Seq("good"))
    assert(problems.map(_.takeWhile(_ != ':')) == Seq(
      "table `default.bare`",
      "table `default.broken`",
      "table `default.newer`"
    ))
    assert(problems(2).contains("its version is 2, not 1"))
    assert(lakehouse.rows.size == 4)
    val error = intercept[AnalysisException] {
      after.createTable(lakehouse.managed("newer"), ignoreIfExists = false)
    }
    assert(error.getCondition == "IOMETE_CATALOG_STORE.UNREADABLE_OBJECT")
  }

  test("a row of a kind that nobody knows is told from the others") {
    val lakehouse = new CatalogFixture
    lakehouse.sql(
      "INSERT INTO session_objects VALUES ('macro', 'default', 'm', '{}', NULL, '2026-01-01T00:00:00Z')"
    )

    assert(lakehouse.store.load() == Seq(Left(UnknownRow("macro", "default.m"))))
  }

  test("everything about a table is kept") {
    val lakehouse = new CatalogFixture
    val schema = StructType.fromDDL(
      "id BIGINT NOT NULL COMMENT 'key', name STRING COLLATE UNICODE_CI, code CHAR(3)," +
        " tags MAP<STRING, ARRAY<INT>>, place STRUCT<lat: DOUBLE COMMENT 'north', `a.b`: INT>," +
        " price DECIMAL(38,10), day DATE"
    )
    val table = lakehouse.managed("orders").copy(
      schema = schema,
      storage = CatalogStorageFormat(
        // As Spark writes it, which escapes less than Java's Path.toUri.
        locationUri = Some(new HadoopPath(s"file:${lakehouse.warehouse}/with space%20and ü").toUri),
        inputFormat = Some("in"),
        outputFormat = Some("out"),
        serde = Some("serde"),
        compressed = true,
        properties = Map("path" -> lakehouse.warehouse.resolve("x").toString, "sep" -> "\u0001")
      ),
      partitionColumnNames = Seq("day"),
      bucketSpec = Some(BucketSpec(4, Seq("id"), Seq("name"))),
      owner = "alice",
      createTime = 5L,
      lastAccessTime = 6L,
      createVersion = "4.1.3",
      properties = Map("k" -> "v \"quoted\" \u2028 🦆"),
      stats = Some(
        CatalogStatistics(
          BigInt("123456789012345678901234567890"),
          Some(BigInt(7)),
          Map("id" -> CatalogColumnStat(Some(3), Some("1"), Some("9"), Some(0), Some(8L), Some(8L)))
        )
      ),
      viewText = Some("SELECT 1"),
      comment = Some("one row an order"),
      collation = Some("UTF8_LCASE"),
      unsupportedFeatures = Seq("feature"),
      schemaPreservesCase = false,
      ignoredProperties = Map("ignored" -> "x"),
      viewOriginalText = Some("select 1")
    )

    val back = lakehouse.definitions.readTable(lakehouse.definitions.table(table))

    val qualified = back.storage.properties("path")
    assert(qualified.stripPrefix("file:").replaceFirst("^/+", "/") == table.storage.properties("path"))
    val storage = back.storage.copy(properties = table.storage.properties)
    // Fields that a later Spark adds would be lost in silence: count them.
    assert(table.productArity == 21 && table.storage.productArity == 6)
    assert(back.copy(storage = storage) == table)
  }
}
