package io.phasegate.tests

import io.phasegate.CampaignStatus
import io.phasegate.ConfigInvalid
import io.phasegate.Conflict
import io.phasegate.EngineBuilder
import io.phasegate.Mode
import io.phasegate.NotFound
import io.phasegate.Outcome
import io.phasegate.PhaseStatus
import io.phasegate.PreflightFailed
import io.phasegate.Rejected
import io.phasegate.Reported
import io.phasegate.ResourceInvalid
import io.phasegate.Ticket
import io.phasegate.UnknownPhase
import io.phasegate.json
import io.phasegate.jsonObject
import java.util.concurrent.atomic.AtomicInteger
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertFalse
import kotlin.test.assertNotNull
import kotlin.test.assertNull
import kotlin.test.assertTrue
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.map
import kotlinx.coroutines.flow.onEach
import kotlinx.coroutines.flow.takeWhile
import kotlinx.coroutines.flow.toList
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.int
import kotlinx.serialization.json.jsonPrimitive

private val WORD = jsonObject(
    """{"type": "object", "required": ["word"], "properties": {"word": {"type": "string"}}, "additionalProperties": false}""",
)

/** Two phases: one that writes a word, one that shouts what it finds. */
private fun EngineBuilder.words() {
    pipeline("words") {
        phase("write", WORD) { ctx ->
            ctx.commit(listOf(jsonObject(ctx.config.toString()), json("""{"nested": [1, 2.5, null, "ä"]}""")), json("2"), done = 2, total = 2)
            mapOf("words" to 2)
        }
        phase("shout", WORD) { ctx -> ctx.upstream().collect { ctx.commit(listOf(JsonPrimitive("$it!"))) } }
    }
}

class ChainTest {
    @Test
    fun `a chain runs to its end after one start`() = test {
        inMemory({ words() }) { engine ->
            val campaign = engine.started("write" to """{"word": "ahoy"}""", "shout" to """{"word": ""}""")
            val view = campaign.atRest()
            assertEquals(CampaignStatus.COMPLETED, view.status)
            assertEquals(json("""{"words": 2}"""), view.phase("write").summary)
            assertEquals(listOf(json("""{"word": "ahoy"}"""), json("""{"nested": [1, 2.5, null, "ä"]}""")), campaign.records("write").toList())
            assertEquals(1, campaign.records("shout", 1).toList().size)
            assertNull(view.phase("shout").summary)
            assertFailsWith<NoSuchElementException> { view.phase("whisper") }
        }
    }

    @Test
    fun `a refused start carries the whole report and starts nothing`() = test {
        inMemory({ words() }) { engine ->
            val campaign = engine.create("spring", Mode.FULL_SEQUENCE)
            val refused = assertFailsWith<PreflightFailed> { campaign.start("write") }
            assertEquals("preflight_failed", refused.code)
            assertEquals(listOf("write", "shout"), refused.missingPhases)
            assertEquals(listOf("write" to "config_missing", "shout" to "config_missing"), refused.errors.map { it.phase to it.keyword })
            assertTrue("write, shout" in refused.message, refused.message)
            assertEquals(refused.report, campaign.preflight())
            assertEquals(listOf("campaign_created"), campaign.events(follow = false).map { it.type }.toList())
        }
    }

    @Test
    fun `a bad config is refused with every problem`() = test {
        inMemory({ words() }) { engine ->
            val campaign = engine.create("spring")
            val refused = assertFailsWith<ConfigInvalid> {
                campaign.plan(configs("write" to """{"word": 1}""", "shout" to """{"loud": true}"""))
            }
            assertEquals(
                setOf("write/word type", "shout/loud additionalProperties", "shout/word required"),
                refused.errors.map { "${it.phase}${it.pointer} ${it.keyword}" }.toSet(),
            )
            assertNull(campaign.config("write"))
            assertFailsWith<UnknownPhase> { campaign.configure("whisper", json("{}")) }
            assertFailsWith<UnknownPhase> { campaign.records("whisper").toList() }
        }
    }

    @Test
    fun `a chain that meets a missing config waits and names it`() = test {
        val pipeline: EngineBuilder.() -> Unit = {
            pipeline("words") {
                phase("write") { Outcome.Deferred }
                phase("shout") { }
            }
        }
        inMemory(pipeline) { engine ->
            val campaign = engine.started("write" to "{}", "shout" to "{}")
            campaign.unconfigure("shout")
            assertEquals(Reported.RECORDED, engine.report(Ticket(campaign.id, "write", 1, 1), Outcome.Completed(json("""{"by": "hand"}"""))))
            val view = campaign.atRest()
            assertEquals(CampaignStatus.WAITING_FOR_CONFIGURATION, view.status)
            assertEquals(listOf("shout"), view.preflight.missingPhases)
            assertFalse(view.preflight.ready)
            campaign.configure("shout", json("{}"))
            assertEquals(CampaignStatus.IDLE, campaign.view().status)
            campaign.start()
            assertEquals(CampaignStatus.COMPLETED, campaign.atRest().status)
        }
    }

    @Test
    fun `a hundred reports at once start the next phase once`() = test {
        val launches = AtomicInteger()
        val tickets = CompletableDeferred<Ticket>()
        val pipeline: EngineBuilder.() -> Unit = {
            pipeline("words") {
                phase("approve") { ctx ->
                    tickets.complete(ctx.ticket)
                    Outcome.Deferred
                }
                phase("publish") { launches.incrementAndGet() }
            }
        }
        inMemory(pipeline) { engine ->
            val campaign = engine.started("approve" to "{}", "publish" to "{}")
            // A ticket is kept as text until somebody reports.
            val ticket = Ticket.fromJson(tickets.await().toJson())
            val told = (1..100).map { async(Dispatchers.IO) { engine.report(ticket, Outcome.Completed()) } }.awaitAll()
            assertEquals(mapOf(Reported.RECORDED to 1, Reported.ALREADY_RECORDED to 99), told.groupingBy { it }.eachCount())
            assertEquals(CampaignStatus.COMPLETED, campaign.atRest().status)
            assertEquals(1, launches.get())
            assertEquals(Reported.STALE, engine.report(ticket, Outcome.Failed("late", "too late")))
        }
    }

    @Test
    fun `a pause keeps what was committed and a resume goes on from it`() = test {
        val halfway = CompletableDeferred<Unit>()
        val pipeline: EngineBuilder.() -> Unit = {
            pipeline("count") {
                phase("count") { ctx ->
                    val begin = ctx.checkpoint?.jsonPrimitive?.int ?: 0
                    for (number in begin until 10) {
                        ctx.commit(listOf(JsonPrimitive(number)), JsonPrimitive(number + 1), number + 1L, 10)
                        if (number == 4 && begin == 0) {
                            halfway.complete(Unit)
                            CompletableDeferred<Unit>().await()
                        }
                    }
                    ctx.recordsBefore
                }
            }
        }
        inMemory(pipeline) { engine ->
            val campaign = engine.started("count" to "{}")
            halfway.await()
            val progress = assertNotNull(campaign.progress())
            assertEquals(5L to 10L, progress.done to progress.total)
            campaign.pause()
            assertEquals(PhaseStatus.PAUSED, campaign.view().phase("count").status)
            campaign.resume()
            val phase = campaign.atRest().phase("count")
            assertEquals(JsonPrimitive(5), phase.summary)
            assertEquals(2, phase.attempt)
            assertEquals((0 until 10).map { JsonPrimitive(it) }, campaign.records("count").toList())
        }
    }

    @Test
    fun `idempotency keys give the same campaign and the same receipt`() = test {
        inMemory({ words() }) { engine ->
            val one = engine.create("spring", idempotencyKey = "order-1")
            assertEquals(one, engine.create("spring", idempotencyKey = "order-1"))
            val keyed = one.withIdempotencyKey("mode-1")
            val first = keyed.setMode(Mode.FULL_SEQUENCE)
            one.setMode(Mode.STEP_BY_STEP)
            assertEquals(first, keyed.setMode(Mode.FULL_SEQUENCE))
            assertEquals(Mode.STEP_BY_STEP, one.view().mode)
            val refused = assertFailsWith<Conflict> { engine.create("summer", idempotencyKey = "order-1") }
            assertEquals("idempotency_key_reused", refused.code)
        }
    }

    @Test
    fun `campaigns are listed page by page and a deleted one is not found`() = test {
        inMemory({ words() }) { engine ->
            val created = (0 until 5).map { engine.create("campaign $it") }
            val page = engine.campaigns(limit = 3)
            val rest = engine.campaigns(limit = 3, after = page.next)
            assertEquals(created.map { it.id }, (page.items + rest.items).map { it.id })
            assertNull(rest.next)
            created[0].delete()
            val gone = assertFailsWith<NotFound> { created[0].view() }
            assertEquals(created[0].id, gone.data["campaign"]?.jsonPrimitive?.content)
            assertFailsWith<NotFound> { engine.campaign("no id at all") }
            assertEquals(listOf("campaign 3"), engine.campaigns(name = "campaign 3").items.map { it.name })
        }
    }

    @Test
    fun `resources are stored, referred to, and reported when they are gone`() = test {
        val pipeline: EngineBuilder.() -> Unit = {
            pipeline("mail") {
                resourceKind("server", jsonObject("""{"type": "object", "required": ["host"], "properties": {"host": {"type": "string"}}}"""))
                val schema = """{"type": "object", "required": ["server"],
                    "properties": {"server": {"type": "string", "x-phasegate-resource": "server"}}}"""
                phase("send", jsonObject(schema)) { ctx -> ctx.resources.getValue("server").getValue("main") }
            }
        }
        inMemory(pipeline) { engine ->
            val wrong = assertFailsWith<ResourceInvalid> { engine.putResource("server", "main", json("""{"host": 1}""")) }
            assertEquals(listOf("/host type"), wrong.errors.map { "${it.pointer} ${it.keyword}" })
            val document = json("""{"host": "localhost", "password": "secret"}""")
            val revision = engine.putResource("server", "main", document, revision = 0)
            assertFailsWith<Conflict> { engine.putResource("server", "main", document, revision = 0) }
            val found = assertNotNull(engine.resource("server", "main"))
            assertEquals(revision, found.revision)
            assertFalse("secret" in found.toString(), found.toString())
            val campaign = engine.started("send" to """{"server": "main"}""")
            assertEquals(document, campaign.atRest().phase("send").summary)
            engine.deleteResource("server", "main")
            assertNull(engine.resource("server", "main"))
            assertEquals(emptyList(), engine.resources("server"))
            val report = engine.preflightPlan(configs("send" to """{"server": "main"}"""))
            assertEquals(listOf("resource_missing"), report.errors.map { it.keyword })
        }
    }

    @Test
    fun `events are followed from a cursor on`() = test {
        inMemory({ words() }) { engine ->
            val campaign = engine.create("spring", Mode.FULL_SEQUENCE, configs("write" to """{"word": "a"}""", "shout" to """{"word": "b"}"""))
            val first = campaign.events(follow = false).toList()
            assertEquals(listOf(1L, 2L, 3L), first.map { it.seq })
            val following = async {
                val seen = mutableListOf<String>()
                campaign.events(first[0].cursor).onEach { seen += it.type }.takeWhile { it.type != "campaign_completed" }.toList()
                seen
            }
            campaign.start()
            assertEquals(
                listOf(
                    "phase_configured", "phase_configured", "phase_started", "phase_completed", "phase_auto_started", "phase_completed",
                    "campaign_completed",
                ),
                following.await(),
            )
            assertEquals(setOf(campaign.id), engine.events(follow = false).toList().map { it.campaignId }.toSet())
            assertEquals("write", campaign.events().first { it.type == "phase_started" }.data["phase"]?.jsonPrimitive?.content)
        }
    }

    @Test
    fun `records are read page by page`() = test {
        inMemory({ pipeline("numbers") { phase("count") { ctx -> ctx.commit(List(25) { JsonPrimitive(it) }) } } }) { engine ->
            val campaign = engine.started("count" to "{}")
            campaign.atRest()
            val page = campaign.recordPage("count", from = 10, limit = 10)
            assertEquals(10L to 20L, page.from to page.next)
            assertEquals(List(10) { JsonPrimitive(10 + it) }, page.records)
            assertNull(campaign.recordPage("count", from = 20, limit = 10).next)
        }
    }

    @Test
    fun `a rejection says what to do`() = test {
        inMemory({ words() }) { engine ->
            val campaign = engine.create("spring")
            val resumed = assertFailsWith<Rejected> { campaign.resume() }
            assertEquals("not_paused" to "nothing to resume: the campaign is idle", resumed.code to resumed.message)
            val started = assertFailsWith<Rejected> { campaign.start("shout") }
            assertEquals("write", started.data["expected"]?.jsonPrimitive?.content)
        }
    }
}
