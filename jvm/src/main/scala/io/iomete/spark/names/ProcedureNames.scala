package io.iomete.spark.names

import scala.util.Try

import io.iomete.spark.governance.commands.CommandRights
import org.apache.spark.sql.SparkSession
import org.apache.spark.sql.catalyst.analysis.ResolvedProcedure
import org.apache.spark.sql.catalyst.expressions.Literal
import org.apache.spark.sql.catalyst.parser.CatalystSqlParser
import org.apache.spark.sql.catalyst.plans.logical.{Call, LogicalPlan}
import org.apache.spark.sql.catalyst.rules.Rule
import org.apache.spark.sql.catalyst.trees.TreeNodeTag
import org.apache.spark.sql.classic.{SparkSession => ClassicSession}
import org.apache.spark.sql.connector.catalog.procedures.BoundProcedure

/** Keeps procedures from running before their arguments are known and checked.
  *
  * Spark runs a procedure inside analysis, in the very iteration that resolves it: a check after
  * analysis comes too late, and a rule before it sees `concat('..', '/x')` instead of a name. So a
  * call is put on hold before the resolution (as EXPLAIN does it, which never executes), and
  * [[CheckCalls]], which follows in the same iteration, lets it go.
  */
object HoldCalls extends Rule[LogicalPlan] {
  private[names] val held = TreeNodeTag[Unit]("iomete.call.held")

  override def apply(plan: LogicalPlan): LogicalPlan = plan.resolveOperators {
    case call: Call if call.execute =>
      val onHold = call.copy(execute = false)
      onHold.setTagValue(held, ())
      onHold
  }
}

/** Checks the names that Iceberg's procedures create tables under, and lets the calls go. */
final case class CheckCalls(session: SparkSession) extends Rule[LogicalPlan] {
  private val creating = Set("snapshot", "migrate", "register_table")
  private val names = Set("table", "backup_table_name")

  override def apply(plan: LogicalPlan): LogicalPlan = plan.resolveOperators {
    case call: Call if isHeld(call) =>
      CommandRights.requireForCall(session)
      if (call.resolved && call.bound) {
        check(call)
        call.copy(execute = true)
      } else {
        call
      }
  }

  private def isHeld(call: Call): Boolean =
    !call.execute && call.getTagValue(HoldCalls.held).isDefined

  private def check(call: Call): Unit = call.procedure match {
    case ResolvedProcedure(_, name, _) if creating(name.name) =>
      // The values that the procedure is going to see: Spark folds them in this way, too.
      val optimizer = session.asInstanceOf[ClassicSession].sessionState.optimizer
      optimizer.execute(call).foreach {
        case Call(ResolvedProcedure(_, _, procedure: BoundProcedure), values, _) =>
          procedure.parameters.zip(values).foreach {
            case (parameter, Literal(text, _)) if names(parameter.name) && text != null =>
              partsOf(text.toString).foreach(NamePart.check("table", _))
            case _ => ()
          }
        case _ => ()
      }
    case _ => ()
  }

  /** What can't be parsed, the procedure refuses. */
  private def partsOf(text: String): Option[Seq[String]] =
    Try(CatalystSqlParser.parseMultipartIdentifier(text)).toOption
}
