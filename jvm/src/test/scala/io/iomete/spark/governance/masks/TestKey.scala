package io.iomete.spark.governance.masks

/** A key whose bytes would be recognised wherever they are shown. */
private[masks] object TestKey {
  val bytes: Array[Byte] = Array.tabulate(HashKey.sizeBytes)(i => (i * 7 + 3).toByte)
  val key: HashKey = HashKey(bytes)
}
