package io.phasegate.tests

import io.phasegate.Campaign
import io.phasegate.CampaignCommands
import io.phasegate.CampaignView
import io.phasegate.ConfigInvalid
import io.phasegate.DryRun
import io.phasegate.Engine
import io.phasegate.Envelope
import io.phasegate.Event
import io.phasegate.Mode
import io.phasegate.NewCampaign
import io.phasegate.OnSkip
import io.phasegate.Outcome
import io.phasegate.PhaseContext
import io.phasegate.PhaseFailed
import io.phasegate.PhaseOptions
import io.phasegate.PhasegateException
import io.phasegate.Pipeline
import io.phasegate.PreflightFailed
import io.phasegate.Problem
import io.phasegate.Receipt
import io.phasegate.ResourceInvalid
import io.phasegate.RetryPolicy
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
import kotlinx.serialization.json.contentOrNull
import kotlinx.serialization.json.decodeFromJsonElement
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
                val name = phase.jsonPrimitive.content
                val said = case["options"]?.jsonObject?.get(name)?.jsonObject.orEmpty()
                phase(name, VECTORS.getValue("schema").jsonObject, optionsOf(JsonObject(said)), run = ::scripted)
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
    return when (val end = config.text("end")) {
        "complete" -> config["summary"]
        "fail", "fail_once" -> if (end == "fail_once" && ctx.ticket.attempt > 1) null else throw PhaseFailed("scripted", "it was told to fail")
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
        "create" -> created(step)
        "report" -> {
            val ticket = Ticket(campaign.id, step.text("phase"), step.number("run"), step.number("attempt"))
            val failed = step.getValue("outcome").jsonObject["failed"]?.jsonObject
            val outcome = when (failed) {
                null -> Outcome.Completed(step.getValue("outcome").jsonObject.getValue("completed"))
                else -> Outcome.Failed(failed.text("code"), failed.text("message"))
            }
            "reported" to JsonPrimitive(engine.report(ticket, outcome, envelopeOf(step)).word)
        }
        "list" -> "listed" to strings(engine.campaigns(attributes = texts(step.getValue("attributes"))).items.map { it.name })
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
        "events" -> "events" to strings(campaign.events(follow = false).toList().map { line(it.type, it.data) })
        "audit" -> "audit" to JsonArray(campaign.events(follow = false).toList().map(::audited))
        else -> {
            val asking = campaign.withEnvelope(envelopeOf(step))
            if (isDry(step)) wouldBe(command(asking.dryRun, step)) else changed(command(asking, step))
        }
    }

    private suspend fun created(step: JsonObject): Pair<String, JsonElement> {
        val new = NewCampaign(
            step.text("name"),
            step["mode"]?.let(::mode) ?: Mode.STEP_BY_STEP,
            step["configs"]?.jsonObject.orEmpty(),
            step["attributes"]?.let(::texts).orEmpty(),
            step["retry"]?.jsonObject.orEmpty().mapValues { policy(it.value) },
            step["skips"]?.jsonArray.orEmpty().map { it.jsonPrimitive.content }.toSet(),
        )
        if (isDry(step)) return wouldBe(engine.dryRunCreation(new, envelopeOf(step)))
        created = engine.create(new, envelopeOf(step))
        return "changed" to JsonPrimitive(true)
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

private suspend fun <R> command(campaign: CampaignCommands<R>, step: JsonObject): R = when (step.text("do")) {
    "describe" -> {
        val attributes = step.getValue("attributes").jsonObject.mapValues { it.value.jsonPrimitive.contentOrNull }
        campaign.describe(step["name"]?.jsonPrimitive?.content, attributes)
    }
    "configure" -> campaign.configureAll(step.getValue("configs").jsonObject)
    "unconfigure" -> campaign.unconfigure(step.text("phase"))
    "set_mode" -> campaign.setMode(mode(step.getValue("mode")))
    "set_retry" -> campaign.setRetry(step.text("phase"), step["policy"]?.let(::policy))
    "start" -> campaign.start(step.text("phase"))
    "restart" -> campaign.restart(step.text("phase"), step["config"])
    "skip" -> campaign.skip(step.text("phase"))
    "unskip" -> campaign.unskip(step.text("phase"))
    "pause" -> campaign.pause()
    "resume" -> campaign.resume()
    "stop" -> campaign.stop()
    "prune" -> campaign.prune(step.number("keepRuns"), step["phase"]?.jsonPrimitive?.content)
    "delete" -> campaign.delete()
    else -> error("no step does that: $step")
}

private fun isDry(step: JsonObject) = step["dryRun"] == JsonPrimitive(true)

private fun texts(of: JsonElement): Map<String, String> = of.jsonObject.mapValues { it.value.jsonPrimitive.content }

private fun envelopeOf(step: JsonObject): Envelope {
    val said = step["envelope"]?.let(::texts).orEmpty()
    return Envelope(said["actor"], said["reason"], said["traceparent"])
}

private fun policy(of: JsonElement): RetryPolicy = Json.decodeFromJsonElement(of)

private fun optionsOf(said: JsonObject) = PhaseOptions(
    retry = said["retry"]?.let(::policy),
    onSkip = said["onSkip"]?.let { word -> OnSkip.entries.first { it.word == word.jsonPrimitive.content } },
)

private fun wouldBe(dryRun: DryRun): Pair<String, JsonElement> = "wouldBe" to JsonObject(
    mapOf(
        "events" to strings(dryRun.events.map { line(it.type, it.data) }),
        "view" to (dryRun.campaign?.let(::shown) ?: JsonNull),
    ),
)

private fun audited(event: Event): JsonElement {
    val said = with(event.envelope) { mapOf("actor" to actor, "reason" to reason, "traceparent" to traceparent) }
    return JsonObject(
        mapOf(
            "event" to JsonPrimitive(line(event.type, event.data)),
            "envelope" to JsonObject(said.filterValues { it != null }.mapValues { JsonPrimitive(it.value) }),
        ),
    )
}

private fun changed(receipt: Receipt) = "changed" to JsonPrimitive(receipt.changed)

private fun mode(word: JsonElement) = Mode.entries.first { it.word == word.jsonPrimitive.content }

private fun JsonObject.text(name: String): String = getValue(name).jsonPrimitive.content

private fun JsonObject.number(name: String): Int = getValue(name).jsonPrimitive.int

private fun strings(texts: List<String>) = JsonArray(texts.map { JsonPrimitive(it) })

private fun problems(problems: List<Problem>) = Json.encodeToJsonElement(problems)

private fun line(type: String, data: JsonObject): String = buildList {
    add(type)
    data["phase"]?.let { add(it.jsonPrimitive.content) }
    fun number(name: String) = data.getValue(name).jsonPrimitive.content
    // What launched an attempt says when.
    if ("startedAt" in data) add("${number("run")}.${number("attempt")}")
}.joinToString(" ")

private fun shown(view: CampaignView): JsonElement = JsonObject(
    mapOf(
        "name" to JsonPrimitive(view.name),
        "attributes" to Json.encodeToJsonElement(view.attributes),
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
                        "retry" to Json.encodeToJsonElement(phase.retry),
                        "skip" to Json.encodeToJsonElement(phase.skip),
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
