package io.iomete.spark.governance.commands

import scala.io.Source

import org.apache.spark.sql.catalyst.plans.logical.Command

/** What somebody has judged of each class of commands: the list in `commands.txt`. */
private[governance] object JudgedCommands {

  sealed trait Verdict

  /** Everybody may run it. */
  case object Free extends Verdict

  /** Whoever holds the rights that [[CommandRights]] asks for. */
  case object Rights extends Verdict

  /** Administrators only. */
  case object Refused extends Verdict

  private val verdicts = Map("free" -> Free, "rights" -> Rights, "refused" -> Refused)

  /** By the name of the class. */
  lazy val all: Map[String, Verdict] = {
    val file = Source.fromInputStream(getClass.getResourceAsStream("/io/iomete/spark/commands.txt"), "UTF-8")
    try {
      file.getLines().map(_.trim).filterNot(line => line.isEmpty || line.startsWith("#")).map { line =>
        val (verdict, name) = line.span(!_.isWhitespace)
        name.trim -> verdicts(verdict)
      }.toMap
    } finally file.close()
  }

  /** A command that isn't listed is refused. */
  def verdictOf(command: Command): Verdict = command match {
    case _: GovernedExplain | _: ShownRows | _: DescribeSeen | ClearOwnCache | _: UncacheOwn => Free
    case other              => all.getOrElse(other.getClass.getName, Refused)
  }
}
