// What bench/src/hosts.rs measures in Rust, in Kotlin: each line is a measurement and its number.

import io.phasegate.Engine
import io.phasegate.Mode
import io.phasegate.jsonObject
import kotlinx.coroutines.runBlocking
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.buildJsonObject
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive
import kotlinx.serialization.json.long

private fun number(value: Long) = buildJsonObject { put("number", JsonPrimitive(value)) }

private suspend fun timed(what: String, count: Int, work: suspend () -> Unit) {
    val begun = System.nanoTime()
    work()
    println("$what ${count / ((System.nanoTime() - begun) / 1e9)}")
}

fun main(arguments: Array<String>): Unit = runBlocking {
    val (calls, chains, records, batch) = arguments.map { it.toInt() }
    val nothing = jsonObject("{}")
    Engine.open(null) {
        pipeline("idle") { phase("rest") { } }
        pipeline("numbers") {
            phase("write") { ctx ->
                for (begin in 0 until records step batch) {
                    ctx.commit((begin until begin + batch).map { number(it.toLong()) }, JsonPrimitive(begin + batch))
                }
            }
            phase("read") { ctx ->
                var total = 0L
                val full = mutableListOf<JsonElement>()
                ctx.upstream().collect { record ->
                    val value = record.jsonObject.getValue("number").jsonPrimitive.long
                    total += value
                    full += number(value * 2)
                    if (full.size == batch) {
                        ctx.commit(full.toList())
                        full.clear()
                    }
                }
                total
            }
        }
    }.use { engine ->
        val campaign = engine.create("calls", pipeline = "idle")
        val looks: suspend () -> Unit = { repeat(calls) { campaign.view() } }
        looks()
        timed("call", calls, looks)
        timed("phase", chains) {
            repeat(chains) {
                val chain = engine.create("chain", configs = mapOf("rest" to nothing), pipeline = "idle")
                chain.start("rest")
                chain.atRest()
            }
        }
        timed("records", records) {
            val configs = mapOf("write" to nothing, "read" to nothing)
            val large = engine.create("large", Mode.FULL_SEQUENCE, configs, "numbers")
            large.start("write")
            check(large.atRest().phases[1].summary.toString() == "${records.toLong() * (records - 1) / 2}")
        }
    }
}
