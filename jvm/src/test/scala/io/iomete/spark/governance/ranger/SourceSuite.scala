package io.iomete.spark.governance.ranger

import java.nio.charset.StandardCharsets.UTF_8
import java.nio.file.{Files, Path}
import java.nio.file.attribute.FileTime
import java.text.SimpleDateFormat
import java.util.{Date, TimeZone}

import org.scalatest.Assertion

import BundleBuilder._

/** The file: what is taken from it, when, and what happens when it can't be used. */
class SourceSuite extends EngineSuite {
  private val granted = people.policy(allow("select", "alice", wholeTable("lake.crm.customers")))
  private val revoked = people.copy(version = 2)

  private def sees(engine: RangerPolicyEngine): Boolean = engine.read("alice", customers, columns).visible.nonEmpty

  private def started[A](bundle: BundleBuilder)(body: (Path, RangerPolicyEngine) => A): A = inFolder { file =>
    val engine = RangerPolicyEngine.start(bundle.write(file))
    try body(file, engine)
    finally engine.close()
  }

  private def eventually(condition: => Boolean): Assertion = {
    val deadline = System.nanoTime() + 10000000000L
    while (!condition && System.nanoTime() < deadline) Thread.sleep(10)
    assert(condition)
  }

  test("a session does not start without a bundle, and is told what to do") {
    inFolder { file =>
      val error = intercept[UnusableBundle](RangerPolicyEngine.start(file))
      assert(error.getMessage.contains("bundle.json") && error.getMessage.contains("Hint: "))
    }
  }

  test("a session does not start with a damaged bundle") {
    val sound = granted.bytes
    val flipped = sound.updated(sound.length / 2, (sound(sound.length / 2) ^ 1).toByte)
    Seq(flipped, sound.dropRight(1), sound.take(100), Array.emptyByteArray, sound ++ "x".getBytes(UTF_8)).foreach { bytes =>
      inFolder { file =>
        Files.write(file, bytes)
        val _ = intercept[UnusableBundle](RangerPolicyEngine.start(file))
      }
    }
  }

  test("a bundle with a right digest and wrong content is refused, too") {
    Seq("{}", "[]", "{\"format\":1}", "{\"format\":2}", "nonsense}", granted.json.replaceFirst("\"version\":1", "\"version\":\"x\"")).foreach {
      json =>
        inFolder { file =>
          Files.write(file, sealedUp(json))
          val _ = intercept[UnusableBundle](RangerPolicyEngine.start(file))
        }
    }
  }

  test("a bundle of another format is told apart") {
    inFolder { file =>
      val error = intercept[UnusableBundle](RangerPolicyEngine.start(granted.copy(format = 2).write(file)))
      assert(error.getMessage.contains("format 2") && error.getMessage.contains("same version of iomete"))
    }
  }

  test("white space around the digest does not matter") {
    inFolder { file =>
      val text = new String(granted.bytes, UTF_8).replaceFirst(",\"sha256\":", ", \"sha256\": ") + "\n"
      Files.write(file, text.getBytes(UTF_8))
      RangerPolicyEngine.start(file).close()
    }
  }

  test("refresh takes a new bundle at once, and another epoch begins") {
    started(granted) { (file, engine) =>
      val epoch = engine.epoch
      assert(sees(engine) && engine.version == 1)
      revoked.write(file)
      assert(engine.refresh() == 2)
      assert(!sees(engine) && engine.epoch > epoch && engine.problem.isEmpty)
    }
  }

  test("refresh without a change changes nothing") {
    started(granted) { (_, engine) =>
      val epoch = engine.epoch
      assert(engine.refresh() == 1 && engine.epoch == epoch)
    }
  }

  test("a new bundle is noticed without being asked for") {
    started(granted) { (file, engine) =>
      revoked.write(file)
      eventually(!sees(engine))
    }
  }

  test("a bundle of the same size and time is noticed, however it got there") {
    started(granted) { (file, engine) =>
      val time = Files.getLastModifiedTime(file)
      val other = granted.copy(version = 2, users = people.users - "alice" + ("alicf" -> people.users("alice")))
      assert(other.bytes.length == granted.bytes.length)
      Files.setLastModifiedTime(other.write(file), time)
      engine.refresh()
      assert(!sees(engine))
      // In place, too: same inode, same time, same size.
      Files.write(file, granted.copy(version = 3).bytes)
      Files.setLastModifiedTime(file, time)
      engine.refresh()
      assert(sees(engine))
    }
  }

  test("an old file that is replaced by an old file is noticed") {
    started(granted) { (file, engine) =>
      val old = FileTime.fromMillis(1000000000000L)
      Files.setLastModifiedTime(file, old)
      engine.refresh()
      Files.setLastModifiedTime(revoked.write(file), old)
      assert(engine.refresh() == 2)
    }
  }

  test("a damaged bundle never replaces a good one, and the problem lasts until it is mended") {
    started(granted) { (file, engine) =>
      Files.write(file, revoked.bytes.dropRight(5))
      assert(engine.refresh() == 1)
      assert(sees(engine) && engine.problem.exists(_.contains("cut off")))
      Thread.sleep(500)
      assert(engine.problem.isDefined)
      Files.delete(file)
      assert(engine.refresh() == 1 && engine.problem.isDefined)
      revoked.write(file)
      assert(engine.refresh() == 2 && engine.problem.isEmpty)
    }
  }

  test("a file that goes away and comes back is no problem any more") {
    started(granted) { (file, engine) =>
      val aside = file.resolveSibling("aside.json")
      Files.setLastModifiedTime(file, FileTime.fromMillis(1000000000000L))
      engine.refresh()
      Files.move(file, aside)
      engine.refresh()
      assert(engine.problem.exists(_.contains("does not exist")))
      Files.move(aside, file)
      engine.refresh()
      assert(engine.problem.isEmpty && sees(engine))
    }
  }

  test("a lower version, another one with the same version, and another lakehouse are refused") {
    started(granted.copy(version = 5)) { (file, engine) =>
      def refused(bundle: BundleBuilder, why: String): Assertion = {
        bundle.write(file)
        assert(engine.refresh() == 5 && sees(engine))
        assert(engine.problem.exists(_.contains(why)), engine.problem)
      }
      refused(people.copy(version = 4), "version 4")
      refused(people.copy(version = 5), "same version 5")
      refused(people.copy(version = 6, lakehouse = "another"), "another lakehouse")
      granted.copy(version = 5).write(file)
      assert(engine.refresh() == 5 && engine.problem.isEmpty)
    }
  }

  test("questions during replacements are answered by one bundle or the other, never by both") {
    val a = granted.policy(filter("a", "alice", tableOnly("lake.crm.customers")))
    val b = granted.policy(
      filter("b", "alice", tableOnly("lake.crm.customers")),
      mask("MASK", "alice", BundleBuilder.columns("lake.crm.customers", "email"))
    )
    started(a) { (file, engine) =>
      @volatile var mixed = 0
      @volatile var stop = false
      val readers = (1 to 2).map { n =>
        val reader = new Thread(() =>
          while (!stop) {
            val decision = engine.read("alice", customers, columns :+ s"c${System.nanoTime() % 1000}$n")
            if ((decision.filter.map(_.predicate), decision.masks.size) match {
                case (Some("a"), 0) | (Some("b"), 1) => false
                case _                               => true
              }) mixed += 1
          }
        )
        reader.start()
        reader
      }
      (2 to 30).foreach { version =>
        (if (version % 2 == 0) b else a).copy(version = version.toLong).write(file)
        assert(engine.refresh() == version)
      }
      stop = true
      readers.foreach(_.join())
      assert(mixed == 0)
    }
  }

  test("nothing of Ranger's own runs beside it") {
    started(granted) { (_, engine) =>
      assert(sees(engine))
      val threads = Thread.getAllStackTraces.keySet.toArray(Array.empty[Thread]).filter(_.isAlive)
      assert(threads.filter(_.getName.toLowerCase.matches(".*(ranger|refresher|download|audit).*")).isEmpty)
      assert(threads.filter(_.getName == "iomete-policies").forall(_.isDaemon))
    }
  }

  // --- periods ---------------------------------------------------------------------------------

  private def stamp(millis: Long, zone: String): String = {
    val format = new SimpleDateFormat("yyyy/MM/dd HH:mm:ss")
    format.setTimeZone(TimeZone.getTimeZone(zone))
    format.format(new Date(millis))
  }

  private def during(period: (String, Any)*): BundleBuilder =
    people.policy(granted.policies.head + ("validitySchedules" -> Seq(period.toMap)))

  private val hour = 3600000L

  test("a policy holds within its period, in the period's own time zone") {
    val now = System.currentTimeMillis()
    Seq("GMT", "Asia/Tokyo", "America/New_York").foreach { zone =>
      def at(offset: Long) = stamp(now + offset, zone)
      def holds(from: Long, to: Long) =
        withEngine(during("startTime" -> at(from), "endTime" -> at(to), "timeZone" -> zone))(sees)
      assert(holds(-hour, hour), zone)
      assert(!holds(-2 * hour, -hour) && !holds(hour, 2 * hour), zone)
    }
    assert(withEngine(during("endTime" -> stamp(now + hour, "GMT")))(sees), "GMT is the default")
  }

  test("a period that begins or ends begins an epoch") {
    val now = System.currentTimeMillis()
    def second(n: Long) = stamp((now / 1000 + n) * 1000, "GMT")
    started(during("startTime" -> second(3), "endTime" -> second(5), "timeZone" -> "GMT")) { (_, engine) =>
      val before = engine.epoch
      assert(!sees(engine))
      eventually(sees(engine))
      val within = engine.epoch
      assert(within > before)
      eventually(!sees(engine))
      assert(engine.epoch > within)
    }
  }

  test("a denial outside its period does nothing, and a tag outside its period is not there") {
    val past = Seq(Map("startTime" -> "2020/01/01 00:00:00", "endTime" -> "2020/02/01 00:00:00"))
    val denial = deny("select", "alice", wholeTable("lake.crm.customers"))
    assert(read(granted.policy(denial + ("validitySchedules" -> past)), "alice").visible.nonEmpty)
    val tag = Map[String, Any]("type" -> "PII")
    val masked = granted.tagPolicy(mask("iomete:MASK", "alice", tagged("PII"), action = "iomete:select"))
    def tagged_(tag: Json) = masked.copy(tags = Seq(named("lake", "crm", "customers") -> Seq(tag)))
    assert(read(tagged_(tag), "alice").masks.nonEmpty)
    assert(read(tagged_(tag + ("validityPeriods" -> past)), "alice").masks.isEmpty)
  }

  test("what is in force is the same one as long as the same is") {
    val always = Map("minute" -> "0", "hour" -> "9", "dayOfWeek" -> "*", "month" -> "*", "year" -> "*")
    val office = Map("schedule" -> always, "interval" -> Map("hours" -> 8))
    val bundle = during("startTime" -> "2026/01/01 00:00:00", "recurrences" -> Seq(office))
    val published = Published.of(Bundle.read(bundle.bytes))
    def at(text: String) = published.at(java.time.Instant.parse(text).toEpochMilli)
    val (morning, noon, evening) = (at("2026-05-05T09:00:00Z"), at("2026-05-05T12:00:00Z"), at("2026-05-05T19:00:00Z"))
    assert(morning.asleep.isEmpty && evening.asleep.size == 1)
    assert((at("2026-05-06T07:00:00Z") eq at("2026-05-06T08:00:00Z")) && (morning eq noon))
    assert(new Deciding(morning).read("alice", customers, columns).visible.nonEmpty)
    assert(new Deciding(evening).read("alice", customers, columns).visible.isEmpty)
    assert(published.nextChange(java.time.Instant.parse("2026-05-05T12:00:30Z").toEpochMilli) % 60000 == 0)
  }
}
