package io.iomete.spark.governance.commands

import io.iomete.spark.governance.{GovernedSession, Governing, ReadAudit}
import org.apache.spark.sql.catalog.CatalogMetadata
import org.apache.spark.sql.catalyst.analysis.NoSuchNamespaceException
import org.apache.spark.sql.classic.{Catalog, Dataset, SparkSession => ClassicSession}
import org.apache.spark.sql.iomete.SparkInternals

/** `spark.catalog` of a session.
  *
  * Most of its methods make plans, which the rules judge as those of statements. What goes past them,
  * to the session's catalogs and to the shared cache, is judged here.
  */
final class SessionCatalogCalls(session: ClassicSession) extends Catalog(session) {

  override def setCurrentDatabase(name: String): Unit = ActiveSession.during(session) {
    ofPolicies.foreach { governed =>
      val parts = currentCatalog() +: session.sessionState.sqlParser.parseMultipartIdentifier(name)
      new Namespaces(governed).missing(parts).foreach { missing =>
        new ReadAudit(governed).hidden(missing)
        throw new NoSuchNamespaceException(missing)
      }
    }
    super.setCurrentDatabase(name)
  }

  override def setCurrentCatalog(name: String): Unit = ActiveSession.during(session) {
    ofPolicies.foreach { governed =>
      if (!Namespaces.isCatalogKnown(governed, name)) throw SparkInternals.catalogNotFound(name)
    }
    super.setCurrentCatalog(name)
  }

  override def listCatalogs(): Dataset[CatalogMetadata] = known(super.listCatalogs())

  override def listCatalogs(pattern: String): Dataset[CatalogMetadata] = known(super.listCatalogs(pattern))

  override def clearCache(): Unit =
    if (ofPolicies.isEmpty) super.clearCache() else new CacheEntries(session).clearOwn()

  override def uncacheTable(name: String): Unit =
    if (ofPolicies.isEmpty) super.uncacheTable(name)
    else new CacheEntries(session).uncache(session.table(name).queryExecution.analyzed)

  override def dropGlobalTempView(name: String): Boolean = {
    ofPolicies.foreach(new GlobalViews(_).requireOwn(name))
    super.dropGlobalTempView(name)
  }

  override def refreshByPath(path: String): Unit = {
    ofPolicies.foreach(new Rights(_).needPath("read", path))
    super.refreshByPath(path)
  }

  private def known(catalogs: Dataset[CatalogMetadata]): Dataset[CatalogMetadata] =
    ofPolicies.fold(catalogs) { governed =>
      val shown = catalogs.collect().filter(each => Namespaces.isCatalogKnown(governed, each.name))
      SparkInternals.dataset(shown.toSeq, session)
    }

  /** The session, if policies reach whose it is. */
  private def ofPolicies: Option[GovernedSession] = Governing.of(session).filterNot(_.isAdmin)
}

object SessionCatalogCalls {

  /** Puts ours in the place of the session's own, which nothing has asked for yet.
    *
    * By reflection, for Spark makes it in a lazy value. Found by its type: there is exactly one field
    * of it, or this is a Spark that we don't know and refuse.
    */
  def install(session: ClassicSession): Unit = session.synchronized {
    session.catalog match {
      case _: SessionCatalogCalls => ()
      case _ =>
        val fields = classOf[ClassicSession].getDeclaredFields.filter(_.getType == classOf[Catalog])
        require(fields.length == 1, "Spark's SparkSession is not as it was in 4.1.3")
        fields.head.setAccessible(true)
        fields.head.set(session, new SessionCatalogCalls(session))
    }
  }
}
