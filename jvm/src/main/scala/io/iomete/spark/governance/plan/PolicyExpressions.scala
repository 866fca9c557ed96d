package io.iomete.spark.governance.plan

import scala.util.Try
import scala.util.control.NonFatal

import com.google.common.cache.{Cache, CacheBuilder}
import io.iomete.spark.governance.decisions.{PolicyEngine, TableResource}
import org.apache.spark.sql.catalyst.QueryPlanningTracker
import org.apache.spark.sql.catalyst.analysis.UnresolvedFunction
import org.apache.spark.sql.catalyst.expressions.{Left => _, Right => _, _}
import org.apache.spark.sql.catalyst.plans.logical._
import org.apache.spark.sql.catalyst.trees.TreePattern.PLAN_EXPRESSION
import org.apache.spark.sql.classic.{SparkSession => ClassicSession}
import org.apache.spark.sql.catalyst.util.{GenericArrayData, QuotingUtils}
import org.apache.spark.sql.internal.SQLConf
import org.apache.spark.sql.types._
import org.apache.spark.unsafe.types.UTF8String

/** Turns the SQL of filters and custom masks into expressions over a table's columns.
  *
  * In a private session: temporary views and functions of the asker's, their current namespace,
  * time zone and SQL mode have no say in what a policy means. Tables that an expression looks things
  * up in are read with the policy's rights.
  */
final class PolicyExpressions(session: ClassicSession, engine: PolicyEngine) {
  import PolicyExpressions._

  private val templates: Cache[Key, Template] =
    CacheBuilder.newBuilder().maximumSize(4096).build[Key, Template]()

  /** A predicate that is true for the rows that `principal` may see.
    *
    * Rows on which it is null or fails are hidden.
    *
    * Raises: PolicyExpressionException, with what is wrong.
    */
  def filter(
      predicate: String,
      table: TableResource,
      columns: Seq[Attribute],
      principal: String
  ): Expression = {
    val resolved = resolve(Filtering, predicate, table, columns, principal)
    split(resolved).map(new TotalPredicate(table.fullName)(_)).reduce(And)
  }

  /** What a custom mask shows instead of a column, in the column's type; null where it fails.
    *
    * With the path of a field in the column's structs, what it shows instead of that field.
    */
  def mask(
      expression: String,
      column: Attribute,
      table: TableResource,
      columns: Seq[Attribute],
      principal: String,
      path: Seq[String] = Nil
  ): Expression = {
    val dataType = typeOf(column.dataType, path).fold(
      wrong => throw new PolicyExpressionException(s"`${(column.name +: path).mkString(".")}`: $wrong"),
      identity
    )
    val text = expression.replace("{col}", (column.name +: path).map(QuotingUtils.quoteIdentifier).mkString("."))
    val stated = resolve(Masking(dataType), text, table, columns, principal)
    val resolved = new TotalPredicate(table.fullName).lookups(stated)
    val typed =
      if (resolved.dataType == dataType) resolved
      else Cast(resolved, dataType, Some("UTC"), EvalMode.TRY)
    if (SafeExpressions.isSafe(typed) || typed.foldable) typed else nullOnError(typed)
  }

  private def typeOf(dataType: DataType, path: Seq[String]): Either[String, DataType] =
    (dataType, path) match {
      case (found, Seq()) => Right(found)
      case (struct: StructType, name +: rest) =>
        struct.fields
          .find(_.name.equalsIgnoreCase(name))
          .fold[Either[String, DataType]](Left("there is no such field"))(f => typeOf(f.dataType, rest))
      case _ => Left("a custom mask reaches fields of structs, and none inside of arrays or maps")
    }

  private def resolve(
      kind: Kind,
      text: String,
      table: TableResource,
      columns: Seq[Attribute],
      principal: String
  ): Expression = {
    val key = Key(kind, text, table, columns.map(shape), principal, attributesOf(principal))
    val template = Option(templates.getIfPresent(key)).getOrElse {
      val made = analysed(key, columns)
      // What a subquery reads has to be looked up anew each time.
      if (!made.expression.containsPattern(PLAN_EXPRESSION)) templates.put(key, made)
      made
    }
    template.over(columns)
  }

  private def attributesOf(principal: String): Map[String, Any] = engine.attributes(principal)

  private def analysed(key: Key, columns: Seq[Attribute]): Template =
    try {
      // Those of a function's body or a view's, which Spark may be analysing, aren't the policy's.
      asItself {
        val parsed = session.sessionState.sqlParser.parseExpression(key.text)
        val rows = LocalRelation(columns.map { c =>
          AttributeReference(c.name, c.dataType, c.nullable, CharColumns.metadata(c))()
        })
        val table = SubqueryAlias(key.table.table, rows)
        val done = resolved(key.kind.over(parsed, table), key)
        val expression = withoutUsers(key.kind.in(done), key)
        requireUsable(expression, key)
        Template(rows.output, governedLookups(expression))
      }
    } catch {
      case error: PolicyExpressionException => throw error
      case NonFatal(error) => throw new PolicyExpressionException(reasonOf(error), error)
    }

  private def asItself[T](body: => T): T =
    session.withActive(SQLConf.withExistingConf(session.sessionState.conf)(body))

  private def requireUsable(expression: Expression, key: Key): Unit = {
    if (!expression.deterministic) {
      throw new PolicyExpressionException("it gives another result each time it is evaluated")
    }
    if (key.kind == Filtering && expression.dataType != BooleanType) {
      throw new PolicyExpressionException(
        s"a filter is true or false, and this is of type ${expression.dataType.sql}"
      )
    }
    expression.foreach {
      case lookup: SubqueryExpression => requireLookup(lookup.plan)
      case _                          => ()
    }
  }

  /** What a lookup does with the row that is judged, it does with what it looks up.
    *
    * A name that isn't among a lookup's columns is one of the judged row's: were a column there called
    * otherwise one day, `region IN (SELECT region FROM …)` would be true of every row.
    */
  private def requireLookup(plan: LogicalPlan): Unit = plan.foreachWithSubqueries { node =>
    node.expressions.flatMap(split).foreach { stated =>
      val ofRow = stated.collect { case outer: OuterReference => outer }
      val ofLookup = stated.exists {
        case _: AttributeReference      => true
        case inner: SubqueryExpression  => inner.plan.output.nonEmpty
        case _                          => false
      }
      if (ofRow.nonEmpty && !ofLookup) {
        throw new PolicyExpressionException(
          s"a lookup reads `${ofRow.head.name}` of the row itself, beside nothing that it looks up; " +
            "if a column of the other table is meant, it has another name by now"
        )
      }
    }
  }

  /** An attribute that nobody has is a null of the first type that the expression takes. */
  private def resolved(plan: LogicalPlan, key: Key): LogicalPlan = {
    val examples = engine.exampleAttributes ++ key.attributes
    val first = typesOfUnknown.head
    def over(unknown: DataType): LogicalPlan =
      session.sessionState.analyzer
        .executeAndCheck(bound(plan, key, examples, unknown), new QueryPlanningTracker)
    try over(first)
    catch {
      case NonFatal(error) if attributesIn(plan).exists(!examples.contains(_)) =>
        typesOfUnknown.tail.iterator
          .flatMap(dataType => Try(over(dataType)).toOption)
          .nextOption()
          .getOrElse(throw error)
    }
  }

  /** `user_attribute('x')` as a typed literal; an attribute that the user lacks is null. */
  private def bound(
      plan: LogicalPlan,
      key: Key,
      examples: Map[String, Any],
      unknown: DataType
  ): LogicalPlan =
    plan.transformAllExpressionsWithSubqueries { case UserAttribute(name) =>
      key.attributes.get(name).map(literal).getOrElse {
        Literal(null, examples.get(name).fold(unknown)(literal(_).dataType))
      }
    }

  private def attributesIn(plan: LogicalPlan): Set[String] = {
    val found = Set.newBuilder[String]
    plan.transformAllExpressionsWithSubqueries { case call @ UserAttribute(name) =>
      found += name
      call
    }
    found.result()
  }

  private def literal(value: Any): Literal = value match {
    case list: Seq[_] => array(list)
    case single       => Literal(single)
  }

  private def array(values: Seq[Any]): Literal = {
    val elements = values.map(Literal(_))
    val dataType = elements.headOption.fold[DataType](StringType)(_.dataType)
    Literal(new GenericArrayData(elements.map(_.value)), ArrayType(dataType))
  }

  private def withoutUsers(expression: Expression, key: Key): Expression = {
    val user = Literal(key.principal)
    replaced(expression) { case CurrentUser() => user }
  }

  /** Marks what a lookup reads as read by a policy; the planner asks for that mark. */
  private def governedLookups(expression: Expression): Expression =
    expression.transform { case subquery: SubqueryExpression =>
      subquery.withNewPlan(subquery.plan.transformUpWithSubqueries { case leaf: LeafNode =>
        Source.of(leaf) match {
          case Source.OfTable(table, _, _) => PolicyBarrier(leaf, Proof.of(table, None))
          case Source.Local                => leaf
          case _ => throw new PolicyExpressionException(s"it reads ${leaf.nodeName}, no table")
        }
      })
    }

  private def split(predicate: Expression): Seq[Expression] = predicate match {
    case And(left, right) => split(left) ++ split(right)
    case other            => Seq(other)
  }

  private def nullOnError(expression: Expression): Expression =
    io.iomete.spark.governance.masks.NullOnError(expression)
}

object PolicyExpressions {

  /** What Spark says is wrong, without the plan that it shows along with it. */
  private def reasonOf(error: Throwable): String =
    Option(error.getMessage)
      .flatMap(_.linesIterator.map(_.trim).find(_.nonEmpty))
      .getOrElse(error.getClass.getSimpleName)

  /** Types that attributes of users have; a text first, as most are. */
  private val typesOfUnknown: Seq[DataType] = {
    val scalars = Seq(StringType, LongType, DoubleType, BooleanType)
    scalars.take(1) ++ scalars.map(ArrayType(_)) ++ scalars.drop(1)
  }

  private object UserAttribute {
    def unapply(call: UnresolvedFunction): Option[String] = call match {
      case UnresolvedFunction(Seq(name), Seq(Literal(attribute: UTF8String, _)), false, None, _, _, _)
          if name.equalsIgnoreCase("user_attribute") =>
        Some(attribute.toString)
      case _ => None
    }
  }

  private def shape(column: Attribute): (String, DataType, Boolean, Metadata) =
    (column.name, column.dataType, column.nullable, CharColumns.metadata(column))

  private sealed trait Kind {
    def over(parsed: Expression, table: LogicalPlan): LogicalPlan
    def in(plan: LogicalPlan): Expression
  }

  private case object Filtering extends Kind {
    def over(parsed: Expression, table: LogicalPlan): LogicalPlan = Filter(parsed, table)
    def in(plan: LogicalPlan): Expression = plan.collectFirst { case Filter(c, _) => c }.get
  }

  private final case class Masking(dataType: DataType) extends Kind {
    def over(parsed: Expression, table: LogicalPlan): LogicalPlan =
      Project(Seq(Alias(parsed, "mask")()), table)
    def in(plan: LogicalPlan): Expression =
      plan.collectFirst { case Project(Seq(Alias(child, _)), _) => child }.get
  }

  private final case class Key(
      kind: Kind,
      text: String,
      table: TableResource,
      columns: Seq[(String, DataType, Boolean, Metadata)],
      principal: String,
      attributes: Map[String, Any]
  )

  private final case class Template(columns: Seq[Attribute], expression: Expression) {
    private val places = AttributeMap(columns.zipWithIndex)

    def over(actual: Seq[Attribute]): Expression = {
      val placed = actual.toIndexedSeq
      replaced(expression) { case a: AttributeReference if places.contains(a) => placed(places(a)) }
    }
  }

  /** Also inside subqueries, where the table's columns are outer references. */
  private def replaced(
      expression: Expression
  )(rule: PartialFunction[Expression, Expression]): Expression =
    expression.transformUp {
      case subquery: SubqueryExpression =>
        val outer = subquery.withNewPlan(
          subquery.plan.transformAllExpressionsWithSubqueries {
            case OuterReference(inner) if rule.isDefinedAt(inner) =>
              OuterReference(rule(inner).asInstanceOf[NamedExpression])
            case other if rule.isDefinedAt(other) => rule(other)
          }
        )
        outer
      case other if rule.isDefinedAt(other) => rule(other)
    }
}

/** A policy's expression can't be used; the message says why, for administrators. */
final class PolicyExpressionException(message: String, cause: Throwable = null)
    extends RuntimeException(message, cause)
