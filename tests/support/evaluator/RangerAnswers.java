import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.iomete.spark.governance.decisions.MaskRule;
import io.iomete.spark.governance.decisions.ReadDecision;
import io.iomete.spark.governance.decisions.RowFilterRule;
import io.iomete.spark.governance.decisions.TableResource;
import io.iomete.spark.governance.ranger.Bundle;
import io.iomete.spark.governance.ranger.Deciding;
import io.iomete.spark.governance.ranger.Published;
import io.iomete.spark.governance.ranger.Snapshot;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import scala.collection.immutable.Seq;
import scala.jdk.javaapi.CollectionConverters;

/**
 * Answers questions about bundles by the policy engine of the jar, without Spark.
 *
 * <p>A line in is `{"bundle": "…", "questions": […]}`, a line out the answers in the same order.
 */
public final class RangerAnswers {
  private static final ObjectMapper json = new ObjectMapper();

  public static void main(String[] arguments) throws Exception {
    PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    System.setOut(System.err); // whatever else is printed
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      out.println(json.writeValueAsString(answer(json.readTree(line))));
    }
  }

  private static Object answer(JsonNode request) {
    byte[] bundle = request.get("bundle").textValue().getBytes(StandardCharsets.UTF_8);
    Published published = Published.of(Bundle.read(bundle));
    Map<Long, Snapshot> snapshots = new LinkedHashMap<>();
    List<Object> answers = new ArrayList<>();
    for (JsonNode question : request.get("questions")) {
      long at = question.get("at").longValue();
      Snapshot snapshot = snapshots.computeIfAbsent(at, published::at);
      if (!snapshot.broken().reasons().isEmpty()) {
        throw new IllegalStateException(snapshot.broken().reasons().toString());
      }
      answers.add(answer(new Deciding(snapshot), question));
    }
    return answers;
  }

  private static Object answer(Deciding deciding, JsonNode question) {
    String who = question.get("who").textValue();
    List<String> parts = texts(question.get("parts"));
    switch (question.get("kind").textValue()) {
      case "read":
        return shown(deciding.read(who, table(parts), seq(texts(question.get("columns")))));
      case "known":
        if (parts.size() == 1) return deciding.isCatalogKnown(who, parts.get(0));
        if (parts.size() == 2) return deciding.isNamespaceKnown(who, parts.get(0), parts.get(1));
        return deciding.isKnown(who, table(parts));
      case "allowed":
        return deciding.isAllowed(who, question.get("action").textValue(), seq(parts));
      case "path":
        return deciding.isPathAllowed(who, question.get("action").textValue(), parts.get(0));
      default:
        throw new IllegalArgumentException(question.toString());
    }
  }

  private static Map<String, Object> shown(ReadDecision decision) {
    Map<String, Object> shown = new LinkedHashMap<>();
    shown.put("visible", new TreeSet<>(CollectionConverters.asJava(decision.visible())));
    shown.put("denied", new TreeSet<>(CollectionConverters.asJava(decision.denied())));
    Map<String, Object> masks = new TreeMap<>();
    for (Map.Entry<String, MaskRule> entry : CollectionConverters.asJava(decision.masks()).entrySet()) {
      MaskRule rule = entry.getValue();
      masks.put(entry.getKey(), List.of(rule.mask().toString(), rule.policy()));
    }
    shown.put("masks", masks);
    RowFilterRule filter = decision.filter().isEmpty() ? null : decision.filter().get();
    shown.put("filter", filter == null ? null : List.of(filter.predicate(), filter.policy()));
    shown.put("policies", CollectionConverters.asJava(decision.policies()));
    return shown;
  }

  private static TableResource table(List<String> parts) {
    return new TableResource(parts.get(0), parts.get(1), parts.get(2));
  }

  private static List<String> texts(JsonNode node) {
    List<String> texts = new ArrayList<>();
    if (node != null) node.forEach(one -> texts.add(one.textValue()));
    return texts;
  }

  private static Seq<String> seq(List<String> values) {
    return CollectionConverters.asScala(values).toSeq();
  }
}
