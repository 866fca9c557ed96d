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

import io.iomete.spark.governance.decisions.Mask
import org.apache.spark.sql.catalyst.expressions.{Alias, AttributeReference, BoundReference, Expression}
import org.apache.spark.sql.catalyst.expressions.codegen.{CodegenContext, GenerateUnsafeProjection}
import org.apache.spark.sql.catalyst.plans.logical.{LocalRelation, Project}
import org.apache.spark.sql.types._
import org.apache.spark.unsafe.Platform
import org.scalatest.funsuite.AnyFunSuite

class HashSuite extends AnyFunSuite {
  private val keyBytes = TestKey.bytes
  private val key = TestKey.key

  test("SipHash gives what its reference gives, for messages of all shapes") {
    // key 00..0f, message 00, 01, 02 and so on; as `openssl mac -macopt size:16 … SIPHASH` prints them
    val vectors = Seq(
      0 -> "a3817f04ba25a8e66df67214c7550293",
      1 -> "da87c1d86b99af44347659119b22fc45",
      7 -> "a1f1ebbed8dbc153c0b84aa61ff08239",
      8 -> "3b62a9ba6258f5610f83e264f31497b4",
      15 -> "5493e99933b0a8117e08ec0f97cfc3d9",
      16 -> "6ee2a4ca67b054bbfd3315bf85230577",
      28 -> "0664da1668574b88b935f3027358aef4",
      63 -> "5150d1772f50834a503e069a973fbd7c"
    )
    val (key0, key1) = SipHash.halves(counted(16))
    vectors.foreach { case (length, expected) =>
      val at = Platform.BYTE_ARRAY_OFFSET.toLong
      val embedded = Array[Byte](9, 9, 9) ++ counted(length) ++ Array[Byte](9)
      assert(hex(new SipHash(key0, key1).message(counted(length), at, length).result()) == expected)
      assert(hex(new SipHash(key0, key1).message(embedded, at + 3, length).result()) == expected)
    }
  }

  test("the key of masks is made from the lakehouse's by HMAC, and isn't it") {
    val mac = Mac.getInstance("HmacSHA256")
    mac.init(new SecretKeySpec(keyBytes, "HmacSHA256"))
    val (key0, key1) = SipHash.halves(mac.doFinal("iomete hash mask: SipHash-2-4-128".getBytes(UTF_8)))
    val expected = new SipHash(key0, key1).message(counted(5), Platform.BYTE_ARRAY_OFFSET.toLong, 5).result()
    assert(hex(key.digest(counted(5))) == hex(expected))
    assert((key0, key1) != SipHash.halves(keyBytes))
  }

  test("strings give digits, binary values bytes, long integers long integers, others null") {
    Seq("", "anna@example.com", "Владимир 😀", "x" * 1000).foreach { value =>
      assert(BothWays.text(Mask.Hash)(value) == hex(key.digest(value.getBytes(UTF_8))))
    }
    val binary = new BothWays.OfMask(Mask.Hash, BinaryType)
    assert(hex(binary(Array[Byte](1, 2)).asInstanceOf[Array[Byte]]) == hex(key.digest(Array[Byte](1, 2))))
    val long = new BothWays.OfMask(Mask.Hash, LongType)
    Seq(0L, 42L, -1L, Long.MinValue).foreach { value =>
      val bytes = ByteBuffer.allocate(8).putLong(value).array
      assert(long(value) == ByteBuffer.wrap(key.digest(bytes)).getLong)
    }
    Seq(BinaryType, LongType, StringType).foreach { t => assert(new BothWays.OfMask(Mask.Hash, t)(null) == null) }
    Seq(IntegerType -> 1, DoubleType -> 1.0, BooleanType -> true, DateType -> java.sql.Date.valueOf("2020-02-02"))
      .foreach { case (dataType, value) => assert(new BothWays.OfMask(Mask.Hash, dataType)(value) == null) }
  }

  test("one key serves many threads") {
    val values = (0 until 2000).map(_.toString)
    val expected = values.map(value => hex(key.digest(value.getBytes(UTF_8))))
    val hashed = (1 to 8).map(_ => Future(values.map { value =>
      hex(key.digest(value.getBytes(UTF_8)))
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
    assert(sent.mask(text).toString == hex(key.digest("a".getBytes(UTF_8))))
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

  private def serialised[T](value: T): T = {
    val bytes = new ByteArrayOutputStream
    new ObjectOutputStream(bytes).writeObject(value)
    new ObjectInputStream(new ByteArrayInputStream(bytes.toByteArray)).readObject().asInstanceOf[T]
  }

  private def hex(bytes: Array[Byte]): String = bytes.map(byte => f"$byte%02x").mkString

  private def counted(length: Int): Array[Byte] = Array.tabulate(length)(_.toByte)
}
