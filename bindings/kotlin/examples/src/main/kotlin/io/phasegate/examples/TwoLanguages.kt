package io.phasegate.examples

import io.phasegate.Engine
import io.phasegate.Mode
import io.phasegate.PhaseStatus
import io.phasegate.commit
import io.phasegate.jsonObject
import io.phasegate.upstream
import kotlinx.serialization.Serializable

@Serializable
data class Domain(val domain: String)

@Serializable
data class Measured(val domain: String, val length: Int)

/** One phase in Rust and two in Kotlin. Kill it whenever you like and run it again: it finishes, with each record there once. */
suspend fun main(arguments: Array<String>) = Engine.open(arguments[0]) {
    pipeline("shops") {
        builtin("domain_generation")
        phase("measure") { ctx ->
            ctx.upstream<Domain>(ctx.recordsBefore).collect { found ->
                beforeCommit(found.domain)
                ctx.commit(listOf(Measured(found.domain, found.domain.length)), checkpoint = "measured ${found.domain}")
            }
        }
        blockingPhase("grade") { ctx -> ctx.upstream(ctx.recordsBefore).forEach { beforeCommit("$it"); ctx.commit(listOf(it)) } }
    }
}.use { engine ->
    val names = """{"pattern_type": "prefix", "variable_length": 2, "character_set": "abc", "constant_string": "shop", "tld": "test", "num_domains": 9}"""
    val configs = mapOf("domain_generation" to jsonObject(names), "measure" to jsonObject("{}"), "grade" to jsonObject("{}"))
    // The key makes it the same campaign each time.
    val campaign = engine.create("spring", Mode.FULL_SEQUENCE, configs, idempotencyKey = "spring")
    if (campaign.view().phases.first().status == PhaseStatus.NOT_STARTED) campaign.start()
    println(campaign.atRest().status.word)
    campaign.records("grade").collect { println(it) }
}

/** Dies as if it were killed, before it commits what `KILLED_AT` names: to see what becomes of that. */
private fun beforeCommit(what: String) {
    if (System.getenv("KILLED_AT")?.let { it in what } == true) Runtime.getRuntime().halt(9)
}
