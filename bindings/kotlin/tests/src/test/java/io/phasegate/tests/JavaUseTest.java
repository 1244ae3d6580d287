package io.phasegate.tests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.phasegate.BlockingPhase;
import io.phasegate.BlockingPhaseContext;
import io.phasegate.CampaignStatus;
import io.phasegate.ConfigInvalid;
import io.phasegate.Documents;
import io.phasegate.DryRun;
import io.phasegate.Envelope;
import io.phasegate.FieldProblem;
import io.phasegate.Mode;
import io.phasegate.NewCampaign;
import io.phasegate.Outcome;
import io.phasegate.PhaseFailed;
import io.phasegate.PhaseOptions;
import io.phasegate.Pipeline;
import io.phasegate.PlannedEvent;
import io.phasegate.PreflightFailed;
import io.phasegate.Reported;
import io.phasegate.RetryPolicy;
import io.phasegate.Ticket;
import io.phasegate.blocking.BlockingCampaign;
import io.phasegate.blocking.BlockingEngine;
import io.phasegate.blocking.BlockingSandbox;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import kotlinx.serialization.json.JsonElement;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class JavaUseTest {
    /** A phase as a class, with a check of its own. */
    private static final class Collect implements BlockingPhase {
        @Override
        public Object run(BlockingPhaseContext ctx) {
            long first = ctx.getRecordsBefore();
            for (long number = first; number < 3; number++) {
                ctx.commitText(List.of("{\"number\": " + number + "}"), String.valueOf(number + 1));
                ctx.progress(number + 1, 3L);
            }
            return Map.of("found", 3);
        }

        @Override
        public List<FieldProblem> check(JsonElement config, Map<String, ? extends Map<String, ? extends JsonElement>> resources) {
            return config.toString().contains("forbidden")
                ? List.of(new FieldProblem("/word", "forbidden", "that word is not allowed"))
                : List.of();
        }
    }

    @Test
    @DisplayName("a chain of Java phases is refused, configured, run and looked at")
    void chain(@TempDir Path folder) {
        Pipeline orders = Pipeline.builder("orders")
            .blockingPhase(
                "collect",
                Documents.jsonObject("{\"type\": \"object\"}"),
                new PhaseOptions("Collect", Duration.ofMinutes(1), new RetryPolicy(2)),
                Duration.ofMinutes(1),
                new Collect())
            .blockingPhase("count", ctx -> {
                int count = 0;
                for (JsonElement record : ctx.upstream()) {
                    assertNotNull(record);
                    count++;
                }
                return count;
            })
            .builtin("analysis")
            .build();
        Path store = folder.resolve("orders.redb");
        try (BlockingEngine engine = BlockingEngine.open(store.toString(), orders)) {
            BlockingCampaign campaign = engine.create("spring", Mode.FULL_SEQUENCE);
            PreflightFailed refused = assertThrows(PreflightFailed.class, campaign::start);
            assertEquals(List.of("collect", "count", "analysis"), refused.getMissingPhases());
            ConfigInvalid invalid = assertThrows(ConfigInvalid.class, () -> campaign.configure("collect", "{\"word\": \"forbidden\"}"));
            assertEquals("forbidden", invalid.getErrors().get(0).getKeyword());
            campaign.plan(Map.of("collect", "{}", "count", "{}", "analysis", "{\"keyword\": \"tea\"}"), Mode.FULL_SEQUENCE);
            assertTrue(campaign.preflight().getReady());
            campaign.start();
            assertEquals("3", String.valueOf(campaign.atRest().phase("count").getSummary()));
            assertEquals(3, campaign.records("collect").size());
            assertEquals("{\"number\":2}", campaign.recordPage("collect", 2).getRecords().get(0).toString());
            assertEquals("campaign_created", campaign.nextEvent().getType());
            assertEquals(campaign.events(), engine.events());
        }
        assertTrue(BlockingEngine.verifyFile(store).getClean());
    }

    @Test
    @DisplayName("a phase in Java defers, is reported, and fails with checked exceptions")
    void outcomes() {
        Pipeline pipeline = Pipeline.builder("approvals")
            .blockingPhase("approve", ctx -> Outcome.Deferred.INSTANCE)
            .blockingPhase("send", ctx -> {
                throw new IOException("no network");
            })
            .build();
        try (BlockingEngine engine = BlockingEngine.open(null, builder -> {
            builder.setGrace(Duration.ofSeconds(1));
            builder.pipeline(pipeline);
        })) {
            BlockingCampaign campaign = engine.create("spring", Mode.FULL_SEQUENCE, Map.of("approve", "{}", "send", "{}"));
            campaign.start();
            Ticket ticket = new Ticket(campaign.getId(), "approve", 1, 1);
            assertEquals(Reported.RECORDED, engine.report(ticket, new Outcome.Completed(Documents.json("{\"by\": \"Ada\"}"))));
            assertEquals(Reported.ALREADY_RECORDED, engine.report(ticket, new Outcome.Completed(Documents.json("{\"by\": \"Ada\"}"))));
            assertEquals("IOException: no network", campaign.atRest().phase("send").getFailure().getMessage());
            assertEquals(CampaignStatus.FAILED, campaign.view().getStatus());
            assertEquals("gone", new PhaseFailed("gone", "it is gone").getCode());
        }
    }

    @Test
    @DisplayName("a program in Java says who asks, and tries before it does")
    void dryRuns() {
        Pipeline pipeline = Pipeline.builder("orders").blockingPhase("collect", ctx -> null).build();
        try (BlockingEngine engine = BlockingEngine.open(null, pipeline)) {
            Envelope ada = new Envelope("ada", "spring");
            NewCampaign spring = new NewCampaign("spring", Mode.STEP_BY_STEP, Map.of(), Map.of("team", "north"));
            DryRun planned = engine.dryRunCreation(spring, ada);
            assertEquals(List.of("campaign_created"), planned.getEvents().stream().map(PlannedEvent::getType).toList());
            assertEquals(ada, planned.getEvents().get(0).getEnvelope());
            assertEquals(List.of(), engine.campaigns().getItems());
            BlockingCampaign campaign = engine.create(spring, ada).withEnvelope(ada);
            assertEquals(1, engine.campaigns(null, null, null, Map.of("team", "north")).getItems().size());
            assertEquals("autumn", campaign.getDryRun().describe("autumn").getCampaign().getName());
            assertTrue(campaign.describe("summer", Map.of("team", "south")).getChanged());
            assertTrue(campaign.setRetry("collect", new RetryPolicy(3)).getChanged());
            assertEquals(Map.of("team", "south"), campaign.view().getAttributes());
            assertTrue(campaign.events().stream().allMatch(event -> event.getEnvelope().equals(ada)));
            assertNull(campaign.getDryRun().delete().getCampaign());
        }
    }

    @Test
    @DisplayName("the sandbox points a persona at itself")
    void sandbox() {
        try (BlockingSandbox sandbox = BlockingSandbox.start()) {
            String persona = sandbox.point("dns_persona", "{\"resolvers\": [\"1.1.1.1:53\"]}");
            assertTrue(persona.contains(sandbox.getDnsAddress()), persona);
        }
    }
}
