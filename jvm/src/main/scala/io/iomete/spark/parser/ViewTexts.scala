package io.iomete.spark.parser

import org.apache.spark.sql.catalyst.expressions.{
  Cast,
  EvalMode,
  Expression,
  Literal,
  SubqueryExpression,
  SupportQueryContext
}
import org.apache.spark.sql.catalyst.plans.logical.{LogicalPlan, UnresolvedWith}
import org.apache.spark.sql.catalyst.trees.{CurrentOrigin, Origin, TreeNode}
import org.apache.spark.sql.types.IntegerType

/** The texts of views, which Spark parses anew for each statement that reads one.
  *
  * What is parsed remembers its text, and errors quote it: to somebody who may read the view, and needn't
  * know what it is made of.
  */
private[parser] object ViewTexts {
  private val nowhere = Origin()
  private lazy val unquoted = CurrentOrigin.withOrigin(nowhere) {
    Cast(Literal(0), IntegerType, None, EvalMode.LEGACY)
  }

  /** By reflection: a plan keeps where it is from in a value that nothing sets again. */
  private lazy val origin = {
    val field = classOf[TreeNode[_]].getDeclaredField("origin")
    field.setAccessible(true)
    field
  }

  /** Whether the text of a view is parsed that isn't temporary. */
  def isParsed: Boolean = {
    val current = CurrentOrigin.get
    current.objectType.contains("VIEW") && current.objectName.exists(_.contains('.'))
  }

  /** A plan that was just parsed, without its text. */
  def forgotten(plan: LogicalPlan): LogicalPlan = {
    plan.foreach { node =>
      forget(node)
      node.expressions.foreach(forgetAll)
      node match {
        case ctes: UnresolvedWith => ctes.cteRelations.foreach(each => forgotten(each._2))
        case _                    => ()
      }
    }
    plan
  }

  private def forgetAll(expression: Expression): Unit = expression.foreach { part =>
    forget(part)
    part match {
      case quoting: SupportQueryContext => quoting.copyTagsFrom(unquoted)
      case _                            => ()
    }
    part match {
      case subquery: SubqueryExpression =>
        val _ = forgotten(subquery.plan)
      case _ => ()
    }
  }

  private def forget(node: TreeNode[_]): Unit = origin.set(node, nowhere)
}
