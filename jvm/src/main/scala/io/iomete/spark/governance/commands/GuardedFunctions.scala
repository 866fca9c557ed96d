package io.iomete.spark.governance.commands

import io.iomete.spark.errors.IometeErrors
import org.apache.spark.sql.SparkSessionExtensions
import org.apache.spark.sql.catalyst.FunctionIdentifier
import org.apache.spark.sql.catalyst.analysis.{FunctionRegistry, TableFunctionRegistry}
import org.apache.spark.sql.catalyst.expressions._
import org.apache.spark.sql.catalyst.util.MapData
import org.apache.spark.sql.classic.{SparkSession => ClassicSession}
import org.apache.spark.unsafe.types.UTF8String

/** Functions of Spark's that read files which their options name.
  *
  * Spark does so while it analyses, too (`schema_of_xml`), before any rule could look at what it has
  * made of a call. So the functions themselves are Spark's with a look at the options before.
  */
object GuardedFunctions {
  private val names = Seq("from_xml", "schema_of_xml", "from_avro", "to_avro", "schema_of_avro")

  private val guarded: Seq[(FunctionIdentifier, ExpressionInfo, FunctionRegistry.FunctionBuilder)] =
    for {
      name <- names
      identifier = FunctionIdentifier(name)
      info <- FunctionRegistry.builtin.lookupFunction(identifier)
      build <- FunctionRegistry.builtin.lookupFunctionBuilder(identifier)
    } yield (identifier, info, (arguments: Seq[Expression]) => {
      arguments.foreach(requireSafe(name, _))
      build(arguments)
    })

  def inject(extensions: SparkSessionExtensions): Unit = guarded.foreach(extensions.injectFunction)

  private def requireSafe(function: String, argument: Expression): Unit = argument match {
    case named: NamedArgumentExpression => requireSafe(function, named.value)
    case options if options.resolved && options.foldable =>
      options.eval() match {
        case map: MapData =>
          map.keyArray().foreach(options.dataType.asInstanceOf[org.apache.spark.sql.types.MapType].keyType, {
            case (_, key: UTF8String) if RefuseOptions.isUnsafe(key.toString) =>
              throw IometeErrors.functionOptionRefused(function, key.toString)
            case _ => ()
          })
        case _ => ()
      }
    case _ => ()
  }
}

/** Functions of Spark's whose names a session has given to its own.
  *
  * Spark keeps both in one place, and a view's text says `lower` and means Spark's.
  */
private[governance] final class OverriddenFunctions(session: ClassicSession) {
  private val state = session.sessionState

  /** Raises: IOMETE_FUNCTION_OVERRIDDEN. */
  def requireNone(parts: Seq[String]): Unit = if (parts.size == 1 || isOfSpark(parts)) {
    val name = FunctionIdentifier(parts.last)
    val isOverridden =
      FunctionRegistry.builtin.lookupFunction(name).exists(!state.functionRegistry.lookupFunction(name).contains(_)) ||
        TableFunctionRegistry.builtin.lookupFunction(name).exists(!state.tableFunctionRegistry.lookupFunction(name).contains(_))
    if (isOverridden) throw IometeErrors.functionOverridden(parts.last)
  }

  private def isOfSpark(parts: Seq[String]): Boolean = parts.init.lastOption.exists(_.equalsIgnoreCase("builtin"))
}
