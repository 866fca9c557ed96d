package io.iomete.spark.identity

/** Tells whose a token is; None for what isn't a token, or no longer one. */
trait TokenVerifier {
  def principalOf(token: String): Option[String]
}

object TokenVerifier {

  /** Names the file of tokens in Spark's own configuration: only who starts the server sets it. */
  val key = "spark.iomete.tokens"

  /** The verifier that the server was started with. Raises: IOMETE_TOKENS_UNUSABLE. */
  def configured(setting: String => Option[String]): TokenVerifier =
    TokenFile.open(setting(key).filterNot(_.isBlank).getOrElse(""))
}
