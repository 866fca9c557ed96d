package io.iomete.spark.governance.audit

import java.io.{BufferedReader, IOException, InputStreamReader}
import java.nio.channels.{FileChannel, OverlappingFileLockException}
import java.nio.charset.StandardCharsets.UTF_8
import java.nio.file.{Files, Path, StandardOpenOption}
import java.nio.file.attribute.PosixFilePermissions
import java.time.{Duration, Instant}
import java.util.concurrent.{Executors, TimeUnit}

import scala.jdk.CollectionConverters._
import scala.util.Using

import com.fasterxml.jackson.databind.ObjectMapper
import com.fasterxml.jackson.databind.node.TextNode
import org.scalatest.funsuite.AnyFunSuite

class AuditWriterSuite extends AnyFunSuite {
  import AuditFixture.event

  private def written(event: AuditEvent): AuditFixture = {
    val fixture = new AuditFixture
    Using.resource(new AuditWriter(fixture.spool, AuditRules(required = true)))(_.write(event))
    fixture
  }

  test("an event is one line with the members of the contract") {
    val before = Instant.now()
    val fixture = written(event)
    val line = fixture.lines.head
    val time = Instant.parse(fixture.events.head.get("time").asText)
    val stamped = """"id":"[0-9a-f-]{36}-1","time":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z","""
    assert(
      line.replaceFirst(stamped, "") ==
        """{"principal":"alice","action":"select","resource":"lake.sales.customers",""" +
        """"columns":["id","email"],"verdict":"allowed","policies":[100,101],""" +
        """"masks":{"email":"MASK_HASH"},"filters":[7],"snapshot":"4711","query":"q-1",""" +
        """"session":"s-1","application":"local-1","via":["lake.mart.v"],"reason":null}"""
    )
    assert(Duration.between(before, time).abs.toSeconds < 60)
  }

  test("what isn't known is null, what is empty is empty") {
    val node = written(
      event.copy(
        columns = None,
        verdict = Verdict.Denied,
        policies = Nil,
        masks = Map.empty,
        snapshot = None,
        via = Nil,
        reason = Some("no policy")
      )
    ).events.head
    assert(node.get("columns").isNull && node.get("snapshot").isNull)
    assert(Seq("policies", "masks", "via").forall(node.get(_).isEmpty))
    assert(node.get("verdict").asText == "denied" && node.get("reason").asText == "no policy")
  }

  test("any text comes back as it was, and valid text is written as Jackson writes it") {
    val odd = Seq(
      "", "\"", "\\", "\\u0041", "a\nb\r\n\tc", "\u0000\u0001\u001f\u007f\u0085\u2028\u2029\ufeff\uffff",
      "żółć 日本 🦆", "\ud800", "a\udc00b", "\udc00\ud800", "\ud83e", "\ud83e🦆", "🦆\udd86", "</script>"
    )
    val random = new scala.util.Random(1)
    val texts = odd ++ Seq.fill(2000)(new String(Array.fill(random.nextInt(12)) {
      if (random.nextBoolean()) random.nextInt(0x100).toChar
      else (0xd700 + random.nextInt(0xa00)).toChar
    }))
    val mapper = new ObjectMapper
    for (text <- texts) {
      val line = AuditLine.bytes("id", Instant.EPOCH, event.copy(
        principal = text,
        columns = Some(Seq(text, text)),
        masks = Map(text -> text),
        reason = Some(text)
      ))
      assert(line.count(_ == '\n') == 1 && line.last == '\n')
      // As text: reading bytes, Jackson refuses half a surrogate pair in a member's name.
      val node = mapper.readTree(new String(line, UTF_8))
      val found = Seq(node.get("principal"), node.get("columns").get(1), node.get("reason")).map(_.asText)
      assert(found == Seq(text, text, text))
      assert(node.get("masks").fieldNames.asScala.toSeq == Seq(text))
      if (UTF_8.newEncoder.canEncode(text)) {
        assert(new String(line, UTF_8).toLowerCase.contains(
          s""""principal":${withoutShortForms(mapper.writeValueAsString(new TextNode(text)))},""".toLowerCase))
      }
    }
  }

  /** Jackson's `\n` and ours are the same text in JSON. */
  private def withoutShortForms(json: String): String = {
    val forms = Map('n' -> "\\u000a", 'r' -> "\\u000d", 't' -> "\\u0009", 'b' -> "\\u0008", 'f' -> "\\u000c")
    "\\\\.".r.replaceAllIn(json, m => scala.util.matching.Regex.quoteReplacement(
      forms.getOrElse(m.matched.charAt(1), m.matched)))
  }

  test("folder and files are their owner's alone, and a folder made by hand is narrowed") {
    val fixture = new AuditFixture
    Files.createDirectory(fixture.spool)
    Files.setPosixFilePermissions(fixture.spool, PosixFilePermissions.fromString("rwxr-xr-x"))
    for (spool <- Seq(fixture.spool, fixture.root.resolve("new/spool"))) {
      Using.resource(new AuditWriter(spool, AuditRules(required = true)))(_.write(event))
      def mode(path: Path) = PosixFilePermissions.toString(Files.getPosixFilePermissions(path))
      assert(mode(spool) == "rwx------")
      Files.list(spool).iterator.asScala.foreach(file => assert(mode(file) == "rw-------"))
    }
  }

  test("many threads write whole lines, each id once, over many files") {
    val fixture = new AuditFixture
    val (threads, each) = (16, 2000)
    val writer = new AuditWriter(fixture.spool, AuditRules(required = true, fileBytes = 256 * 1024))
    val pool = Executors.newFixedThreadPool(threads)
    val tasks = (1 to threads).map { thread =>
      pool.submit[Unit](() => (1 to each).foreach(n => writer.write(event.copy(query = s"$thread/$n"))))
    }
    tasks.foreach(_.get(60, TimeUnit.SECONDS))
    pool.shutdown()
    writer.close()

    val events = fixture.events
    assert(events.map(_.get("id").asText).toSet == (1 to threads * each).map(n => s"${writer.driver}-$n").toSet)
    assert(events.map(_.get("query").asText).toSet.size == threads * each)
    assert(events.size == threads * each)
    val names = fixture.files.map(_.getFileName.toString)
    assert(names == names.indices.map(n => f"audit-${writer.driver}-${n + 1}%06d.jsonl"))
    assert(names.size > 10)
    assert(fixture.files.forall(Files.size(_) <= 256 * 1024))
  }

  test("an event larger than a file has one of its own") {
    val fixture = new AuditFixture
    Using.resource(new AuditWriter(fixture.spool, AuditRules(required = true, fileBytes = 1000))) { writer =>
      writer.write(event)
      writer.write(event.copy(resource = "x" * 5000))
      writer.write(event)
    }
    assert(fixture.events.size == 3)
    assert(fixture.files.map(Files.size(_) > 1000) == Seq(false, true, false))
  }

  test("an interrupted thread writes its event and harms no other") {
    val fixture = new AuditFixture
    Using.resource(new AuditWriter(fixture.spool, AuditRules(required = true))) { writer =>
      val thread = new Thread(() => {
        Thread.currentThread.interrupt()
        writer.write(event)
      })
      thread.start()
      thread.join()
      writer.write(event)
    }
    assert(fixture.events.size == 2)
    assert(fixture.files.size == 1)
  }

  test("a file is followed by a new one with the first event after its time") {
    val fixture = new AuditFixture
    Using.resource(new AuditWriter(fixture.spool, AuditRules(required = true, fileSeconds = 1))) { writer =>
      writer.write(event)
      writer.write(event)
      assert(fixture.files.size == 1)
      Thread.sleep(1100)
      writer.write(event)
      assert(fixture.files.size == 2)
      assert(fixture.ids == (1 to 3).map(n => s"${writer.driver}-$n"))
      assert(canLock(fixture.files.head) && !canLock(fixture.files.last))
    }
  }

  test("other rules hold from the next event on") {
    val fixture = new AuditFixture
    val writer = new AuditWriter(fixture.spool, AuditRules(required = false))
    blockSpool(fixture)
    writer.write(event)
    assert(writer.lost == 1)
    writer.follow(AuditRules(required = true))
    intercept[IOException](writer.write(event))
    writer.follow(AuditRules(required = false))
    writer.write(event)
    assert(writer.lost == 2)
    writer.close()
  }

  test("where a file or the folder is removed or cut while in use, the next event is in a new file") {
    val fixture = new AuditFixture
    Using.resource(new AuditWriter(fixture.spool, AuditRules(required = true))) { writer =>
      def cut(): Unit = Using.resource(FileChannel.open(fixture.root.resolve("cut"), StandardOpenOption.WRITE))(
        _.truncate(10)): Unit
      Files.delete(fixture.files.head) // empty yet
      writer.write(event)
      assert(fixture.ids == Seq(s"${writer.driver}-1"))
      Files.delete(fixture.files.head)
      Files.delete(fixture.spool)
      writer.write(event)
      assert(fixture.ids == Seq(s"${writer.driver}-2"))
      Files.createLink(fixture.root.resolve("cut"), fixture.files.head)
      cut()
      writer.write(event)
      Files.delete(fixture.files.head)
      assert(fixture.ids == Seq(s"${writer.driver}-3"))
    }
  }

  test("required: what can't be written is an IOException that says what to do") {
    val fixture = new AuditFixture
    Files.writeString(fixture.root.resolve("file"), "")
    val start = intercept[IOException] {
      new AuditWriter(fixture.root.resolve("file/spool"), AuditRules(required = true))
    }
    assert(start.getMessage.matches("The audit trail in `.*/file/spool` can't be written: .+ Hint: .+"))

    val writer = new AuditWriter(fixture.spool, AuditRules(required = true))
    blockSpool(fixture)
    intercept[IOException](writer.write(event))
    unblockSpool(fixture)
    writer.write(event)
    assert(fixture.ids == Seq(s"${writer.driver}-2"))
    writer.close()
    assert(intercept[IOException](writer.write(event)).getMessage.contains("is closed"))
  }

  test("not required: what can't be written is counted, and writing goes on when it can") {
    val fixture = new AuditFixture
    Files.writeString(fixture.spool, "")
    val writer = new AuditWriter(fixture.spool, AuditRules(required = false))
    writer.write(event)
    writer.write(event)
    assert(writer.lost == 2)
    Files.delete(fixture.spool)
    writer.write(event)
    assert(writer.lost == 2)
    assert(fixture.ids == Seq(s"${writer.driver}-3"))
    writer.close()
  }

  test("a full device is an IOException") {
    val file = new SpoolFile(Path.of("/dev/full"))
    assert(intercept[IOException](file.append("x\n".getBytes)).getMessage.contains("No space left"))
    file.close()
  }

  test("a file that can't grow keeps whole lines only, and each event that was taken") {
    val fixture = new AuditFixture
    // Blocks of 512 or 1024 bytes: the write that crosses the limit is cut short by the kernel.
    val driver = AuditProcess.start(fixture.spool, events = 40, before = "ulimit -f 5")
    val output = new String(driver.getInputStream.readAllBytes(), UTF_8).linesIterator.toSeq
    assert(driver.waitFor(30, TimeUnit.SECONDS))
    val (failed, taken) = output.partition(_.startsWith("failed"))
    assert(failed.nonEmpty && taken.nonEmpty && output.size == 40)
    assert(fixture.events.map(_.get("query").asText) == taken)
  }

  test("kill -9 loses nothing that was taken, and frees the lock") {
    val fixture = new AuditFixture
    val driver = AuditProcess.start(fixture.spool, events = Int.MaxValue)
    val output = new BufferedReader(new InputStreamReader(driver.getInputStream, UTF_8))
    val first = Iterator.continually(output.readLine()).take(500).toSeq
    assert(first.last == "500")
    assert(!canLock(fixture.files.head))
    // Process.destroyForcibly would close our end of the output, too.
    assert(driver.toHandle.destroyForcibly())
    assert(driver.waitFor(30, TimeUnit.SECONDS))
    // The last line of the output may be cut, the line of the event isn't.
    val taken = Iterator.continually(output.readLine()).takeWhile(_ != null).toSeq
    val queries = fixture.events.map(_.get("query").asText.toInt)
    assert(queries == (1 to queries.last))
    assert(queries.last >= 500 + taken.size - 1)
    assert(canLock(fixture.files.head))
  }

  test("writing takes at most 20 µs an event") {
    val fixture = new AuditFixture
    val writer = new AuditWriter(fixture.spool, AuditRules(required = true))
    (1 to 20000).foreach(_ => writer.write(event))
    val times = Array.fill(100000) {
      val begin = System.nanoTime()
      writer.write(event)
      System.nanoTime() - begin
    }.sorted
    writer.close()
    def micros(quantile: Double) = times((times.length * quantile).toInt) / 1000.0
    val mean = times.sum / 1000.0 / times.length
    info(f"mean $mean%.1f µs, median ${micros(0.5)}%.1f, 99 %% ${micros(0.99)}%.1f")
    assert(micros(0.5) <= 20)
  }

  private def blockSpool(fixture: AuditFixture): Unit = {
    fixture.files.foreach(Files.delete)
    Files.delete(fixture.spool)
    Files.writeString(fixture.spool, "in the way")
    ()
  }

  private def unblockSpool(fixture: AuditFixture): Unit = Files.delete(fixture.spool)

  private def canLock(file: Path): Boolean =
    Using.resource(FileChannel.open(file, StandardOpenOption.WRITE)) { channel =>
      try channel.tryLock() != null
      catch { case _: OverlappingFileLockException => false } // this process holds it
    }
}
