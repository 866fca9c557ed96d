package io.iomete.spark.governance.ranger

import java.lang.management.ManagementFactory

import io.iomete.spark.governance.decisions.{ResourceNames, TableResource}

import BundleBuilder._

/** Times, printed, with bounds that a busy machine keeps. */
class SpeedSuite extends EngineSuite {

  private def bundle(policies: Int): BundleBuilder = {
    val made = (0 until policies).map { n =>
      val table = s"lake.ns${n % 100}.t$n"
      n % 4 match {
        case 0 => allow("select", s"group:g${n % 50}", wholeTable(table))
        case 1 => allow("select insert", s"user$n", wholeTable(s"lake.ns${(n - 1) % 100}.t${n - 1}"))
        case 2 => mask("MASK_HASH", s"group:g${n % 50}", BundleBuilder.columns(table.replace(s"t$n", s"t${n - 2}"), "c1", "c2"))
        case _ => filter("region = 'EU'", s"group:g${n % 50}", tableOnly(s"lake.ns${(n - 3) % 100}.t${n - 3}"))
      }
    }
    people
      .user("dave", groups = (0 until 50).map("g" + _))
      .policy(made: _*)
      .policy(allow("select", "group:g0", namespace("lake", "wide")))
      .policy(mask("MASK", "group:g0", named("lake", "wide", "*", "c1*")))
  }

  private val threads = ManagementFactory.getThreadMXBean

  /** Milliseconds of this thread's processor: what others run beside it doesn't count. */
  private def millis[A](body: => A): (A, Double) = {
    val start = threads.getCurrentThreadCpuTime
    val result = body
    (result, (threads.getCurrentThreadCpuTime - start) / 1e6)
  }

  private def used(): Long = {
    (1 to 3).foreach { _ => System.gc(); Thread.sleep(50) }
    val runtime = Runtime.getRuntime
    (runtime.totalMemory - runtime.freeMemory) >> 20
  }

  private def say(text: String): Unit = info(text)

  test("10,000 policies load, and 2,000 refresh") {
    withEngine(bundle(1000))(_ => ()) // warms up
    inFolder { file =>
      val before = used()
      bundle(10000).write(file)
      val (engine, loading) = millis(RangerPolicyEngine.start(file))
      say(f"10,000 policies: loaded in $loading%.0f ms, ${used() - before} MiB held, file ${file.toFile.length() >> 10} KiB")
      engine.close()
      assert(loading < 6000)
    }
    inFolder { file =>
      val two = bundle(2000)
      val engine = RangerPolicyEngine.start(two.write(file))
      val times = (2 to 8).map { version =>
        two.copy(version = version.toLong).write(file)
        val (loaded, time) = millis(engine.refresh())
        assert(loaded == version)
        time
      }
      engine.close()
      say(f"2,000 policies: refreshed in ${times.sorted.apply(times.size / 2)}%.0f ms")
      assert(times.min < 1000)
    }
  }

  test("decisions") {
    withEngine(bundle(2000)) { engine =>
      val three = Seq("c1", "c2", "c3")
      val wide = (1 to 300).map("c" + _)
      def cold(rounds: Int, columns: Seq[String], table: Int => TableResource): Double = {
        (0 until rounds).foreach(n => engine.read("dave", table(n), columns))
        val (_, time) = millis((0 until rounds).foreach(n => engine.read("dave", table(rounds + n), columns)))
        time * 1000 / rounds
      }
      val narrow = cold(4000, three, n => ResourceNames.table("lake", Seq("wide"), s"x$n"))
      val broad = cold(100, wide, n => ResourceNames.table("lake", Seq("wide"), s"y$n"))
      val table = ResourceNames.table("lake", Seq("wide"), "x1")
      def cached(columns: Seq[String]) = {
        val (_, time) = millis((0 until 200000).foreach(_ => engine.read("dave", table, columns)))
        time * 1000 / 200000
      }
      val (one, many) = { cached(three); (cached(three), cached(wide)) }
      say(f"2,000 policies: 3 columns $narrow%.0f µs, 300 columns $broad%.0f µs, asked before $one%.2f and $many%.2f µs")
      val (_, epochs) = millis((0 until 1000000).foreach(_ => engine.epoch))
      say(f"epoch: ${epochs}%.0f ns")
      assert(narrow < 1000 && broad < 50000 && one < 50)
    }
  }

  test("names of 2,000 tables, for someone who knows none and someone who knows some") {
    withEngine(bundle(2000)) { engine =>
      def all(who: String) = millis((0 until 2000).count(n => engine.isKnown(who, ResourceNames.table("lake", Seq(s"ns${n % 100}"), s"t$n"))))
      all("carol")
      val (none, time) = all("bob")
      val (some, longer) = all("dave")
      val (known, catalog) = millis(engine.isCatalogKnown("bob", "lake"))
      say(f"2,000 names: $none in $time%.0f ms, $some in $longer%.0f ms; a catalog not known $catalog%.1f ms")
      assert(none == 0 && some > 0 && !known && time < 5000)
    }
  }
}
