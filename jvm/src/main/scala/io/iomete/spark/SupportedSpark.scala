package io.iomete.spark

import io.iomete.spark.errors.IometeErrors

/** The guard against a Spark that this jar wasn't built for.
  *
  * The rules rest on Spark's internals, which change between minor versions: on another one they
  * might link and yet see plans they don't know.
  */
object SupportedSpark {
  private val minor = "4.1"

  def require(version: String): Unit =
    if (version != minor && !version.startsWith(minor + ".")) {
      throw IometeErrors.unsupportedSpark(version, minor)
    }
}
