package io.phasegate.blocking

import io.phasegate.Activity
import io.phasegate.CampaignPage
import io.phasegate.DryRun
import io.phasegate.Engine
import io.phasegate.EngineBuilder
import io.phasegate.Envelope
import io.phasegate.Event
import io.phasegate.Mode
import io.phasegate.NewCampaign
import io.phasegate.Outcome
import io.phasegate.Pipeline
import io.phasegate.Preflight
import io.phasegate.Recovery
import io.phasegate.Reported
import io.phasegate.Resource
import io.phasegate.Ticket
import io.phasegate.Verification
import io.phasegate.json
import java.nio.file.Path
import java.util.function.Consumer
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.runBlocking
import kotlinx.serialization.json.JsonElement

/**
 * An [Engine] for Java and for other blocking code: each call blocks its thread until it is done. Documents go in as JSON
 * text; those that come out give it with `toString()`.
 *
 * An interrupt ends a wait with an [InterruptedException], and leaves open whether a command was carried out.
 */
public class BlockingEngine private constructor(
    /** The engine behind it. */
    public val engine: Engine,
) : AutoCloseable {
    /** What was taken up when it was opened. */
    public val recovery: Recovery get() = engine.recovery

    /** See [Engine.abandonedThreads]. */
    public val abandonedThreads: Int get() = engine.abandonedThreads

    /** See [Engine.runningPhases]. */
    public val runningPhases: Int get() = engine.runningPhases

    /** See [Engine.recover]. */
    public fun recover(): Recovery = runBlocking { engine.recover() }

    /** Brings every phase to rest and closes the file: see [Engine.shutdown]. */
    override fun close(): Unit = engine.close()

    /** The manifests of its pipelines, as JSON texts. */
    public fun manifests(): List<String> = engine.manifests().map { it.toString() }

    /** Creates a campaign with its configs, JSON texts by phase: see [Engine.create]. */
    @JvmOverloads
    public fun create(
        name: String,
        mode: Mode = Mode.STEP_BY_STEP,
        configs: Map<String, String> = emptyMap(),
        pipeline: String? = null,
        idempotencyKey: String? = null,
    ): BlockingCampaign = BlockingCampaign(runBlocking { engine.create(name, mode, parsed(configs), pipeline, idempotencyKey) })

    /** Creates a campaign of which more is to be said: see [Engine.create]. */
    @JvmOverloads
    public fun create(campaign: NewCampaign, envelope: Envelope = Envelope()): BlockingCampaign =
        BlockingCampaign(runBlocking { engine.create(campaign, envelope) })

    /** See [Engine.dryRunCreation]. */
    @JvmOverloads
    public fun dryRunCreation(campaign: NewCampaign, envelope: Envelope = Envelope()): DryRun =
        runBlocking { engine.dryRunCreation(campaign, envelope) }

    /** See [Engine.campaign]. */
    public fun campaign(id: String): BlockingCampaign = BlockingCampaign(runBlocking { engine.campaign(id) })

    /** See [Engine.campaigns]. */
    @JvmOverloads
    public fun campaigns(
        name: String? = null,
        mode: Mode? = null,
        activity: Activity? = null,
        attributes: Map<String, String> = emptyMap(),
        newestFirst: Boolean = false,
        after: String? = null,
        limit: Int = 100,
    ): CampaignPage = runBlocking { engine.campaigns(name, mode, activity, attributes, newestFirst, after, limit) }

    /** See [Engine.report]. */
    @JvmOverloads
    public fun report(ticket: Ticket, outcome: Outcome, envelope: Envelope = Envelope()): Reported =
        runBlocking { engine.report(ticket, outcome, envelope) }

    /** Checks configs, JSON texts by phase, without storing anything: see [Engine.preflightPlan]. */
    @JvmOverloads
    public fun preflightPlan(
        configs: Map<String, String>,
        pipeline: String? = null,
        resources: Map<String, Map<String, String>> = emptyMap(),
    ): Preflight = runBlocking { engine.preflightPlan(parsed(configs), pipeline, resources.mapValues { parsed(it.value) }) }

    /** See [Engine.putResource]. */
    @JvmOverloads
    public fun putResource(
        kind: String,
        id: String,
        document: String,
        revision: Long? = null,
        envelope: Envelope = Envelope(),
    ): Long = runBlocking { engine.putResource(kind, id, json(document), revision, envelope) }

    /** See [Engine.deleteResource]. */
    @JvmOverloads
    public fun deleteResource(kind: String, id: String, revision: Long? = null, envelope: Envelope = Envelope()): Unit =
        runBlocking { engine.deleteResource(kind, id, revision, envelope) }

    /** See [Engine.resource]. */
    public fun resource(kind: String, id: String): Resource? = runBlocking { engine.resource(kind, id) }

    /** See [Engine.resources]. */
    @JvmOverloads
    public fun resources(kind: String, after: String? = null, limit: Int = 100): List<Resource> =
        runBlocking { engine.resources(kind, after, limit) }

    /** The events of all campaigns that have happened after a cursor, all of them. */
    @JvmOverloads
    public fun events(after: String? = null): List<Event> = happened(engine.events(after, follow = false))

    /** Waits for the first event after a cursor. To follow a log, go on after the cursor of what it gives. */
    @JvmOverloads
    public fun nextEvent(after: String? = null): Event = runBlocking { engine.events(after).first() }

    /** See [Engine.backup]. */
    public fun backup(to: Path): Unit = runBlocking { engine.backup(to) }

    override fun toString(): String = "Blocking$engine"

    /** Opens engines, and checks their files. */
    public companion object {
        /** Opens the store in a file, or one in memory for `null`, with these pipelines: see [Engine.open]. */
        @JvmStatic
        public fun open(path: String?, vararg pipelines: Pipeline): BlockingEngine =
            open(path) { builder -> pipelines.forEach { builder.pipeline(it) } }

        /** Opens the store in a file, or one in memory for `null`, with what [configure] sets: see [Engine.open]. */
        @JvmStatic
        public fun open(path: String?, configure: Consumer<EngineBuilder>): BlockingEngine =
            BlockingEngine(runBlocking { Engine.open(path) { configure.accept(this) } })

        /** See [Engine.verifyFile]. */
        @JvmStatic
        public fun verifyFile(path: Path): Verification = runBlocking { Engine.verifyFile(path) }
    }
}

internal fun parsed(configs: Map<String, String>): Map<String, JsonElement> = configs.mapValues { json(it.value) }

internal fun <T> happened(flow: Flow<T>): List<T> = runBlocking { flow.toList() }
