package io.phasegate.tests

import io.phasegate.Campaign
import io.phasegate.Engine
import io.phasegate.Held
import io.phasegate.Mode
import io.phasegate.Pipeline
import io.phasegate.blocking.BlockingEngine
import java.time.Duration
import java.util.concurrent.CountDownLatch
import kotlin.system.exitProcess
import kotlinx.coroutines.awaitCancellation
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.int
import kotlinx.serialization.json.jsonPrimitive

/** Counts, doubles, and is killed at the moments that its arguments name: before number N of the first phase, or 100 + N of the second. */
object Numbers {
    @JvmStatic
    fun main(arguments: Array<String>) = runBlocking {
        val deaths = arguments.drop(1).map { it.toInt() }
        fun die(moment: Int) {
            if (moment in deaths) Runtime.getRuntime().halt(9)
        }
        val engine = Engine.open(arguments[0]) {
            pipeline("numbers") {
                phase("count") { ctx ->
                    for (number in (ctx.checkpoint?.jsonPrimitive?.int ?: 0) until 40) {
                        ctx.commit(listOf(JsonPrimitive(number)), JsonPrimitive(number + 1))
                        die(number)
                    }
                }
                blockingPhase("double") { ctx ->
                    for (number in ctx.upstream(ctx.recordsBefore)) {
                        ctx.commit(listOf(JsonPrimitive(number.jsonPrimitive.int * 2)))
                        die(100 + number.jsonPrimitive.int)
                    }
                }
            }
        }
        engine.use {
            val campaign: Campaign = engine.campaigns().items.firstOrNull()?.let { engine.campaign(it.id) }
                ?: engine.create("spring", Mode.FULL_SEQUENCE, configs("count" to "{}", "double" to "{}")).also { it.start() }
            val status = campaign.atRest().status
            val counted = campaign.records("count").toList().map { it.jsonPrimitive.int } == (0 until 40).toList()
            val doubled = campaign.records("double").toList().map { it.jsonPrimitive.int } == (0 until 80 step 2).toList()
            println("$status $counted $doubled")
        }
    }
}

/** Ends in the middle of everything, as its argument says. */
object Leaving {
    private val forever = CountDownLatch(1)

    @JvmStatic
    fun main(arguments: Array<String>) = runBlocking {
        val engine = Engine.open(null as String?) {
            grace = Duration.ofMillis(200)
            pipeline("waiting") { phase("wait") { awaitCancellation() } }
            pipeline("blocking") { blockingPhase("wait") { while (true) runCatching { forever.await() } } }
            pipeline("exiting") {
                blockingPhase("wait") { if (arguments[0] == "exit from a phase") exitProcess(7) else while (true) runCatching { forever.await() } }
            }
        }
        val campaigns = List(21) { number ->
            val pipeline = listOf("waiting", "blocking", "exiting")[number % 3]
            engine.create("$number", configs = configs("wait" to "{}"), pipeline = pipeline).also { it.start() }
        }
        when (arguments[0]) {
            "return" -> Unit
            "calls" -> {
                campaigns.forEach { Thread { runBlocking { runCatching { it.atRest() } } }.apply { isDaemon = true }.start() }
            }
            "events" -> campaigns.forEach {
                Thread { runBlocking { runCatching { it.events().collect { } } } }.apply { isDaemon = true }.start()
            }
            "exit" -> exitProcess(7)
            "exit from a phase" -> CountDownLatch(1).await()
            "cancelled calls" -> coroutineScope {
                val calls = campaigns.map { launch { it.atRest() } }
                calls.forEach { it.cancel() }
            }
            "closed" -> engine.close()
            else -> error("it knows no ${arguments[0]}")
        }
    }
}

/** Tries to open a store that somebody has. */
object Opening {
    @JvmStatic
    fun main(arguments: Array<String>) {
        try {
            BlockingEngine.open(arguments[0], Pipeline.leadGeneration()).close()
            println("opened")
        } catch (held: Held) {
            println("held ${held.code}")
        }
    }
}
