package io.iomete.spark

import io.iomete.spark.errors.Startup
import io.iomete.spark.governance.commands._
import io.iomete.spark.governance.plan._
import io.iomete.spark.governance.renames.PlanRenaming
import io.iomete.spark.identity.BoundUser
import io.iomete.spark.names.{CheckCalls, HoldCalls, NewNames, SafeNames}
import io.iomete.spark.system.{ReservedNames, ResolveSystemTables}
import org.apache.spark.sql.SparkSessionExtensions

/** The rules that govern a session. List it FIRST in `spark.sql.extensions`.
  *
  * Rules run in the order in which extensions are listed, and ours have to see a plan before Delta's
  * and Iceberg's rewrite it. A parser is the other way round: each extension wraps the parsers listed
  * before it, so the one that must be outermost is listed last. No class can be first and last at
  * once, and Spark gives neither a priority, hence two classes: this one and
  * [[IometeParserExtension]]. [[IometePlugin]] refuses a SparkContext that lists them otherwise.
  *
  * Spark swallows a ClassNotFoundException, NoClassDefFoundError or ClassCastException from an
  * extension ("Cannot use …" in the log) and starts the session without it; everything else escapes.
  * [[errors.Startup.orRefuse]] turns whatever happens in here into something that escapes.
  */
class IometeExtension extends (SparkSessionExtensions => Unit) {

  override def apply(extensions: SparkSessionExtensions): Unit =
    Startup.orRefuse(getClass.getName) {
      SupportedSpark.require(org.apache.spark.SPARK_VERSION)
      GuardedFunctions.inject(extensions)
      extensions.injectHintResolutionRule(HoldCalls(_))
      extensions.injectHintResolutionRule(NewNames(_))
      extensions.injectHintResolutionRule(RefuseForeignCode(_))
      extensions.injectHintResolutionRule(RefuseOptions(_))
      extensions.injectHintResolutionRule(HideNamespaces(_))
      extensions.injectHintResolutionRule(HideFunctions(_))
      extensions.injectHintResolutionRule(HideRelations(_))
      extensions.injectHintResolutionRule(HideCommandTargets(_))
      extensions.injectHintResolutionRule(ResolveSystemTables(_))
      extensions.injectHintResolutionRule(CopiedTables(_))
      extensions.injectHintResolutionRule(HideDescribedColumns(_))
      extensions.injectResolutionRule(_ => OpenRecords)
      extensions.injectResolutionRule(CheckCalls(_))
      extensions.injectResolutionRule(ResolveSystemTables(_))
      extensions.injectResolutionRule(ResolveVisibleColumns(_))
      extensions.injectResolutionRule(GovernTargets(_))
      extensions.injectPostHocResolutionRule(NarrowTargets(_))
      extensions.injectPostHocResolutionRule(_ => SafeNames)
      extensions.injectPostHocResolutionRule(ReservedNames(_))
      extensions.injectPostHocResolutionRule(CheckReads(_))
      extensions.injectPlanNormalizationRule(BoundUser(_))
      extensions.injectPlanNormalizationRule(GovernPlan(_))
      extensions.injectOptimizerRule(_ => PushSafePredicates)
      extensions.injectPlannerStrategy(Backstop(_))
      extensions.injectColumnar(LiftGate(_))
      extensions.injectPlannerStrategy(_ => BarrierStrategy)
      extensions.injectPlannerStrategy(_ => ShownRowsStrategy)
      extensions.injectPlannerStrategy(_ => PlanRenaming)
    }
}
