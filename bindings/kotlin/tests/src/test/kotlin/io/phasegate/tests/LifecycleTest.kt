package io.phasegate.tests

import io.phasegate.Campaign
import io.phasegate.CampaignStatus
import io.phasegate.Closed
import io.phasegate.Engine
import io.phasegate.EngineBuilder
import io.phasegate.Held
import io.phasegate.PhasegateException
import io.phasegate.Sandbox
import io.phasegate.StorageFailed
import io.phasegate.json
import java.lang.ref.Cleaner
import java.lang.ref.WeakReference
import java.nio.file.Path
import java.util.Collections
import java.util.concurrent.Callable
import java.util.concurrent.CompletableFuture
import java.util.concurrent.Executors
import java.util.concurrent.TimeUnit
import kotlin.coroutines.Continuation
import kotlin.coroutines.EmptyCoroutineContext
import kotlin.coroutines.startCoroutine
import kotlin.io.path.writeText
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertFalse
import kotlin.test.assertTrue
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitCancellation
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.joinAll
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withContext
import kotlinx.coroutines.yield
import org.junit.jupiter.api.Timeout
import org.junit.jupiter.api.io.TempDir
import org.junit.jupiter.params.ParameterizedTest
import org.junit.jupiter.params.provider.CsvSource

private fun EngineBuilder.idle() {
    pipeline("idle") { phase("rest") { } }
}

class LifecycleTest {
    @TempDir
    lateinit var folder: Path
    private val store get() = folder.resolve("campaigns.redb")

    @Test
    fun `an engine is used from threads, dispatchers and coroutines of every kind`() = test {
        inMemory({ idle() }) { engine ->
            val campaign = engine.started("rest" to "{}")
            campaign.atRest()
            suspend fun look() = assertEquals(CampaignStatus.COMPLETED, campaign.view().status)
            look()
            for (dispatcher in listOf(Dispatchers.Default, Dispatchers.IO, Dispatchers.Unconfined)) withContext(dispatcher) { look() }
            Executors.newFixedThreadPool(8).run {
                invokeAll(List(32) { Callable { runBlocking { look() } } }).forEach { it.get() }
                shutdown()
            }
        }
    }

    @Test
    fun `code of the host never runs on a thread of the engine`() = test {
        inMemory({ idle() }) { engine ->
            val threads = Collections.synchronizedSet(mutableSetOf<String>())
            suspend fun look() {
                repeat(50) {
                    engine.campaigns()
                    threads += Thread.currentThread().name
                }
            }
            withContext(Dispatchers.Unconfined) { look() }
            // Without any dispatcher at all.
            val bare = CompletableFuture<Unit>()
            ::look.startCoroutine(Continuation(EmptyCoroutineContext) { result -> result.fold(bare::complete, bare::completeExceptionally) })
            bare.get()
            assertTrue(threads.none { it.startsWith("phasegate") }, "$threads")
        }
    }

    @Test
    fun `threads of the engine are attached once and as daemons`() = test {
        inMemory({ idle() }) { engine ->
            fun attached() = Thread.getAllStackTraces().keys.filter { it.name.startsWith("phasegate-native") }
            suspend fun calls() = List(8) { launch(Dispatchers.IO) { repeat(250) { engine.campaigns() } } }.joinAll()
            calls()
            val before = attached()
            assertTrue(before.isNotEmpty() && before.all { it.isDaemon }, "$before")
            calls()
            // One Thread object for each thread of Rust: those that are there now were there before, or are few.
            val known = before.map { it.id }.toSet()
            assertTrue(attached().count { it.id !in known } <= Runtime.getRuntime().availableProcessors() + 4, "${attached().size}")
            val highest = Thread { }.id
            calls()
            assertTrue(Thread { }.id - highest < 50, "2,000 calls made ${Thread { }.id - highest} threads")
        }
    }

    @Test
    fun `engines on several threads do not mind each other`() {
        val threads = Executors.newFixedThreadPool(8)
        val engines = List(24) {
            Callable { runBlocking { inMemory({ idle() }) { engine -> engine.started("rest" to "{}").atRest().status } } }
        }
        assertEquals(List(24) { CampaignStatus.COMPLETED }, threads.invokeAll(engines).map { it.get() })
        threads.shutdown()
    }

    @Test
    fun `a call that is given up leaves no half done command and harms nobody`() = test {
        inMemory({ idle() }) { engine ->
            val campaigns = List(200) { engine.create("campaign $it", configs = configs("rest" to "{}")) }
            val calls = campaigns.map { async(Dispatchers.Default) { it.start() } }
            yield()
            calls.forEachIndexed { number, call -> if (number % 2 == 0) call.cancel() }
            System.gc()
            calls.forEachIndexed { number, call ->
                val error = runCatching { call.await() }.exceptionOrNull()
                assertTrue(error == null || (number % 2 == 0 && error is CancellationException), "$error")
            }
            for (campaign in campaigns) {
                assertTrue(campaign.atRest().status in setOf(CampaignStatus.COMPLETED, CampaignStatus.IDLE))
            }
        }
    }

    @Test
    fun `every call after the close is a typed error from any thread and from a cleaner`() = test {
        val engine = Engine.open(store) { idle() }
        val campaign = engine.create("spring", configs = configs("rest" to "{}"))
        engine.close()
        engine.close()
        engine.shutdown()
        val calls: List<suspend () -> Any?> = listOf(
            { campaign.view() },
            { campaign.start() },
            { campaign.atRest() },
            { campaign.delete() },
            { campaign.progress() },
            { campaign.events().first() },
            { campaign.records("rest").toList() },
            { engine.create("summer") },
            { engine.campaigns() },
            { engine.putResource("kind", "id", json("{}")) },
            { engine.backup(folder.resolve("copy.redb")) },
            { engine.recover() },
            { engine.manifests() },
        )
        for (call in calls) {
            assertFailsWith<Closed> { call() }
            withContext(Dispatchers.IO) { assertFailsWith<Closed> { call() } }
        }
        val fromCleaner = CompletableFuture<Throwable?>()
        registerGarbage(campaign, fromCleaner)
        until {
            System.gc()
            fromCleaner.isDone
        }
        assertTrue(fromCleaner.get() is Closed, "${fromCleaner.get()}")
        assertEquals("Engine($store, closed)", engine.toString())
    }

    /** Not inlined into its caller, so that what it makes is garbage afterwards. */
    private fun registerGarbage(campaign: Campaign, outcome: CompletableFuture<Throwable?>) {
        Cleaner.create().register(Any()) { outcome.complete(runCatching { runBlocking { campaign.view() } }.exceptionOrNull()) }
    }

    @Test
    fun `an engine that is forgotten while it is idle harms nobody when it is collected`() = test {
        repeat(20) {
            val engine = WeakReference(Engine.open(null as String?) { idle() })
            engine.get()?.create("spring")
        }
        System.gc()
        inMemory({ idle() }) { engine -> assertEquals(CampaignStatus.COMPLETED, engine.started("rest" to "{}").atRest().status) }
    }

    @Test
    fun `a file that is held or is no store is a typed error`() = test {
        Engine.open(store) { idle() }.use { engine ->
            engine.create("spring")
            assertEquals("held held", jvm(0, Opening::class.java, "$store").trim())
            assertEquals("held", assertFailsWith<Held> { Engine.open(store) { idle() } }.code)
            assertFailsWith<Held> { Engine.verifyFile(store) }
        }
        val verification = Engine.verifyFile(store)
        assertTrue(verification.clean && verification.findings.isEmpty(), "$verification")
        val text = folder.resolve("no-store.redb").apply { writeText("This is no store.") }
        assertFailsWith<StorageFailed> { Engine.open(text) { idle() } }
        assertFailsWith<PhasegateException> { Engine.open(folder.resolve("no/such/folder/store.redb")) { idle() } }
    }

    @Test
    fun `a backup is a store of its own`() = test {
        val copy = folder.resolve("copy.redb")
        val campaign = Engine.open(store) { idle() }.use { engine ->
            engine.create("spring").also {
                engine.backup(copy)
                engine.create("summer")
            }
        }
        Engine.open(copy) { idle() }.use { engine -> assertEquals(listOf(campaign.id), engine.campaigns().items.map { it.id }) }
    }

    @Test
    fun `a file that is opened again goes on`() = test {
        for (pass in 1..3) {
            Engine.open(store) {
                recover = false
                pipeline("slow") { phase("slow") { ctx -> if (ctx.ticket.attempt < 3) awaitCancellation() } }
            }.use { engine ->
                assertEquals(0, engine.recovery.resumed.size)
                if (pass == 1) engine.started("slow" to "{}") else assertEquals(1, engine.recover().resumed.size)
                if (pass == 3) assertEquals(CampaignStatus.COMPLETED, engine.campaign(engine.campaigns().items.single().id).atRest().status)
            }
        }
    }

    @Test
    fun `an engine may be closed by one of its own phases`() = test {
        lateinit var opened: Engine
        opened = Engine.open(store) {
            grace = java.time.Duration.ofMillis(100)
            pipeline("suicidal") { phase("close") { opened.shutdown() } }
        }
        val campaign = opened.create("spring", configs = configs("close" to "{}"))
        campaign.start()
        until { runCatching { opened.runningPhases }.exceptionOrNull() is Closed }
        opened.shutdown()
    }

    /** It waits for seven processes, one after the other. */
    @Test
    @Timeout(10, unit = TimeUnit.MINUTES)
    fun `a process that is killed in the middle is recovered and every record is there once`() = test {
        for (death in listOf("0", "7", "39", "100", "120", "139")) jvm(9, Numbers::class.java, "$store", death)
        assertEquals("COMPLETED true true", jvm(0, Numbers::class.java, "$store").trim())
    }

    @ParameterizedTest
    @CsvSource("return, 0", "calls, 0", "events, 0", "cancelled calls, 0", "exit, 7", "exit from a phase, 7", "closed, 0")
    fun `a process that ends in the middle of everything ends quietly`(how: String, code: Int) {
        val output = jvm(code, Leaving::class.java, how)
        for (word in listOf("SIGSEGV", "panicked", "fatal", "JNA: callback")) assertFalse(word in output, output)
    }

    @Test
    fun `a sandbox that is closed says so`() = test {
        val sandbox = Sandbox.start()
        assertTrue(sandbox.dnsAddress.startsWith("127.0.0.1:"))
        sandbox.close()
        sandbox.shutdown()
        assertFailsWith<Closed> { sandbox.httpAddress }
    }
}
