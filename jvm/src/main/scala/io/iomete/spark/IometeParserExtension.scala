package io.iomete.spark

import io.iomete.spark.errors.Startup
import io.iomete.spark.parser.ParameterBindingParser
import org.apache.spark.sql.SparkSessionExtensions

/** The outermost parser. List it LAST in `spark.sql.extensions`; see [[IometeExtension]] for why. */
class IometeParserExtension extends (SparkSessionExtensions => Unit) {

  override def apply(extensions: SparkSessionExtensions): Unit =
    Startup.orRefuse(getClass.getName) {
      SupportedSpark.require(org.apache.spark.SPARK_VERSION)
      extensions.injectParser(new ParameterBindingParser(_, _))
    }
}
