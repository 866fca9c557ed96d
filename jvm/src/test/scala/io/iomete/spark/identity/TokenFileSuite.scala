package io.iomete.spark.identity

import java.nio.file.attribute.PosixFilePermissions
import java.nio.file.{Files, Path, StandardCopyOption}

import org.apache.spark.sql.AnalysisException
import org.scalatest.funsuite.AnyFunSuite

class TokenFileSuite extends AnyFunSuite {
  private val folder = Files.createTempDirectory("tokens")
  private val alices = s"${TokenFile.digest("a")}  alice"
  private val bobs = s"${TokenFile.digest("b")} bob"

  test("a digest is SHA-256 over UTF-8, in hexadecimal") {
    // FIPS 180-2, appendix B.1
    assert(TokenFile.digest("abc") ==
      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
  }

  test("a token is of the user on its line, and of nobody else") {
    val upper = s"${TokenFile.digest("c").toUpperCase}\tservice account "
    val tokens = TokenFile.open(file(s"# people\n\n$alices", bobs, upper).toString)
    assert(Seq("a", "b", "c").map(tokens.principalOf) ==
      Seq("alice", "bob", "service account").map(Option(_)))
    Seq("", " ", "A", "a ", TokenFile.digest("a"), alices).foreach { guess =>
      assert(tokens.principalOf(guess).isEmpty, guess)
    }
  }

  test("a file that others may read, that isn't there or isn't understood isn't opened") {
    val shared = file(alices)
    Seq("rw-r-----", "rw----r--", "rw--w----", "rwx-----x").foreach { mode =>
      Files.setPosixFilePermissions(shared, PosixFilePermissions.fromString(mode))
      assert(problem(shared).contains("others than its owner have rights on it"), mode)
    }
    assert(problem(folder.resolve("missing")).contains("can't be read"))
    assert(problem(file(alices, "token bob")).contains("line 2 is no SHA-256 digest"))
    assert(problem(file(TokenFile.digest("a"))).contains("line 1 is no SHA-256 digest"))
    assert(problem(file(alices, s"${TokenFile.digest("a")} bob")).contains("line 2 gives a token"))
    val unnamed = intercept[AnalysisException](TokenVerifier.configured(_ => None))
    assert(unnamed.getMessage.contains("`spark.iomete.tokens` names no file"))
  }

  test("a file that changes is read again, and one that can't be used lets nobody in") {
    val path = file(alices)
    val tokens = TokenFile.open(path.toString)
    assert(tokens.principalOf("a").contains("alice"))
    replace(path, bobs)
    assert(tokens.principalOf("a").isEmpty && tokens.principalOf("b").contains("bob"))
    replace(path, bobs, "nonsense")
    assert(tokens.principalOf("b").isEmpty)
    replace(path, alices)
    assert(tokens.principalOf("a").contains("alice"))
    Files.delete(path)
    assert(tokens.principalOf("a").isEmpty)
  }

  private def problem(path: Path): String = {
    val error = intercept[AnalysisException](TokenFile.open(path.toString))
    assert(error.getCondition == "IOMETE_TOKENS_UNUSABLE")
    error.getMessage
  }

  private def replace(path: Path, lines: String*): Unit = {
    Files.move(file(lines: _*), path, StandardCopyOption.REPLACE_EXISTING)
    ()
  }

  private def file(lines: String*): Path = {
    val path = Files.createTempFile(folder, "tokens", "") // of mode 0600
    Files.writeString(path, lines.mkString("\n"))
  }
}
