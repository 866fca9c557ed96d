package io.iomete.spark

import io.iomete.spark.errors.Startup
import io.iomete.spark.governance.commands.SessionCatalogCalls
import io.iomete.spark.parser.ParameterBindingParser
import org.apache.spark.sql.SparkSessionExtensions
import org.apache.spark.sql.classic.{SparkSession => ClassicSession}

/** The outermost parser. List it LAST in `spark.sql.extensions`; see [[IometeExtension]] for why. */
class IometeParserExtension extends (SparkSessionExtensions => Unit) {

  override def apply(extensions: SparkSessionExtensions): Unit =
    Startup.orRefuse(getClass.getName) {
      SupportedSpark.require(org.apache.spark.SPARK_VERSION)
      extensions.injectParser { (session, delegate) =>
        // Spark makes a session's parser with its state, before anything else can ask the session.
        SessionCatalogCalls.install(session.asInstanceOf[ClassicSession])
        new ParameterBindingParser(session, delegate)
      }
    }
}
