import io.iomete.spark.governance.audit.AuditEvent;
import io.iomete.spark.governance.audit.AuditRules;
import io.iomete.spark.governance.audit.AuditWriter;
import io.iomete.spark.governance.audit.Verdict;
import java.nio.file.Paths;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import scala.Option;
import scala.collection.immutable.Seq;
import scala.jdk.javaapi.CollectionConverters;

/** Writes events as a query does, and prints the microseconds of each of the later ones. */
public final class AuditLoop {
  private static final int WARM_UP = 20_000;

  public static void main(String[] arguments) {
    AuditRules rules = new AuditRules(true, 64L << 20, 3600);
    AuditWriter writer = new AuditWriter(Paths.get(arguments[0]), rules);
    AuditEvent event = event();
    long[] nanoseconds = new long[Integer.parseInt(arguments[1])];
    for (int i = -WARM_UP; i < nanoseconds.length; i++) {
      long began = System.nanoTime();
      writer.write(event);
      if (i >= 0) nanoseconds[i] = System.nanoTime() - began;
    }
    writer.close();
    Arrays.sort(nanoseconds);
    for (double quantile : new double[] {0.5, 0.99}) {
      System.out.println(nanoseconds[(int) (nanoseconds.length * quantile)] / 1000.0);
    }
  }

  private static AuditEvent event() {
    return new AuditEvent(
        "alice",
        "select",
        "lake.sales.customers",
        Option.apply(seq(List.of("id", "name", "email", "region"))),
        Verdict.Allowed$.MODULE$,
        seq(List.of((Object) 100L, (Object) 101L)),
        scala.collection.immutable.Map.from(CollectionConverters.asScala(Map.of("email", "MASK_HASH"))),
        seq(List.of((Object) 7L)),
        Option.apply("6972767061821772631"),
        "local-1795879384802-2",
        "729415d1-d3aa-4c5e-8f0c-2f5d4b7f0a11",
        "local-1795879384802",
        seq(List.of("lake.mart.revenue")),
        Option.empty());
  }

  private static <A> Seq<A> seq(List<A> values) {
    return CollectionConverters.asScala(values).toSeq();
  }
}
