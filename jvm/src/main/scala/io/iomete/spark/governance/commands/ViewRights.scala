package io.iomete.spark.governance.commands

import java.util.Locale

import org.apache.spark.sql.catalyst.plans.logical._
import org.apache.spark.sql.execution.command._

/** Who may change what a view says of itself; what it reads is changed by replacing it.
  *
  * A view is read with its creator's rights. Whoever could change the text, or what names in it stand
  * for, without becoming its creator would read with the rights of somebody else.
  */
private[commands] final class ViewRights(rights: Rights) {

  /** Whether it is one of these commands, and then refuses who may not run it. */
  def check(command: Command): Boolean = command match {
    case set: SetViewProperties =>
      requireAlter(set.properties.keys)
      rights.need("alter", set.child)
      true
    case unset: UnsetViewProperties =>
      requireAlter(unset.propertyKeys)
      rights.need("alter", unset.child)
      true
    case set: AlterTableSetPropertiesCommand if set.isView =>
      requireAlter(set.properties.keys)
      rights.need("alter", rights.named(set.tableName))
      true
    case unset: AlterTableUnsetPropertiesCommand if unset.isView =>
      requireAlter(unset.propKeys)
      rights.need("alter", rights.named(unset.tableName))
      true
    case _ => false
  }

  private def requireAlter(keys: Iterable[String]): Unit = keys.find { key =>
    val name = key.toLowerCase(Locale.ROOT)
    PlacesInProperties.isOurs(key) || name.startsWith("view.") || name == "owner" || name == "location" ||
    name.startsWith("spark.query-column-names") || name.startsWith("queryColumnNames".toLowerCase(Locale.ROOT))
  }.foreach(key => rights.refuse(s"SET `$key`"))
}
