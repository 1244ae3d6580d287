package io.phasegate.tests

import io.phasegate.EngineBuilder
import java.nio.file.Files
import java.nio.file.Path
import java.util.concurrent.Callable
import java.util.concurrent.CountDownLatch
import java.util.concurrent.Executors
import java.util.concurrent.TimeUnit
import kotlin.concurrent.thread
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertTrue
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Timeout

private fun number(name: String, unlessSet: Int) = System.getenv(name)?.toInt() ?: unlessSet

private val CALLS = number("PHASEGATE_CALLS", 10_000)
private val CHAINS = number("PHASEGATE_CHAINS", 4_000)

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
                            campaign.view().phases.size + campaign.events().first().seq
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
    fun `memory is flat over many chains`() = runBlocking {
        inMemory({ idle() }) { engine ->
            suspend fun chains(count: Int) = repeat(count) {
                val campaign = engine.started("rest" to "{}")
                campaign.atRest()
                campaign.delete()
            }
            chains(CHAINS / 4)
            val (heap, outside) = List(4) {
                if (it > 0) chains(CHAINS / 4)
                heapKib() to outsideKib()
            }.unzip()
            val moreHeap = heap.zipWithNext { before, after -> after - before }
            val moreOutside = outside.last() - outside.first()
            println("each ${CHAINS / 4} chains: $moreHeap KiB of heap more; all but the first: $moreOutside KiB outside of it")
            // What leaks a job, a coroutine or a future holds a KiB and more for each chain, and so each time. A table grows once.
            assertTrue(moreHeap.min() < CHAINS / 8, "$moreHeap KiB of heap")
            // The store in memory keeps a tombstone of each.
            assertTrue(moreOutside < 32 * 1024 + 4 * CHAINS, "$moreOutside KiB outside of the heap")
        }
    }

    /** What is reachable. The cleaners of JNA, which frees the memory of each call, need a moment to come after. */
    private suspend fun heapKib(): Long = List(20) {
        System.gc()
        delay(100)
        Runtime.getRuntime().run { totalMemory() - freeMemory() } / 1024
    }.min()

    private fun outsideKib(): Long {
        val status = Path.of("/proc/self/status")
        if (!Files.exists(status)) return 0 // Only the heap is checked there.
        val resident = Files.readAllLines(status).first { it.startsWith("VmRSS") }.filter { it.isDigit() }.toLong()
        return resident - Runtime.getRuntime().totalMemory() / 1024
    }
}
