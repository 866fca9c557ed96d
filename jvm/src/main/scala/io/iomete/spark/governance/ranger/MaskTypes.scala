package io.iomete.spark.governance.ranger

import io.iomete.spark.governance.decisions.Mask

/** Mask types as policies name them. */
private[spark] object MaskTypes {
  val none = "MASK_NONE"

  /** What a policy's mask does, or what is wrong with it; [[none]] has nothing to do. */
  def mask(maskType: String, valueExpr: Option[String]): Either[String, Mask] = maskType match {
    case "MASK"                => Right(Mask.Redact)
    case "MASK_SHOW_LAST_4"    => Right(Mask.ShowLast(4))
    case "MASK_SHOW_FIRST_4"   => Right(Mask.ShowFirst(4))
    case "MASK_SHOW_LAST"      => count(maskType, valueExpr).map(Mask.ShowLast(_))
    case "MASK_SHOW_FIRST"     => count(maskType, valueExpr).map(Mask.ShowFirst(_))
    case "MASK_HASH"           => Right(Mask.Hash)
    case "MASK_NULL"           => Right(Mask.Nullify)
    case "MASK_DATE_SHOW_YEAR" => Right(Mask.Year)
    case "MASK_CONSTANT"       => constant(valueExpr)
    case "MASK_ROUND"          => whole(maskType, valueExpr).map(Mask.Round(_))
    case "CUSTOM" =>
      valueExpr.filter(_.trim.nonEmpty).toRight(missing("CUSTOM")).flatMap(UserMacros.rewrite).map(Mask.Custom(_))
    case other => Left(s"its mask type `$other` is not known")
  }

  private def constant(valueExpr: Option[String]): Either[String, Mask] =
    valueExpr.toRight(missing("MASK_CONSTANT")).filterOrElse(
      !UserMacros.hasMacro(_),
      "a constant cannot depend on the user; use a CUSTOM mask"
    ).map(Mask.Constant(_))

  private def count(maskType: String, valueExpr: Option[String]): Either[String, Int] =
    whole(maskType, valueExpr).filterOrElse(_ >= 0, s"$maskType needs a number of characters from 0 up in valueExpr")

  private def whole(maskType: String, valueExpr: Option[String]): Either[String, Int] =
    valueExpr
      .toRight(missing(maskType))
      .flatMap(text => text.trim.toIntOption.toRight(s"$maskType needs a whole number in valueExpr, not `$text`"))

  private def missing(maskType: String): String = s"$maskType needs a valueExpr"
}
