package io.phasegate.tests

import io.phasegate.CampaignStatus
import io.phasegate.InvalidArgument
import java.util.Locale
import kotlin.io.path.readText
import kotlin.test.Test
import kotlin.test.assertContains
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertTrue
import kotlinx.coroutines.flow.count
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.int
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive

/** The limits that the documentation quotes are those of `schemas/limits.json`, and they hold. */
class LimitsTest {
    private val limits = schema("limits.json").jsonObject.mapValues { (_, limit) -> limit.jsonPrimitive.int }

    /** What a row of the table in docs/kotlin.md is about. */
    private val rows = mapOf(
        "a config" to "config_bytes",
        "the document of a resource" to "resource_bytes",
        "a record" to "record_bytes",
        "the records of one `commit`" to "batch_bytes",
        "a checkpoint" to "checkpoint_bytes",
        "a summary" to "summary_bytes",
        "the depth of each: lists and objects that are open at once" to "json_depth",
        "the name of a campaign" to "name_chars",
        "an idempotency key" to "idempotency_key_bytes",
        "the code of a failure; a longer one is cut" to "failure_code_chars",
        "the message of a failure; a longer one is cut" to "failure_chars",
        "the problems that an error or a view lists" to "problems",
        "the phases of a pipeline" to "phases",
        "the resources that one config names" to "resources_per_config",
        "the actor of an envelope" to "actor_chars",
        "the reason of an envelope" to "reason_chars",
        "the attributes of a campaign" to "attributes",
        "the key of an attribute" to "attribute_key_chars",
        "the value of an attribute" to "attribute_value_chars",
    )

    private fun limit(name: String): Int = limits.getValue(name)

    /** A limit as the documentation writes it. */
    private fun shown(name: String): String {
        val value = limit(name)
        val number = String.format(Locale.ROOT, "%,d", value)
        return when {
            name.endsWith("_bytes") && value % (1 shl 20) == 0 -> "${value shr 20} MiB"
            name.endsWith("_bytes") && value % (1 shl 10) == 0 -> "${value shr 10} KiB"
            name.endsWith("_bytes") || name.endsWith("_chars") -> "$number characters"
            else -> number
        }
    }

    @Test
    fun `the table of the guide says each limit`() {
        val section = REPOSITORY.resolve("docs/kotlin.md").readText().substringAfter("## Limits").substringBefore("\n## ")
        val table = Regex("""(?m)^\| (.+?) \| (.+?) \|$""").findAll(section).associate { it.groupValues[1] to it.groupValues[2] }
        assertEquals(rows.mapValues { (_, name) -> shown(name) }, table - "what")
    }

    @Test
    fun `what the sources quote are the limits`() {
        val sources = REPOSITORY.resolve("bindings/kotlin/src/main/kotlin/io/phasegate")
        fun source(name: String) = sources.resolve(name).readText().replace(Regex("""\s*\n\s*\*\s"""), " ")
        assertEquals(limit("record_bytes"), limit("checkpoint_bytes"))
        assertContains(
            source("PhaseContext.kt"),
            "A record and a checkpoint have at most ${shown("record_bytes")} of JSON each, the records of one commit at most ${shown("batch_bytes")}.",
        )
        assertContains(source("Outcome.kt"), "[summary] has at most ${shown("summary_bytes")} of JSON.")
        assertContains(source("Outcome.kt"), "A [code] is cut to ${limit("failure_code_chars")} characters.")
        assertContains(source("PhasegateException.kt"), "[code] (at most ${limit("failure_code_chars")} characters)")
        assertContains(source("Engine.kt"), "A [name] has 1 to ${limit("name_chars")} characters")
        assertContains(source("Views.kt"), "at most ${limit("problems")} [items]")
    }

    @Test
    fun `a commit takes what is within its limits and names what is beyond`() = test {
        val (record, depth) = limit("record_bytes") to limit("json_depth")
        val whole = List(limit("batch_bytes") / record) { text(record) }
        class Beyond(val code: String, val what: String, val records: List<JsonElement>, val checkpoint: JsonElement? = null)
        val beyond = listOf(
            Beyond("too_large", "record 1 of the batch", listOf(JsonPrimitive(1), text(record + 1))),
            Beyond("too_deep", "record 0 of the batch", listOf(nested(depth + 1))),
            Beyond("too_large", "checkpoint", emptyList(), text(limit("checkpoint_bytes") + 1)),
            Beyond("too_deep", "checkpoint", emptyList(), nested(depth + 1)),
            Beyond("too_deep", "checkpoint", emptyList(), nested(500)),
            Beyond("too_large", "batch", whole + JsonPrimitive(1)),
        )
        val pipeline: io.phasegate.EngineBuilder.() -> Unit = {
            pipeline("limits") {
                phase("commit") { ctx ->
                    for (one in beyond) {
                        val refused = assertFailsWith<InvalidArgument> { ctx.commit(one.records, one.checkpoint) }
                        assertEquals(one.code to one.what, refused.code to refused.data.getValue("what").jsonPrimitive.content)
                    }
                    ctx.commit(whole, nested(depth))
                    ctx.commit(listOf(nested(depth)), text(limit("checkpoint_bytes")))
                }
            }
        }
        inMemory(pipeline) { engine ->
            val campaign = engine.started("commit" to "{}")
            assertEquals(null, campaign.atRest().phase("commit").failure)
            assertEquals(whole.size + 1, campaign.records("commit").count())
        }
    }

    @Test
    fun `a summary within its limits completes its phase`() = test {
        for (summary in listOf(text(limit("summary_bytes")), nested(limit("json_depth")))) {
            inMemory({ pipeline("limits") { phase("say") { summary } } }) { engine ->
                assertTrue(engine.started("say" to "{}").atRest().status == CampaignStatus.COMPLETED)
            }
        }
    }
}

/** A string of so many bytes of JSON. */
private fun text(size: Int): JsonElement = JsonPrimitive("x".repeat(size - 2))
