package io.phasegate.tests

import io.phasegate.BlockingPhase
import io.phasegate.BlockingPhaseContext
import io.phasegate.CampaignStatus
import io.phasegate.ConfigInvalid
import io.phasegate.EngineBuilder
import io.phasegate.Fenced
import io.phasegate.FieldProblem
import io.phasegate.InputChange
import io.phasegate.InvalidArgument
import io.phasegate.Outcome
import io.phasegate.Phase
import io.phasegate.PhaseContext
import io.phasegate.PhaseFailed
import io.phasegate.PhaseOptions
import io.phasegate.PipelineBuilder
import io.phasegate.json
import io.phasegate.jsonObject
import java.time.Duration
import java.util.concurrent.CountDownLatch
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertNotNull
import kotlin.test.assertTrue
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.NonCancellable
import kotlinx.coroutines.awaitCancellation
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.flow.map
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.isActive
import kotlinx.coroutines.launch
import kotlinx.coroutines.withContext
import kotlinx.coroutines.withTimeout
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.int
import kotlinx.serialization.json.jsonArray
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive
import org.junit.jupiter.params.ParameterizedTest
import org.junit.jupiter.params.provider.EnumSource

private val SHORT: Duration = Duration.ofMillis(100)

/** An exception that is no Exception. */
private class Peculiar : Throwable("strange")

/** An exception whose sentence can't be had. */
private class Mute : RuntimeException() {
    override val message: String get() = throw IllegalStateException("it says nothing")
}

private fun recurse(depth: Int): Int = recurse(depth + 1) + 1

/** What a phase may do at its end, and the code and the beginning of the sentence that it fails with. */
@Suppress("unused")
enum class Ending(val code: String, val message: String, val act: () -> Any?) {
    PHASE_FAILED("no_paper", "the tray is empty", { throw PhaseFailed("no_paper", "the tray is empty") }),
    OUTCOME("no_paper", "the tray is empty", { Outcome.Failed("no_paper", "the tray is empty") }),
    EXCEPTION("exception", "IllegalStateException: what?", { error("what?") }),
    TODO("exception", "NotImplementedError: ", { TODO() }),
    ERROR("exception", "AssertionError: never", { throw AssertionError("never") }),
    OUT_OF_MEMORY("exception", "OutOfMemoryError", { throw OutOfMemoryError() }),
    STACK_OVERFLOW("exception", "StackOverflowError", { recurse(0) }),
    THROWABLE("exception", "Peculiar: strange", { throw Peculiar() }),
    LINKAGE("exception", "NoClassDefFoundError: Gone", { throw NoClassDefFoundError("Gone") }),
    INTERRUPTED("exception", "InterruptedException", { throw InterruptedException() }),
    CANCELLED("exception", "CancellationException: of its own accord", { throw CancellationException("of its own accord") }),
    WITHOUT_A_SENTENCE("exception", "an exception without a sentence", { throw Mute() }),
    HALF_A_PAIR("exception", "IllegalStateException: ?", { error("\ud800") }),
    NO_JSON_FORM("summary_unwritable", "the summary has no JSON form: ", { Any() }),
    NO_JSON_FORM_WITHIN("summary_unwritable", "the summary has no JSON form: ", { listOf(1, mapOf("a" to Thread.currentThread())) }),
    NOT_A_NUMBER("summary_unwritable", "the summary can't be read", { Double.NaN }),
    SUMMARY_OF_HALF_A_PAIR("summary_unwritable", "a text holds half of a surrogate pair", { "\ud800" }),
    TOO_DEEP_TO_BE_WRITTEN("summary_unwritable", "", { generateSequence(listOf<Any>()) { listOf(it) }.elementAt(100_000) }),
    TOO_DEEP_TO_BE_READ("too_deep", "the summary is nested 500 levels deep", { nested(500) }),
    TOO_DEEP_TO_BE_STORED("too_deep", "the summary of odd is nested 101 levels deep", { nested(101) }),
    TOO_LARGE("too_large", "the summary of odd has 70002 bytes", { "x".repeat(70_000) }),
}

/** How a phase is written. */
enum class Form { LAMBDA, CLASS, THREAD }

private fun PipelineBuilder.phaseOf(form: Form, act: () -> Any?) {
    when (form) {
        Form.LAMBDA -> phase("odd") { act() }
        Form.CLASS -> phase(
            "odd",
            object : Phase {
                override suspend fun run(ctx: PhaseContext): Any? = coroutineScope { act() }
            },
        )
        Form.THREAD -> blockingPhase("odd") { act() }
    }
}

class PhaseTest {
    @ParameterizedTest
    @EnumSource
    fun `whatever a phase throws or returns it ends as failed and the engine goes on`(ending: Ending) = test {
        for (form in Form.entries) {
            val pipeline: EngineBuilder.() -> Unit = {
                pipeline("odd") {
                    phaseOf(form, ending.act)
                    phase("never") { error("a failed phase starts nothing") }
                }
            }
            inMemory(pipeline) { engine ->
                val campaign = engine.started("odd" to "{}", "never" to "{}")
                val failure = assertNotNull(campaign.atRest().phase("odd").failure, "$form: it did not fail")
                assertEquals(ending.code, failure.code, "$form: $failure")
                assertTrue(failure.message.startsWith(ending.message), "$form: $failure")
                campaign.start()
                val again = campaign.atRest()
                assertEquals(CampaignStatus.FAILED to 2, again.status to again.phase("odd").attempt, "$form")
                assertEquals(0, engine.abandonedThreads)
            }
        }
    }

    @Test
    fun `a timeout of the phase's own that escapes it is a failure`() = test {
        inMemory({ pipeline("odd") { phase("odd") { withTimeout(1) { awaitCancellation() } } } }) { engine ->
            val failure = assertNotNull(engine.started("odd" to "{}").atRest().phase("odd").failure)
            assertTrue(failure.message.startsWith("TimeoutCancellationException"), failure.message)
        }
    }

    @Test
    fun `a coroutine that a phase started belongs to its attempt`() = test {
        val pipeline: EngineBuilder.() -> Unit = {
            pipeline("odd") { phase("odd") { coroutineScope { launch { error("in a child") } } } }
        }
        inMemory(pipeline) { engine ->
            val failure = assertNotNull(engine.started("odd" to "{}").atRest().phase("odd").failure)
            assertEquals("IllegalStateException: in a child", failure.message)
        }
    }

    @Test
    fun `a stop cancels the coroutine of the attempt and what it committed last is durable`() = test {
        val running = CompletableDeferred<Unit>()
        val cancelled = CompletableDeferred<Boolean>()
        val pipeline: EngineBuilder.() -> Unit = {
            pipeline("long") {
                phase("long") { ctx ->
                    try {
                        running.complete(Unit)
                        awaitCancellation()
                    } finally {
                        cancelled.complete(ctx.isCancelled && !currentCoroutineContext().isActive)
                        withContext(NonCancellable) { ctx.commit(listOf(JsonPrimitive("first of the last"))) }
                        // It commits, and says with an exception that it is time to go.
                        assertFailsWith<CancellationException> { ctx.commit(listOf(JsonPrimitive("last"))) }
                    }
                }
            }
        }
        inMemory(pipeline) { engine ->
            val campaign = engine.started("long" to "{}")
            running.await()
            campaign.stop()
            assertTrue(cancelled.await())
            assertEquals(CampaignStatus.STOPPED, campaign.view().status)
            assertEquals(listOf("first of the last", "last"), campaign.records("long").map { it.jsonPrimitive.content }.toList())
        }
    }

    @Test
    fun `a phase that only commits comes to rest at its next commit`() = test {
        val running = CompletableDeferred<Unit>()
        val pipeline: EngineBuilder.() -> Unit = {
            pipeline("busy") {
                phase("busy") { ctx ->
                    var at = ctx.recordsBefore
                    while (true) {
                        ctx.commit(listOf(JsonPrimitive(at++)))
                        running.complete(Unit)
                    }
                    @Suppress("UNREACHABLE_CODE")
                    null
                }
            }
        }
        inMemory(pipeline) { engine ->
            val campaign = engine.started("busy" to "{}")
            running.await()
            campaign.pause()
            assertEquals(CampaignStatus.PAUSED, campaign.view().status)
            assertEquals(0, engine.abandonedThreads)
            val records = campaign.records("busy").map { it.jsonPrimitive.int }.toList()
            assertEquals(records.indices.toList(), records)
        }
    }

    @Test
    fun `a phase that completes although it was asked to stop has completed`() = test {
        val running = CompletableDeferred<Unit>()
        val pipeline: EngineBuilder.() -> Unit = {
            pipeline("odd") {
                phase("odd") { ctx ->
                    running.complete(Unit)
                    withContext(NonCancellable) { ctx.cancelled() }
                    "done"
                }
            }
        }
        inMemory(pipeline) { engine ->
            val campaign = engine.started("odd" to "{}")
            running.await()
            campaign.stop()
            assertEquals(JsonPrimitive("done"), campaign.view().phase("odd").summary)
        }
    }

    @Test
    fun `a phase that ignores its cancellation is stopped after the grace and counted`() = test {
        val (running, letGo, late) = Triple(CompletableDeferred<Unit>(), CompletableDeferred<Unit>(), CompletableDeferred<Throwable?>())
        val pipeline: EngineBuilder.() -> Unit = {
            grace = SHORT
            pipeline("stubborn") {
                phase("stubborn") { ctx ->
                    withContext(NonCancellable) {
                        running.complete(Unit)
                        letGo.await()
                        late.complete(runCatching { ctx.commit(listOf(JsonPrimitive("too late"))) }.exceptionOrNull())
                    }
                }
            }
        }
        inMemory(pipeline) { engine ->
            val campaign = engine.started("stubborn" to "{}")
            running.await()
            campaign.stop()
            assertEquals(CampaignStatus.STOPPED, campaign.view().status)
            until { engine.abandonedThreads == 1 }
            letGo.complete(Unit)
            assertTrue(late.await() is Fenced, "${late.await()}")
            until { engine.abandonedThreads == 0 }
            assertEquals(emptyList(), campaign.records("stubborn").toList())
        }
    }

    @Test
    fun `a blocking phase that never returns ends by its timeout and its thread is left behind`() = test {
        val letGo = CountDownLatch(1)
        val pipeline: EngineBuilder.() -> Unit = {
            grace = SHORT
            pipeline("stuck") {
                blockingPhase("stuck", options = PhaseOptions(timeout = SHORT)) {
                    while (letGo.count > 0) runCatching { letGo.await() } // It doesn't mind an interrupt.
                    "too late"
                }
            }
        }
        inMemory(pipeline) { engine ->
            val campaign = engine.started("stuck" to "{}")
            val failure = assertNotNull(campaign.atRest().phase("stuck").failure)
            assertEquals("timed_out", failure.code)
            until { engine.abandonedThreads == 1 }
            letGo.countDown()
            until { engine.abandonedThreads == 0 }
            assertEquals(failure, campaign.view().phase("stuck").failure)
        }
    }

    @Test
    fun `suspending phases that block every thread of theirs keep neither the engine nor each other's end from being seen`() = test {
        val letGo = CountDownLatch(1)
        val pipeline: EngineBuilder.() -> Unit = {
            grace = SHORT
            pipeline("stuck") {
                phase("stuck", options = PhaseOptions(timeout = SHORT)) { letGo.await() }
            }
            pipeline("alive") { blockingPhase("alive") { "alive" } }
        }
        inMemory(pipeline) { engine ->
            try {
                val stuck = List(64) { engine.create("$it", configs = configs("stuck" to "{}"), pipeline = "stuck").also { it.start() } }
                val alive = engine.create("alive", configs = configs("alive" to "{}"), pipeline = "alive")
                alive.start()
                assertEquals(JsonPrimitive("alive"), alive.atRest().phase("alive").summary)
                stuck.forEach { assertEquals("timed_out", it.atRest().phase("stuck").failure?.code) }
            } finally {
                letGo.countDown()
            }
            until { engine.abandonedThreads == 0 }
        }
    }

    @Test
    fun `a stop interrupts the thread of a blocking phase which still commits`() = test {
        val running = CompletableDeferred<Unit>()
        val pipeline: EngineBuilder.() -> Unit = {
            pipeline("asleep") {
                blockingPhase("asleep") { ctx ->
                    running.complete(Unit)
                    try {
                        CountDownLatch(1).await()
                    } finally {
                        Thread.currentThread().interrupt()
                        ctx.commit(listOf(JsonPrimitive("last")))
                        assertTrue(Thread.interrupted(), "the interrupt is not lost")
                        assertTrue(ctx.isCancelled)
                    }
                }
            }
        }
        inMemory(pipeline) { engine ->
            val campaign = engine.started("asleep" to "{}")
            running.await()
            campaign.stop()
            assertEquals(CampaignStatus.STOPPED, campaign.view().status)
            assertEquals(listOf<JsonElement>(JsonPrimitive("last")), campaign.records("asleep").toList())
        }
    }

    @Test
    fun `a thread reads what came before and commits`() = test {
        val pipeline: EngineBuilder.() -> Unit = {
            pipeline("numbers") {
                blockingPhase("count") { ctx -> ctx.commit(List(2_500) { JsonPrimitive(it) }, JsonPrimitive(2_500), 2_500) }
                blockingPhase("add") { ctx ->
                    check(ctx.upstreamTotal() == 2_500L)
                    ctx.upstream().sumOf { it.jsonPrimitive.int } - ctx.upstream(2_000).sumOf { it.jsonPrimitive.int }
                }
                phase("collect") { ctx -> ctx.upstream().toList().size + ctx.upstreamTotal() }
            }
        }
        inMemory(pipeline) { engine ->
            val campaign = engine.started("count" to "{}", "add" to "{}", "collect" to "{}")
            val view = campaign.atRest()
            assertEquals(JsonPrimitive((0 until 2_000).sum()), view.phase("add").summary)
            assertEquals(JsonPrimitive(0), view.phase("collect").summary)
        }
    }

    private class Draw : Phase {
        override suspend fun check(config: JsonElement, resources: Map<String, Map<String, JsonElement>>): List<FieldProblem> =
            judged(config)

        override suspend fun run(ctx: PhaseContext) = Unit
    }

    private class BlockingDraw : BlockingPhase {
        override fun check(config: JsonElement, resources: Map<String, Map<String, JsonElement>>): List<FieldProblem> = judged(config)

        override fun run(ctx: BlockingPhaseContext) = Unit
    }

    @Test
    fun `check says what a schema cannot and one that throws lets nothing pass`() = test {
        val pipelines: EngineBuilder.() -> Unit = {
            pipeline("suspending") { phase("draw", phase = Draw()) }
            pipeline("blocking") { blockingPhase("draw", phase = BlockingDraw()) }
        }
        inMemory(pipelines) { engine ->
            for (pipeline in listOf("suspending", "blocking")) {
                val campaign = engine.create("spring", pipeline = pipeline)
                val refused = assertFailsWith<ConfigInvalid> { campaign.configure("draw", json("""{"from": 2, "to": 1}""")) }
                assertEquals(listOf("draw/to: it must be above /from"), refused.errors.map { "$it" })
                for (config in listOf("""{"from": 1}""", """{"from": 1, "to": "TODO"}""")) {
                    val failed = assertFailsWith<ConfigInvalid> { campaign.configure("draw", json(config)) }
                    assertEquals("check_failed", failed.errors.single().keyword)
                }
                campaign.configure("draw", json("""{"from": 1, "to": 2}"""))
                campaign.start()
                assertEquals(CampaignStatus.COMPLETED, campaign.atRest().status)
            }
        }
    }

    private class Append(private val agrees: Boolean?) : Phase {
        val asked = mutableListOf<InputChange>()

        override suspend fun canContinue(change: InputChange): Boolean {
            asked += change
            return agrees ?: TODO("who knows")
        }

        override suspend fun run(ctx: PhaseContext) {
            val added = ctx.config.jsonObject.getValue("add").jsonArray
            ctx.commit(added, JsonPrimitive(added.size))
            if ("fail" in ctx.config.jsonObject) throw PhaseFailed("told", "so it was told")
        }
    }

    @Test
    fun `canContinue says whether a changed run goes on`() = test {
        for ((agrees, records) in listOf(true to listOf(1, 2, 3), false to listOf(3), null to listOf(3))) {
            val phase = Append(agrees)
            inMemory({ pipeline("continued") { phase("append", phase = phase) } }) { engine ->
                val campaign = engine.started("append" to """{"add": [1, 2], "fail": true}""")
                campaign.atRest()
                campaign.configure("append", json("""{"add": [3]}"""))
                campaign.start()
                assertEquals(CampaignStatus.COMPLETED, campaign.atRest().status)
                assertEquals(records, campaign.records("append").map { it.jsonPrimitive.int }.toList())
                assertEquals(json("""{"add": [1, 2], "fail": true}""") to JsonPrimitive(2), phase.asked[0].run { oldConfig to checkpoint })
            }
        }
    }

    @Test
    fun `records that break a rule are refused and the phase goes on`() = test {
        val pipeline: EngineBuilder.() -> Unit = {
            pipeline("rules") {
                phase("rules") { ctx ->
                    val deep = generateSequence<JsonElement>(json("[]")) { kotlinx.serialization.json.JsonArray(listOf(it)) }.elementAt(100_000)
                    for (wrong in listOf(JsonPrimitive(Double.NaN), JsonPrimitive("\ud800"), deep)) {
                        assertFailsWith<InvalidArgument> { ctx.commit(listOf(wrong)) }
                        assertFailsWith<InvalidArgument> { ctx.commit(listOf(), checkpoint = wrong) }
                    }
                    assertFailsWith<InvalidArgument> { ctx.commit(listOf(), done = -1) }
                    assertFailsWith<InvalidArgument> { ctx.progress(-1) }
                    assertFailsWith<InvalidArgument> { ctx.upstream(-1) }
                    assertEquals("too_large", assertFailsWith<InvalidArgument> { ctx.commit(listOf(JsonPrimitive("x".repeat(70_000)))) }.code)
                    ctx.commit(listOf(JsonPrimitive("right")))
                }
            }
        }
        inMemory(pipeline) { engine ->
            val campaign = engine.started("rules" to "{}")
            assertEquals(null, campaign.atRest().phase("rules").failure)
            assertEquals(listOf<JsonElement>(JsonPrimitive("right")), campaign.records("rules").toList())
        }
    }

    @Test
    fun `a context that outlives its attempt is fenced`() = test {
        val kept = CompletableDeferred<PhaseContext>()
        inMemory({ pipeline("kept") { phase("kept") { ctx -> kept.complete(ctx) } } }) { engine ->
            engine.started("kept" to "{}").atRest()
            val context = kept.await()
            until { context.isCancelled }
            assertFailsWith<Fenced> { context.commit(listOf()) }
            assertFailsWith<Fenced> { context.upstream().toList() }
        }
    }

    @Test
    fun `phases of the host stand among built-in ones`() = test {
        val pipeline: EngineBuilder.() -> Unit = {
            pipeline("mixed") {
                builtin("domain_generation")
                phase("choose") { ctx ->
                    val chosen = ctx.upstream().toList().filter { it.jsonObject.getValue("domain").jsonPrimitive.content.startsWith("b") }
                    ctx.commit(chosen)
                    chosen.size
                }
            }
        }
        inMemory(pipeline) { engine ->
            val campaign = engine.started("domain_generation" to GENERATION, "choose" to "{}")
            assertEquals(JsonPrimitive(1), campaign.atRest().phase("choose").summary)
            assertEquals(listOf("bx.test"), campaign.records("choose").map { it.jsonObject.getValue("domain").jsonPrimitive.content }.toList())
        }
    }

    @Test
    fun `an engine does not open with a wrong pipeline`() = test {
        val wrong: List<PipelineBuilder.() -> Unit> = listOf(
            { builtin("nowhere") },
            { },
            { phase("Bad Name") { } },
            { phase("a", jsonObject("""{"type": 1}""")) { } },
            { phase("twice") { }; phase("twice") { } },
            { phase("hasty", options = PhaseOptions(timeout = Duration.ZERO)) { } },
        )
        for (define in wrong) {
            assertFailsWith<InvalidArgument> { inMemory({ pipeline("wrong", define = define) }) { error("it must not open") } }
        }
        assertFailsWith<InvalidArgument> { inMemory({ maxRunningPhases = 0 }) { error("it must not open") } }
    }
}

private fun judged(config: JsonElement): List<FieldProblem> {
    val given = config.jsonObject
    if (given["to"] == JsonPrimitive("TODO")) TODO("a check that is no good")
    val (from, to) = given.getValue("from").jsonPrimitive.int to given.getValue("to").jsonPrimitive.int
    return if (from < to) emptyList() else listOf(FieldProblem("/to", "order", "it must be above /from"))
}

const val GENERATION = """{"pattern_type": "prefix", "variable_length": 1, "character_set": "abc", "constant_string": "x",
    "tld": "test", "num_domains": 3}"""
