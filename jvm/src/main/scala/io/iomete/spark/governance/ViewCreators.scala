package io.iomete.spark.governance

import io.iomete.spark.governance.decisions.{ResourceNames, TableResource}
import io.iomete.spark.governance.plan.RelationName
import org.apache.spark.sql.catalyst.analysis.ViewUtil
import org.apache.spark.sql.catalyst.plans.logical.View

/** Who made a view: its body is read with their rights. */
object ViewCreators {

  /** Property of an Iceberg view, set by [[commands.CommandRights]] when the view is made. */
  val property = "iomete.creator"

  /** An owner that an administrator has set comes before the creator. */
  def of(governed: GovernedSession, view: View): Option[String] = {
    val name = view.desc.identifier
    val resource = ResourceNames.table(
      name.catalog.getOrElse(ResourceNames.sessionCatalog),
      name.database.toSeq,
      name.table
    )
    setOwner(governed, resource).orElse(Option(view.desc.owner).filter(_.nonEmpty))
  }

  def of(governed: GovernedSession, name: RelationName): Option[String] =
    setOwner(governed, name.table).orElse(
      ViewUtil
        .loadView(name.catalog, name.identifier)
        .flatMap(view => Option(view.properties.get(property)))
    )

  /** The owner that an administrator has set. */
  def setOwner(governed: GovernedSession, view: TableResource): Option[String] =
    (view +: governed.aliases(view)).flatMap(governed.engine.ownerOf(_)).headOption
}
