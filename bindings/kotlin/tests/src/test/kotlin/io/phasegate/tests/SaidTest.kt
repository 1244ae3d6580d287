package io.phasegate.tests

import io.phasegate.CampaignStatus
import io.phasegate.EngineBuilder
import io.phasegate.Envelope
import io.phasegate.Fenced
import io.phasegate.FieldProblem
import io.phasegate.InvalidArgument
import io.phasegate.Mode
import io.phasegate.NewCampaign
import io.phasegate.OnSkip
import io.phasegate.Outcome
import io.phasegate.Phase
import io.phasegate.PhaseContext
import io.phasegate.PhaseOptions
import io.phasegate.RetryPolicy
import io.phasegate.jsonObject
import java.time.Duration
import java.util.concurrent.atomic.AtomicInteger
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertNotNull
import kotlin.test.assertTrue
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.NonCancellable
import kotlinx.coroutines.awaitCancellation
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.withContext
import kotlinx.coroutines.yield
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.decodeFromJsonElement
import kotlinx.serialization.json.jsonArray
import kotlinx.serialization.json.jsonObject

private val SOON = Duration.ofMillis(50)
private val APPROVAL = PhaseOptions(onSkip = OnSkip.EMPTY)

/** What is said of a phase, of a campaign and of a request, beyond what the vectors have. */
class SaidTest {
    @Test
    fun `a silent phase loses its job and what it does then changes nothing`() = test {
        val late = CompletableDeferred<Throwable?>()
        val pipeline: EngineBuilder.() -> Unit = {
            pipeline("silent") {
                phase("say", jobTimeout = SOON) { ctx ->
                    try {
                        awaitCancellation()
                    } finally {
                        withContext(NonCancellable) {
                            late.complete(runCatching { ctx.commit(listOf(JsonPrimitive("late"))) }.exceptionOrNull())
                        }
                    }
                }
            }
        }
        inMemory(pipeline) { engine ->
            val campaign = engine.started("say" to "{}")
            assertEquals("job_expired", campaign.atRest().phase("say").failure?.code)
            assertTrue(late.await() is Fenced, "${late.await()}")
            assertEquals(emptyList(), campaign.records("say").toList())
        }
    }

    @Test
    fun `the manifest has what was said of a phase`() = test {
        val said = PhaseOptions(
            title = "Collect",
            timeout = Duration.ofSeconds(2),
            retry = RetryPolicy(3, initialDelay = SOON, final = listOf("bad_input")),
            maxRecoveries = 2,
            onSkip = OnSkip.PASS_THROUGH,
            recordSchema = jsonObject("""{"type": "string"}"""),
        )
        inMemory({ pipeline("said") { phase("collect", options = said) { }; builtin("analysis", said) } }) { engine ->
            for (phase in engine.manifests().single().getValue("phases").jsonArray.map { it.jsonObject }) {
                val shown = listOf("title", "timeoutMs", "maxRecoveries", "onSkip", "recordSchema").map { phase.getValue(it).toString() }
                assertEquals(listOf("\"Collect\"", "2000", "2", "\"pass_through\"", """{"type":"string"}"""), shown)
                val policy = RetryPolicy(3, SOON, 2.0, Duration.ofMinutes(5), 0.5, listOf("bad_input"))
                assertEquals(policy, Json.decodeFromJsonElement<RetryPolicy>(phase.getValue("retry")))
            }
        }
        assertFailsWith<InvalidArgument> { inMemory({ pipeline("wrong") { phase("hasty", jobTimeout = Duration.ZERO) { } } }) { error("it must not open") } }
    }

    @Test
    fun `records and look-ups run no check of the host`() = test {
        val checks = AtomicInteger()
        val write = object : Phase {
            override suspend fun run(ctx: PhaseContext) = ctx.commit(listOf(JsonPrimitive("a")))

            override suspend fun check(config: JsonElement, resources: Map<String, Map<String, JsonElement>>): List<FieldProblem> {
                checks.incrementAndGet()
                return emptyList()
            }
        }
        inMemory({ pipeline("checked") { phase("write", write); phase("later", write) } }) { engine ->
            val campaign = engine.create("spring", configs = configs("write" to "{}", "later" to "{}"))
            campaign.start()
            campaign.atRest()
            val before = checks.get()
            assertEquals(listOf<JsonElement>(JsonPrimitive("a")), campaign.records("write").toList())
            assertEquals(emptyList(), campaign.recordPage("later").records)
            assertEquals(campaign, engine.campaign(campaign.id))
            assertEquals(before, checks.get())
            campaign.view()
            assertTrue(checks.get() > before)
        }
    }

    @Test
    fun `a start without a name passes over what is to be skipped`() = test {
        inMemory({ pipeline("waiting") { phase("approve", options = APPROVAL) { Outcome.Deferred }; phase("publish") { } } }) { engine ->
            val campaign = engine.create(NewCampaign("spring", configs = configs("publish" to "{}"), skips = setOf("approve")))
            campaign.start()
            assertEquals(CampaignStatus.COMPLETED, campaign.atRest().status)
        }
    }

    @Test
    fun `an envelope and a key go together`() = test {
        inMemory({ pipeline("waiting") { phase("approve") { Outcome.Deferred } } }) { engine ->
            val campaign = engine.create("spring")
            val first = campaign.withEnvelope(Envelope("ada")).withIdempotencyKey("mode-1").setMode(Mode.FULL_SEQUENCE)
            val bob = campaign.withIdempotencyKey("mode-1").withEnvelope(Envelope("bob"))
            assertEquals(first, bob.setMode(Mode.FULL_SEQUENCE), "who asks is no part of what is asked")
            val events = campaign.events(follow = false).toList().map { it.type to it.envelope.actor }
            assertEquals(listOf("campaign_created" to null, "mode_changed" to "ada"), events)
        }
    }

    @Test
    fun `who changes a resource stands in the log`() = test {
        inMemory({ pipeline("mail") { phase("send") { }; resourceKind("server", jsonObject("{}")) } }) { engine ->
            engine.putResource("server", "main", jsonObject("{}"), envelope = Envelope("ada", "it moved"))
            engine.deleteResource("server", "main", envelope = Envelope("bob"))
            val events = engine.events(follow = false).toList().map { it.type to it.envelope }
            assertEquals(listOf("resource_stored" to Envelope("ada", "it moved"), "resource_removed" to Envelope("bob")), events)
            val refused = assertFailsWith<InvalidArgument> {
                engine.putResource("server", "main", jsonObject("{}"), envelope = Envelope("a".repeat(201)))
            }
            assertEquals("invalid_envelope", refused.code)
        }
    }

    @Test
    fun `a view says what a campaign waits for`() = test {
        val failing = PhaseOptions(retry = RetryPolicy(2, initialDelay = Duration.ofDays(1), jitter = 0.0))
        val pipeline: EngineBuilder.() -> Unit = {
            pipeline("waiting") {
                phase("approve", options = APPROVAL) { Outcome.Deferred }
                phase("fail", options = failing) { error("it fails") }
            }
        }
        inMemory(pipeline) { engine ->
            val campaign = engine.create("spring", configs = configs("approve" to "{}", "fail" to "{}"))
            campaign.start()
            while (campaign.view().status != CampaignStatus.WAITING_FOR_REPORT) yield()
            val wait = assertNotNull(campaign.view().phase("approve").waitsFor)
            assertEquals(listOf(null, null, null), listOf(wait.note, wait.form, wait.deadlineAt))
            campaign.stop()
            campaign.skip("approve")
            campaign.start()
            while (campaign.view().status != CampaignStatus.RETRYING) yield()
            val view = campaign.view()
            assertEquals(view.dueAt, assertNotNull(view.phase("fail").retryAt))
            assertTrue(view.dueAt!! > view.changedAt)
        }
    }
}
