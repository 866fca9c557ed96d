package io.iomete.spark.governance

import io.iomete.spark.governance.decisions.{Mask, ResourceNames}
import io.iomete.spark.governance.masks.MaskExpressions
import io.iomete.spark.governance.plan.PolicyExpressionException
import io.iomete.spark.governance.ranger.{MaskTypes, UserMacros}
import org.apache.spark.sql.SparkSession
import org.apache.spark.sql.catalyst.expressions.{Attribute, AttributeReference}
import org.apache.spark.sql.catalyst.parser.CatalystSqlParser
import org.apache.spark.sql.types.{ArrayType, DataType, StructType}

/** Tries policies on the real table before they are stored.
  *
  * @param session
  *   of an administrator: the table is looked up as it is
  */
private[spark] final class PolicyChecks(context: GovernanceContext, session: SparkSession) {
  private val nobody = ""

  /** What is wrong with a filter, if anything. */
  def filter(table: String, predicate: String): Option[String] =
    UserMacros.rewrite(predicate) match {
      case Left(wrong) => Some(wrong)
      case Right(text) =>
        problem(context.expressions.filter(text, resource(table), columns(table), nobody))
    }

  /** What is wrong with a mask, if anything; `column` may be the path of a struct's field. */
  def mask(table: String, column: String, maskType: String, value: Option[String]): Option[String] =
    if (maskType == MaskTypes.none) None else MaskTypes.mask(maskType, value) match {
      case Left(wrong) => Some(wrong)
      case Right(mask) =>
        val all = columns(table)
        val path = column.split('.').toSeq.tail
        all.find(c => ResourceNames.column(c.name) == ResourceNames.column(column.split('.').head)) match {
          case None => Some(s"there is no column `$column`")
          case Some(attribute) =>
            mask match {
              case Mask.Custom(text) =>
                problem(context.expressions.mask(text, attribute, resource(table), all, nobody, path))
              case other =>
                fieldType(attribute.dataType, path) match {
                  case None           => Some(s"there is no field `$column`")
                  case Some(dataType) => MaskExpressions.check(other, dataType)
                }
            }
        }
    }

  private def fieldType(dataType: DataType, path: Seq[String]): Option[DataType] =
    (dataType, path) match {
      case (found, Seq())              => Some(found)
      case (ArrayType(element, _), _)  => fieldType(element, path)
      case (struct: StructType, name +: rest) =>
        struct.fields
          .find(f => ResourceNames.column(f.name) == ResourceNames.column(name))
          .flatMap(f => fieldType(f.dataType, rest))
      case _ => None
    }

  private def columns(table: String): Seq[Attribute] =
    session.table(table).schema.map(f => AttributeReference(f.name, f.dataType, f.nullable)())

  private def resource(table: String) = {
    val parts = CatalystSqlParser.parseMultipartIdentifier(table)
    ResourceNames.table(parts.head, parts.tail.init, parts.last)
  }

  private def problem(attempt: => Any): Option[String] =
    try { attempt; None }
    catch { case error: PolicyExpressionException => Some(error.getMessage) }
}
