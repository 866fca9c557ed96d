package io.iomete.spark.governance.masks

import java.nio.charset.StandardCharsets.UTF_8

import scala.util.Random

/** Strings of every script, and bytes that are no strings; the same ones in each run. */
private[masks] final class RandomText(seed: Long) {
  private val random = new Random(seed)

  def codePoints(most: Int): Seq[Int] = {
    val onlyAscii = random.nextInt(3) == 0
    Seq.fill(random.nextInt(most + 1))(if (onlyAscii) random.nextInt(0x80) else codePoint())
  }

  def string(most: Int): String = text(codePoints(most))

  def text(codePoints: Seq[Int]): String = new String(codePoints.toArray, 0, codePoints.size)

  /** Well-formed text with bytes flipped, cut out, or of surrogates put in. */
  def garbled(most: Int): Array[Byte] = {
    val bytes = string(most).getBytes(UTF_8)
    random.nextInt(4) match {
      case 0 => bytes.map(byte => if (random.nextInt(5) == 0) random.nextInt().toByte else byte)
      case 1 => bytes.filter(_ => random.nextInt(6) > 0)
      case 2 => bytes ++ Array(0xed, 0xa0 + random.nextInt(0x20), 0x80).map(_.toByte) ++ bytes
      case _ => Array.fill(random.nextInt(most))(random.nextInt().toByte)
    }
  }

  private def codePoint(): Int = {
    val found = random.nextInt(6) match {
      case 0 => random.nextInt(0x80)
      case 1 => random.nextInt(0x800)
      case 2 => 0x300 + random.nextInt(0x70)
      case 3 => 0x1f000 + random.nextInt(0xb00)
      case 4 => random.nextInt(0x10000)
      case _ => random.nextInt(Character.MAX_CODE_POINT + 1)
    }
    if (found >= Character.MIN_SURROGATE && found <= Character.MAX_SURROGATE) '?'.toInt else found
  }
}
