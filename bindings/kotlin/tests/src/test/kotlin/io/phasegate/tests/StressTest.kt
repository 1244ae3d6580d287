package io.phasegate.tests

import io.phasegate.EngineBuilder
import java.util.concurrent.Callable
import java.util.concurrent.CountDownLatch
import java.util.concurrent.Executors
import java.util.concurrent.TimeUnit
import kotlin.concurrent.thread
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertTrue
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeoutOrNull
import org.junit.jupiter.api.Timeout

private fun number(name: String, unlessSet: Int) = System.getenv(name)?.toInt() ?: unlessSet

private val CALLS = number("PHASEGATE_CALLS", 10_000)
private val CHAINS = number("PHASEGATE_CHAINS", 4_000)

/** What is left behind is measured after each round of chains. */
private const val ROUNDS = 8
private val ROUND = CHAINS / ROUNDS

private fun EngineBuilder.idle() {
    pipeline("idle") { phase("rest") { } }
}

class StressTest {
    @Test
    @Timeout(10, unit = TimeUnit.MINUTES)
    fun `many calls from many threads survive storms of collections`() = runBlocking {
        val calm = CountDownLatch(1)
        val storm = thread {
            do System.gc() while (!calm.await(20, TimeUnit.MILLISECONDS))
        }
        val threads = Executors.newFixedThreadPool(8)
        try {
            inMemory({ idle() }) { engine ->
                val campaigns = List(8) { engine.create("campaign $it") }
                val calls = List(CALLS) { number ->
                    Callable {
                        runBlocking {
                            val campaign = campaigns[number % 8]
                            if (number % 50 == 0) campaign.configure("rest", io.phasegate.json("""{"number": $number}"""))
                            campaign.view().phases.size + (campaign.events().first().seq ?: 0)
                        }
                    }
                }
                assertEquals(setOf(2L), threads.invokeAll(calls).map { it.get() }.toSet())
            }
        } finally {
            calm.countDown()
            storm.join()
            threads.shutdown()
        }
    }

    /** What grows with each chain would show; `PHASEGATE_CHAINS` sets how many there are. */
    @Test
    @Timeout(60, unit = TimeUnit.MINUTES)
    fun `many chains leave nothing behind`() = runBlocking {
        inMemory({ idle() }) { engine ->
            suspend fun chains(count: Int) = repeat(count) {
                val campaign = engine.started("rest" to "{}")
                campaign.atRest()
                campaign.delete()
            }
            chains(ROUND)
            val counts = MutableList(ROUNDS) {
                if (it > 0) chains(ROUND)
                Memory.settled()
            }
            // What is left behind stays; what a cleaner has still to free goes.
            var (objects, kib) = emptyMap<String, Long>() to emptyList<Long>()
            withTimeoutOrNull(PATIENCE) {
                until {
                    counts[counts.lastIndex] = Memory.now()
                    objects = counts.last().moreObjects(counts.first(), (ROUNDS - 1) * ROUND / 2)
                    kib = counts.zipWithNext { before, after -> after.moreNativeKib(before) }
                    objects.isEmpty() && kib.min() < ROUND
                }
            }
            println("each $ROUND chains: $kib KiB outside of the heap more")
            assertEquals(emptyMap(), objects, "more objects after ${(ROUNDS - 1) * ROUND} chains")
            // The store in memory keeps a tombstone of each, and doubles what it reserves now and then. What leaks a job or a future
            // holds a KiB and more each time.
            assertTrue(kib.min() < ROUND, "each $ROUND chains: $kib KiB outside of the heap more")
        }
    }
}
