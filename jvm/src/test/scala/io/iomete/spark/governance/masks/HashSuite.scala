package io.iomete.spark.governance.masks

import java.io.{ByteArrayInputStream, ByteArrayOutputStream, ObjectInputStream, ObjectOutputStream}
import java.nio.ByteBuffer
import java.nio.charset.StandardCharsets.UTF_8
import java.util.Base64
import javax.crypto.Mac
import javax.crypto.spec.SecretKeySpec

import scala.concurrent.{Await, Future}
import scala.concurrent.ExecutionContext.Implicits.global
import scala.concurrent.duration.DurationInt
import scala.util.Random

import io.iomete.spark.governance.decisions.Mask
import org.apache.spark.sql.catalyst.expressions.{Alias, AttributeReference, BoundReference, Expression}
import org.apache.spark.sql.catalyst.expressions.codegen.{CodegenContext, GenerateUnsafeProjection}
import org.apache.spark.sql.catalyst.plans.logical.{LocalRelation, Project}
import org.apache.spark.sql.types._
import org.scalatest.funsuite.AnyFunSuite

class HashSuite extends AnyFunSuite {
  private val keyBytes = TestKey.bytes
  private val key = TestKey.key

  test("HMAC gives what RFC 4231 says, for each of its keys and messages") {
    val vectors = Seq(
      ("0b" * 20, hex("Hi There"), "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
      (hex("Jefe"), hex("what do ya want for nothing?"),
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
      ("aa" * 20, "dd" * 50, "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
      ((1 to 25).map(i => f"$i%02x").mkString, "cd" * 50,
        "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"),
      ("aa" * 131, hex("Test Using Larger Than Block-Size Key - Hash Key First"),
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"),
      ("aa" * 131, hex("This is a test using a larger than block-size key and a larger than block-size data." +
        " The key needs to be hashed before being used by the HMAC algorithm."),
        "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2")
    )
    vectors.foreach { case (key, message, expected) =>
      assert(hex(new HmacSha256(unhex(key)).digest(unhex(message), 0, message.length / 2)) == expected)
    }
  }

  test("HMAC by cloned digests is that of the JDK, at every length") {
    val random = new Random(5)
    val hmac = new HmacSha256(keyBytes)
    (0 to 300).foreach { length =>
      val message = random.nextBytes(length + 4)
      assert(hex(hmac.digest(message, 3, length)) == hex(jdk(message.slice(3, 3 + length))))
    }
  }

  test("strings give digits, binary values bytes, long integers long integers, others null") {
    Seq("", "anna@example.com", "Владимир 😀", "x" * 1000).foreach { value =>
      assert(BothWays.text(Mask.Hash)(value) == hex(jdk(value.getBytes(UTF_8))))
    }
    val binary = new BothWays.OfMask(Mask.Hash, BinaryType)
    assert(hex(binary(Array[Byte](1, 2)).asInstanceOf[Array[Byte]]) == hex(jdk(Array(1, 2))))
    val long = new BothWays.OfMask(Mask.Hash, LongType)
    Seq(0L, 42L, -1L, Long.MinValue).foreach { value =>
      val bytes = ByteBuffer.allocate(8).putLong(value).array
      assert(long(value) == ByteBuffer.wrap(jdk(bytes)).getLong)
    }
    Seq(BinaryType, LongType, StringType).foreach { t => assert(new BothWays.OfMask(Mask.Hash, t)(null) == null) }
    Seq(IntegerType -> 1, DoubleType -> 1.0, BooleanType -> true, DateType -> java.sql.Date.valueOf("2020-02-02"))
      .foreach { case (dataType, value) => assert(new BothWays.OfMask(Mask.Hash, dataType)(value) == null) }
  }

  test("one key serves many threads") {
    val values = (0 until 2000).map(_.toString)
    val expected = values.map(value => hex(jdk(value.getBytes(UTF_8))))
    val hashed = (1 to 8).map(_ => Future(values.map { value =>
      val bytes = value.getBytes(UTF_8)
      hex(key.digest(bytes, 0, bytes.length))
    }))
    Await.result(Future.sequence(hashed), 1.minute).foreach(found => assert(found == expected))
  }

  test("a key has 32 bytes, and isn't changed by who gave them") {
    Seq(0, 31, 33).foreach { size =>
      val error = intercept[IllegalArgumentException](HashKey(Array.fill(size)(97.toByte)))
      assert(error.getMessage.contains(size.toString) && !error.getMessage.contains("97"))
    }
    val bytes = keyBytes.clone()
    val copied = HashKey(bytes)
    java.util.Arrays.fill(bytes, 0.toByte)
    assert(copied == key)
  }

  test("a key that went to an executor is the same key, and another one isn't") {
    val sent = serialised(Masked(BoundReference(0, StringType, nullable = true), HashedText(key)))
    assert(sent == Masked(BoundReference(0, StringType, nullable = true), HashedText(key)))
    val text = org.apache.spark.unsafe.types.UTF8String.fromString("a")
    assert(sent.mask(text).toString == hex(jdk("a".getBytes(UTF_8))))
    assert(sent.mask != HashedText(HashKey(keyBytes.reverse)))
  }

  test("nothing that Spark shows of a plan or of its code holds the key") {
    val column = AttributeReference("c", ArrayType(StructType.fromDDL("a STRING, b BINARY, d BIGINT")))()
    val text = AttributeReference("t", StringType)()
    val masked = Seq(column, text).map(c => MaskExpressions(Mask.Hash, c, key))
    val plan = Project(masked.map(Alias(_, "c")()), LocalRelation(column, text))
    val bound = masked.map(_.transform { case a: AttributeReference =>
      BoundReference(if (a.name == "c") 0 else 1, a.dataType, a.nullable)
    })
    val code = new CodegenContext
    val shown = masked.flatMap(shownOf) ++
      Seq(plan.toString, plan.treeString, plan.treeString(verbose = true, addSuffix = true), plan.toJSON,
        plan.canonicalized.toString, key.toString, key.hashCode.toString) ++
      bound.map(_.genCode(code).code.toString) ++ Seq(code.declareAddedFunctions())
    assert(shown.exists(_.contains("masked_")))
    assert(GenerateUnsafeProjection.generate(bound) != null)
    shown.foreach(assertNoKey)
  }

  private def shownOf(expression: Expression): Seq[String] =
    Seq(expression.toString, expression.sql, expression.treeString, expression.toJSON, expression.prettyJson,
      expression.canonicalized.toString, expression.canonicalized.sql, expression.asCode,
      expression.numberedTreeString)

  private def assertNoKey(shown: String): Unit = {
    val folded = shown.toLowerCase
    val decimal = Seq(keyBytes.take(4), keyBytes.takeRight(4)).flatMap { bytes =>
      Seq(bytes.mkString(", "), bytes.mkString(","), bytes.mkString(" "), bytes.map(_ & 0xff).mkString(", "))
    }
    val needles = Seq(hex(keyBytes).take(8), hex(keyBytes).takeRight(8),
      Base64.getEncoder.encodeToString(keyBytes).take(8).toLowerCase) ++ decimal
    needles.foreach(needle => assert(!folded.contains(needle)))
  }

  private def jdk(message: Array[Byte]): Array[Byte] = {
    val mac = Mac.getInstance("HmacSHA256")
    mac.init(new SecretKeySpec(keyBytes, "HmacSHA256"))
    mac.doFinal(message)
  }

  private def serialised[T](value: T): T = {
    val bytes = new ByteArrayOutputStream
    new ObjectOutputStream(bytes).writeObject(value)
    new ObjectInputStream(new ByteArrayInputStream(bytes.toByteArray)).readObject().asInstanceOf[T]
  }

  private def hex(text: String): String = hex(text.getBytes(UTF_8))

  private def hex(bytes: Array[Byte]): String = bytes.map(byte => f"$byte%02x").mkString

  private def unhex(digits: String): Array[Byte] =
    digits.grouped(2).map(pair => Integer.parseInt(pair, 16).toByte).toArray
}
