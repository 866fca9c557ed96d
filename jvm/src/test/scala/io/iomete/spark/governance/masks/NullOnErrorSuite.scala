package io.iomete.spark.governance.masks

import org.apache.spark.TaskKilledException
import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.catalyst.expressions._
import org.apache.spark.sql.catalyst.expressions.codegen.{CodegenFallback, GenerateUnsafeProjection}
import org.apache.spark.sql.catalyst.optimizer.ConstantFolding
import org.apache.spark.sql.catalyst.plans.logical.{LocalRelation, OneRowRelation, Project}
import org.apache.spark.sql.types._
import org.apache.spark.unsafe.types.UTF8String
import org.scalatest.funsuite.AnyFunSuite

class NullOnErrorSuite extends AnyFunSuite {
  private val text = BoundReference(0, StringType, nullable = true)
  private val number = cast(text)

  private def cast(value: Expression): Expression = Cast(value, IntegerType, Some("UTC"), EvalMode.ANSI)

  private def row(value: String): InternalRow = InternalRow(UTF8String.fromString(value))

  test("an error of a value is null, interpreted and in generated code") {
    val both = new BothWays.Of(NullOnError(number))
    assert(both(UTF8String.fromString("12")) == 12)
    assert(both(UTF8String.fromString("secret")) == null)
    assert(both(null) == null)
    assert(new BothWays.Of(NullOnError(RaiseError(text)))(UTF8String.fromString("secret")) == null)
    val element = NullOnError(GetArrayItem(CreateArray(Seq(text)), Length(text), failOnError = true))
    assert(new BothWays.Of(element)(UTF8String.fromString("secret")) == null)
  }

  test("deep recursion and failed assertions are errors of a value, too; the end of a task isn't") {
    Seq(new StackOverflowError, new AssertionError("secret"), new NotImplementedError, new MatchError("secret"))
      .foreach(error => assert(new BothWays.Of(NullOnError(Failing(text, error)))(UTF8String.fromString("a")) == null))
    Seq(new TaskKilledException("cancelled"), new InterruptedException, new OutOfMemoryError, new LinkageError)
      .foreach { error =>
        val guarded = NullOnError(Failing(text, error))
        assert(intercept[Throwable](guarded.eval(row("a"))) eq error)
        assert(intercept[Throwable](GenerateUnsafeProjection.generate(Seq(guarded))(row("a"))) eq error)
      }
  }

  test("what two guarded expressions share isn't evaluated ahead of them") {
    val twice = Seq(NullOnError(Add(number, Literal(1))), NullOnError(Multiply(number, Literal(2))), NullOnError(number))
    Seq("secret" -> Seq(null, null, null), "20" -> Seq(21, 40, 20)).foreach { case (value, expected) =>
      val generated = GenerateUnsafeProjection.generate(twice, subexpressionEliminationEnabled = true)(row(value))
      val interpreted = InterpretedUnsafeProjection.createProjection(twice)(row(value))
      val found = Seq(generated, interpreted).map(_.copy().toSeq(Seq.fill(3)(IntegerType)))
      assert(found == Seq(expected, expected))
    }
    // Spark's own doesn't hold here: why there is another one.
    val sparks = Seq(TryEval(Add(number, Literal(1))), TryEval(Multiply(number, Literal(2))))
    intercept[Exception] {
      GenerateUnsafeProjection.generate(sparks, subexpressionEliminationEnabled = true)(row("secret"))
    }
  }

  test("the optimiser neither drops it nor lets what it guards throw") {
    val column = AttributeReference("c", StringType)()
    val guarded = NullOnError(cast(column))
    val plan = Project(Seq(Alias(guarded, "n")()), LocalRelation(column))
    assert(ConstantFolding(plan) == plan)
    assert(guarded.nullable && !guarded.throwable && !guarded.contextIndependentFoldable)

    val constant = Project(Seq(Alias(NullOnError(cast(Literal("secret"))), "n")()), OneRowRelation())
    assert(ConstantFolding(constant).expressions.head.children.head == Literal(null, IntegerType))
  }
}

/** An expression that fails like a function that someone has registered. */
private[masks] final case class Failing(child: Expression, error: Throwable)
    extends UnaryExpression
    with CodegenFallback {
  override def dataType: DataType = child.dataType
  override def eval(input: InternalRow): Any = throw error
  override protected def withNewChildInternal(newChild: Expression): Failing = copy(child = newChild)
}
