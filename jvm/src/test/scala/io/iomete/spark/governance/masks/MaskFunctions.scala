package io.iomete.spark.governance.masks

import io.iomete.spark.governance.decisions.Mask
import org.apache.spark.sql.SparkSessionExtensions
import org.apache.spark.sql.catalyst.FunctionIdentifier
import org.apache.spark.sql.catalyst.expressions.{Expression, ExpressionInfo}

/** Masks as functions of a session, so that statements of a test can use them. */
private[masks] object MaskFunctions {

  /** For each column of the suite's table, `mask_<column>`. */
  val rules: Map[String, MaskExpressions.Rules] = Map(
    "name" -> Map(Nil -> Mask.Redact),
    "contact" -> Map(Seq("email") -> Mask.ShowFirst(1), Seq("phone") -> Mask.Round(-1)),
    "others" -> Map(Seq("email") -> Mask.Redact),
    "tags" -> Map(Nil -> Mask.ShowLast(1)),
    "born" -> Map(Nil -> Mask.Year),
    "seen" -> Map(Nil -> Mask.Year),
    "paid" -> Map(Nil -> Mask.Round(1))
  )

  def inject(extensions: SparkSessionExtensions): Unit = {
    rules.foreach { case (column, ofColumn) =>
      function(extensions, s"mask_$column", MaskExpressions.nested(_, ofColumn, TestKey.key))
    }
    val whole = Map("redacted" -> Mask.Redact, "last_4" -> Mask.ShowLast(4), "hashed" -> Mask.Hash)
    whole.foreach { case (name, mask) => function(extensions, name, MaskExpressions(mask, _, TestKey.key)) }
    function(extensions, "guarded", NullOnError(_))
  }

  private def function(
      extensions: SparkSessionExtensions,
      name: String,
      build: Expression => Expression
  ): Unit =
    extensions.injectFunction(
      (FunctionIdentifier(name), new ExpressionInfo(getClass.getName, name), arguments => build(arguments.head))
    )
}
