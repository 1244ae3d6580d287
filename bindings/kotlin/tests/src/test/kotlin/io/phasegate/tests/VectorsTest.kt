package io.phasegate.tests

import io.phasegate.Campaign
import io.phasegate.CampaignView
import io.phasegate.ConfigInvalid
import io.phasegate.Engine
import io.phasegate.Event
import io.phasegate.Mode
import io.phasegate.Outcome
import io.phasegate.PhaseContext
import io.phasegate.PhaseFailed
import io.phasegate.PhasegateException
import io.phasegate.Pipeline
import io.phasegate.PreflightFailed
import io.phasegate.Problem
import io.phasegate.Receipt
import io.phasegate.ResourceInvalid
import io.phasegate.Ticket
import io.phasegate.jsonObject
import java.nio.file.Path
import kotlin.io.path.readText
import kotlin.test.assertEquals
import kotlinx.coroutines.awaitCancellation
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.yield
import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonNull
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.encodeToJsonElement
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.int
import kotlinx.serialization.json.jsonArray
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive
import org.junit.jupiter.api.DynamicTest
import org.junit.jupiter.api.TestFactory

private val VECTORS = jsonObject(Path.of(System.getProperty("phasegate.vectors")).readText())

/** The vectors of `bindings/vectors`, through the package as its users have it: see the README there. */
class VectorsTest {
    @TestFactory
    fun `a vector comes to what it says`(): List<DynamicTest> = VECTORS.getValue("cases").jsonArray.map { case ->
        DynamicTest.dynamicTest(case.jsonObject.text("name")) { test { play(case.jsonObject) } }
    }

    private suspend fun play(case: JsonObject) {
        val pipeline = Pipeline("scripted") {
            for (phase in case.getValue("phases").jsonArray) {
                phase(phase.jsonPrimitive.content, VECTORS.getValue("schema").jsonObject, run = ::scripted)
            }
        }
        inMemory({ pipeline(pipeline) }) { engine ->
            val player = Player(engine)
            case.getValue("steps").jsonArray.forEachIndexed { number, step ->
                assertEquals(step.jsonObject.getValue("then"), player.play(step.jsonObject), "${case.text("name")}, step $number: $step")
            }
        }
    }
}

private suspend fun scripted(ctx: PhaseContext): Any? {
    val config = ctx.config.jsonObject
    val records = config["records"]?.jsonArray.orEmpty()
    if (records.isNotEmpty() && ctx.recordsBefore == 0L) ctx.commit(records, JsonPrimitive(records.size))
    return when (config.text("end")) {
        "complete" -> config["summary"]
        "fail" -> throw PhaseFailed("scripted", "it was told to fail")
        "defer" -> Outcome.Deferred
        else -> awaitCancellation()
    }
}

/** Plays the steps of one case. */
private class Player(private val engine: Engine) {
    private var created: Campaign? = null
    private val campaign get() = checkNotNull(created) { "a case begins with `create`" }

    suspend fun play(step: JsonObject): JsonObject = try {
        JsonObject(mapOf(played(step)))
    } catch (error: PhasegateException) {
        JsonObject(mapOf("refused" to refused(error)))
    }

    private suspend fun played(step: JsonObject): Pair<String, JsonElement> = when (step.text("do")) {
        "create" -> {
            created = engine.create(step.text("name"), step["mode"]?.let(::mode) ?: Mode.STEP_BY_STEP, step["configs"]?.jsonObject.orEmpty())
            "changed" to JsonPrimitive(true)
        }
        "configure" -> changed(campaign.plan(step.getValue("configs").jsonObject))
        "unconfigure" -> changed(campaign.unconfigure(step.text("phase")))
        "set_mode" -> changed(campaign.setMode(mode(step.getValue("mode"))))
        "start" -> changed(campaign.start(step.text("phase")))
        "restart" -> changed(campaign.restart(step.text("phase"), step["config"]))
        "pause" -> changed(campaign.pause())
        "resume" -> changed(campaign.resume())
        "stop" -> changed(campaign.stop())
        "delete" -> {
            campaign.delete()
            "changed" to JsonPrimitive(true)
        }
        "report" -> {
            val ticket = Ticket(campaign.id, step.text("phase"), step.number("run"), step.number("attempt"))
            val failed = step.getValue("outcome").jsonObject["failed"]?.jsonObject
            val outcome = when (failed) {
                null -> Outcome.Completed(step.getValue("outcome").jsonObject.getValue("completed"))
                else -> Outcome.Failed(failed.text("code"), failed.text("message"))
            }
            "reported" to JsonPrimitive(engine.report(ticket, outcome).word)
        }
        "look" -> "view" to shown(campaign.view())
        "await_status" -> {
            while (campaign.view().status.word != step.text("status")) yield()
            "view" to shown(campaign.view())
        }
        "settle" -> "view" to shown(campaign.atRest())
        "records" -> "records" to records(step)
        "await_records" -> {
            while (records(step).size < step.number("count")) yield()
            "records" to records(step)
        }
        "events" -> "events" to JsonArray(campaign.events(follow = false).toList().map { JsonPrimitive(line(it)) })
        else -> error("no step does that: $step")
    }

    private suspend fun records(step: JsonObject) = JsonArray(campaign.records(step.text("phase")).toList())

    private fun refused(error: PhasegateException): JsonElement {
        val members = mutableMapOf<String, JsonElement>(
            "code" to JsonPrimitive(error.code),
            "message" to JsonPrimitive(created?.let { error.message.replace(it.id, "ID") } ?: error.message),
        )
        if (error is PreflightFailed) members["missingPhases"] = strings(error.missingPhases)
        val errors = when (error) {
            is PreflightFailed -> error.errors
            is ConfigInvalid -> error.errors
            is ResourceInvalid -> error.errors
            else -> null
        }
        errors?.let { members["errors"] = problems(it) }
        return JsonObject(members)
    }
}

private fun changed(receipt: Receipt) = "changed" to JsonPrimitive(receipt.changed)

private fun mode(word: JsonElement) = Mode.entries.first { it.word == word.jsonPrimitive.content }

private fun JsonObject.text(name: String): String = getValue(name).jsonPrimitive.content

private fun JsonObject.number(name: String): Int = getValue(name).jsonPrimitive.int

private fun strings(texts: List<String>) = JsonArray(texts.map { JsonPrimitive(it) })

private fun problems(problems: List<Problem>) = Json.encodeToJsonElement(problems)

private fun line(event: Event): String = buildList {
    add(event.type)
    event.data["phase"]?.let { add(it.jsonPrimitive.content) }
    fun number(name: String) = event.data.getValue(name).jsonPrimitive.content
    // What launched an attempt says when.
    if ("startedAt" in event.data) add("${number("run")}.${number("attempt")}")
}.joinToString(" ")

private fun shown(view: CampaignView): JsonElement = JsonObject(
    mapOf(
        "name" to JsonPrimitive(view.name),
        "mode" to JsonPrimitive(view.mode.word),
        "status" to JsonPrimitive(view.status.word),
        "position" to JsonPrimitive(view.position),
        "currentPhase" to JsonPrimitive(view.currentPhase),
        "phases" to JsonObject(
            view.phases.associate { phase ->
                phase.phase to JsonObject(
                    mapOf(
                        "status" to JsonPrimitive(phase.status.word),
                        "configured" to JsonPrimitive(phase.configured),
                        "run" to JsonPrimitive(phase.run),
                        "attempt" to JsonPrimitive(phase.attempt),
                        "summary" to (phase.summary ?: JsonNull),
                        "failure" to (phase.failure?.let { Json.encodeToJsonElement(it) } ?: JsonNull),
                    ),
                )
            },
        ),
        "missingPhases" to strings(view.preflight.missingPhases),
        "errors" to problems(view.preflight.errors),
        "allowed" to strings(view.next.filter { it.allowed }.map { listOfNotNull(it.command, it.phase, it.mode?.word).joinToString(" ") }),
    ),
)
