package io.phasegate.tests

import io.phasegate.Campaign
import io.phasegate.Engine
import io.phasegate.EngineBuilder
import io.phasegate.Mode
import io.phasegate.json
import java.nio.file.Path
import java.util.concurrent.CompletableFuture
import java.util.concurrent.TimeUnit
import kotlin.io.path.readText
import kotlin.test.assertEquals
import kotlin.test.assertTrue
import kotlin.time.Duration.Companion.seconds
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.delay
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonPrimitive

/** The longest that anything may take here; whatever takes longer hangs. */
val PATIENCE = 60.seconds

/** The repository that these tests belong to. Maven names it to the process of the tests; those that they start don't ask. */
val REPOSITORY: Path by lazy { Path.of(System.getProperty("phasegate.repository")) }

/** A file of `schemas/`: what the engine says once, and every host is compared with. */
fun schema(name: String): JsonElement = json(REPOSITORY.resolve("schemas/$name").readText())

/** Runs a test that suspends. */
fun <T> test(body: suspend CoroutineScope.() -> T) {
    runBlocking { withTimeout(PATIENCE) { body() } }
}

/** An engine on a store in memory, for as long as [body] takes. */
suspend fun <T> inMemory(configure: EngineBuilder.() -> Unit, body: suspend (Engine) -> T): T {
    val engine = Engine.open(null as String?, configure)
    try {
        return body(engine)
    } finally {
        engine.shutdown()
    }
}

/** A campaign in full sequence, whose first phase was started; the configs are JSON texts. */
suspend fun Engine.started(vararg configs: Pair<String, String>): Campaign {
    val campaign = create("spring", Mode.FULL_SEQUENCE, configs(*configs))
    campaign.start()
    return campaign
}

fun configs(vararg configs: Pair<String, String>): Map<String, JsonElement> = configs.associate { (phase, text) -> phase to json(text) }

/** Waits for what another thread does, and has no signal for. */
suspend fun until(condition: () -> Boolean) {
    while (!condition()) delay(1)
}

/** What a process of its own came to. */
class Ended(val code: Int, val output: String)

/** Runs the function `main` of [program] in a JVM of its own, for as long as [PATIENCE]. */
fun jvm(program: Class<*>, vararg arguments: String): Ended {
    val java = Path.of(System.getProperty("java.home"), "bin", "java").toString()
    val classes = System.getProperty("surefire.test.class.path") ?: System.getProperty("java.class.path")
    // It ends soon: what the second compiler would do takes more time than it saves.
    val process = ProcessBuilder(java, "-XX:TieredStopAtLevel=1", "-cp", classes, program.name, *arguments).redirectErrorStream(true).start()
    val output = CompletableFuture.supplyAsync { process.inputStream.bufferedReader().readText() }
    val ended = process.waitFor(PATIENCE.inWholeSeconds, TimeUnit.SECONDS)
    process.destroyForcibly()
    assertTrue(ended, "${program.name} hangs: ${output.get()}")
    return Ended(process.exitValue(), output.get())
}

/** Runs it, and checks that it ends with the code that is expected. */
fun jvm(expected: Int, program: Class<*>, vararg arguments: String): String {
    val ended = jvm(program, *arguments)
    assertEquals(expected, ended.code, ended.output)
    return ended.output
}

/** A scalar in so many lists. */
fun nested(depth: Int): JsonElement = generateSequence<JsonElement>(JsonPrimitive(1)) { JsonArray(listOf(it)) }.elementAt(depth)
