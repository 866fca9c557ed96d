package io.iomete.spark.governance.plan

import io.iomete.spark.governance.GovernedSession
import org.apache.spark.sql.SparkSession
import org.apache.spark.sql.catalyst.expressions._
import org.apache.spark.sql.catalyst.plans.logical.{Filter, LeafNode, LogicalPlan, Project, SubqueryAlias}
import org.apache.spark.sql.execution.datasources.{HadoopFsRelation, LogicalRelation}
import org.apache.spark.sql.execution.{ExternalRDD, LogicalRDD}

/** `input_file_name()` and its kin: where the row that is at hand was read.
  *
  * Files are called after the values of the columns that partition a table, and they tell of rows that
  * a filter hides. Spark's answer is whatever file the task has opened last, even one that is read on
  * the other side of a join, so that a query has it for all its tables or for none.
  */
object FileNames {

  def areIn(plan: LogicalPlan): Boolean = plan.exists { node =>
    node.expressions.exists(_.exists(isFileName)) || node.subqueries.exists(areIn)
  }

  /** Whether all that a query reads is seen as it is, and is named in the query itself. */
  def mayBeShown(plan: LogicalPlan, reads: Seq[TableRead], governed: GovernedSession): Boolean =
    reads.forall(mayBeShown(_, governed)) && (governed.isAdmin || !isOverOthers(plan))

  def mayBeShown(read: TableRead, governed: GovernedSession): Boolean =
    read.decision.isPlain(read.asked) && (governed.isAdmin || read.rights.views.isEmpty)

  /** What Spark gives where there is no file.
    *
    * Delta asks for files in its own queries, right above the table that a command works on: those are
    * left, or the command would find none.
    */
  def removed(plan: LogicalPlan, principal: String): LogicalPlan = plan match {
    case project: Project if isOfTarget(project, principal) => project
    case node =>
      node
        .mapChildren(removed(_, principal))
        .transformExpressions {
          case subquery: SubqueryExpression => subquery.withNewPlan(removed(subquery.plan, principal))
          case other                        => withoutFile(other)
        }
  }

  private def isOfTarget(plan: LogicalPlan, principal: String): Boolean = plan match {
    case Project(_, child) => isOfTarget(child, principal)
    case Filter(_, child)  => isOfTarget(child, principal)
    case SubqueryAlias(_, child) => isOfTarget(child, principal)
    case leaf: LeafNode    => DeltaTargets.of(principal, leaf).isDefined
    case _                 => false
  }

  private def withoutFile(expression: Expression): Expression = expression match {
    case _: InputFileName                                => Literal("")
    case _: InputFileBlockStart | _: InputFileBlockLength => Literal(-1L)
    case other                                            => other
  }

  private def isFileName(expression: Expression): Boolean = expression match {
    case _: InputFileName | _: InputFileBlockStart | _: InputFileBlockLength => true
    case _                                                                  => false
  }

  /** Rows whose plan isn't seen here, and what was governed before. */
  private def isOverOthers(plan: LogicalPlan): Boolean = plan.exists {
    case _: LogicalRDD | _: ExternalRDD[_] | _: PolicyBarrier => true
    case node                                                => node.subqueries.exists(isOverOthers)
  }
}

/** Files that `Dataset.inputFiles` doesn't list: it reads them from the relation, and runs nothing. */
private final class UnlistedFiles(files: HadoopFsRelation)
    extends HadoopFsRelation(
      files.location,
      files.partitionSchema,
      files.dataSchema,
      files.bucketSpec,
      files.fileFormat,
      files.options
    )(files.sparkSession) {

  override def inputFiles: Array[String] = Array.empty

  // Rules that prune files copy the relation.
  override def copy(
      location: org.apache.spark.sql.execution.datasources.FileIndex,
      partitionSchema: org.apache.spark.sql.types.StructType,
      dataSchema: org.apache.spark.sql.types.StructType,
      bucketSpec: Option[org.apache.spark.sql.catalyst.catalog.BucketSpec],
      fileFormat: org.apache.spark.sql.execution.datasources.FileFormat,
      options: Map[String, String]
  )(sparkSession: SparkSession): HadoopFsRelation =
    new UnlistedFiles(
      HadoopFsRelation(location, partitionSchema, dataSchema, bucketSpec, fileFormat, options)(sparkSession)
    )
}

private object UnlistedFiles {

  def in(leaf: LogicalPlan): LogicalPlan = leaf match {
    case relation: LogicalRelation =>
      relation.relation match {
        case files: HadoopFsRelation => relation.copy(relation = new UnlistedFiles(files))
        case _                       => relation
      }
    case other => other
  }
}
