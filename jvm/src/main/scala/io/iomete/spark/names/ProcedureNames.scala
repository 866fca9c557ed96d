package io.iomete.spark.names

import scala.util.Try

import io.iomete.spark.governance.commands.CallRights
import io.iomete.spark.governance.{Governing, ReadAudit}
import org.apache.spark.sql.SparkSession
import org.apache.spark.sql.catalyst.analysis.{ResolvedProcedure, UnresolvedIdentifier, UnresolvedProcedure}
import org.apache.spark.sql.catalyst.expressions.{Expression, Literal}
import org.apache.spark.sql.catalyst.parser.CatalystSqlParser
import org.apache.spark.sql.catalyst.plans.logical.{Call, LogicalPlan}
import org.apache.spark.sql.catalyst.rules.Rule
import org.apache.spark.sql.catalyst.trees.TreeNodeTag
import org.apache.spark.sql.classic.{SparkSession => ClassicSession}
import org.apache.spark.sql.connector.catalog.procedures.BoundProcedure
import org.apache.spark.sql.execution.command.DescribeProcedureCommand

/** Keeps procedures from running before their arguments are known and checked.
  *
  * Spark runs a procedure inside analysis, in the very iteration that resolves it: a check after
  * analysis comes too late, and a rule before it sees `concat('..', '/x')` instead of a name. So a
  * call is put on hold before the resolution (as EXPLAIN does it, which never executes), and
  * [[CheckCalls]], which follows in the same iteration, lets it go.
  */
final case class HoldCalls(session: SparkSession) extends Rule[LogicalPlan] {

  override def apply(plan: LogicalPlan): LogicalPlan = plan.resolveOperators {
    case call: Call if call.execute =>
      requireNamed(call.procedure)
      val onHold = call.copy(execute = false)
      onHold.setTagValue(HoldCalls.held, ())
      onHold
    case call: Call =>
      requireNamed(call.procedure)
      call
    case describe: DescribeProcedureCommand =>
      requireNamed(describe.child)
      describe
  }

  private def requireNamed(procedure: LogicalPlan): Unit = procedure match {
    case UnresolvedProcedure(parts)     => requireNamed(parts, "CALL")
    case UnresolvedIdentifier(parts, _) => requireNamed(parts, "DESCRIBE PROCEDURE")
    case _                              => ()
  }

  private def requireNamed(parts: Seq[String], statement: String): Unit = Governing.of(session).foreach { governed =>
    new ReadAudit(governed).refusals(new CallRights(governed).requireNamed(parts, statement))
  }
}

object HoldCalls {
  private[names] val held = TreeNodeTag[Unit]("iomete.call.held")
}

/** Checks who calls a procedure on what, and the names that procedures create tables under, and lets
  * the calls go.
  */
final case class CheckCalls(session: SparkSession) extends Rule[LogicalPlan] {
  private val creating = Set("snapshot", "migrate", "register_table")
  private val names = Set("table", "backup_table_name")

  override def apply(plan: LogicalPlan): LogicalPlan = plan.resolveOperators {
    case call: Call if isHeld(call) && call.resolved && call.bound => judged(call).copy(execute = true)
  }

  private def isHeld(call: Call): Boolean =
    !call.execute && call.getTagValue(HoldCalls.held).isDefined

  private def judged(call: Call): Call = {
    val values = evaluated(call)
    checkNames(call, values)
    (call.procedure, Governing.of(session)) match {
      case (procedure: ResolvedProcedure, Some(governed)) =>
        new ReadAudit(governed).refusals {
          call.copy(procedure = new CallRights(governed).judged(procedure, values), args = values)
        }
      case _ => call
    }
  }

  /** The values that are judged, which the procedure gets in the place of the expressions.
    *
    * Spark optimises them, too, but a session can leave out the rule that folds constants, and then
    * evaluates them when the procedure runs.
    */
  private def evaluated(call: Call): Seq[Expression] = {
    val optimised = session.asInstanceOf[ClassicSession].sessionState.optimizer.execute(call)
    optimised.collectFirst { case Call(_, values, _) => values }.getOrElse(Nil).map {
      case value: Literal           => value
      case value if value.foldable => Literal(value.eval(), value.dataType)
      case other                    => other
    }
  }

  private def checkNames(call: Call, values: Seq[Expression]): Unit = call.procedure match {
    case ResolvedProcedure(_, name, procedure: BoundProcedure) if creating(name.name) =>
      procedure.parameters.zip(values).foreach {
        case (parameter, Literal(text, _)) if names(parameter.name) && text != null =>
          partsOf(text.toString).foreach(NamePart.check("table", _))
        case _ => ()
      }
    case _ => ()
  }

  /** What can't be parsed, the procedure refuses. */
  private def partsOf(text: String): Option[Seq[String]] =
    Try(CatalystSqlParser.parseMultipartIdentifier(text)).toOption
}
