package io.phasegate

import io.phasegate.internal.HostEngine
import io.phasegate.internal.HostEvents
import io.phasegate.internal.verifyFile
import io.phasegate.internal.version
import java.nio.file.Path
import kotlinx.coroutines.NonCancellable
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.flow
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withContext
import kotlinx.serialization.DeserializationStrategy
import kotlinx.serialization.builtins.ListSerializer
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.buildJsonObject

/**
 * An engine: campaigns in one file, run by this process.
 *
 * ```
 * Engine.open("campaigns.redb") {
 *     pipeline("orders") {
 *         phase("collect") { ctx -> ctx.commit(collected()) }
 *         builtin("analysis")
 *     }
 * }.use { engine ->
 *     val campaign = engine.create("spring", Mode.FULL_SEQUENCE, mapOf("collect" to jsonObject("{}")))
 *     campaign.configure("analysis", jsonObject("""{"keyword": "spring"}"""))
 *     campaign.start()
 *     println(campaign.atRest().status)
 * }
 * ```
 *
 * All its methods may be called from any thread and any coroutine, whichever dispatcher that has. After its end each throws
 * [Closed]. Cancelling a coroutine that waits for a command leaves open whether the command was carried out; give it an
 * [idempotency key][Campaign.withIdempotencyKey] to ask again.
 */
public class Engine private constructor(
    private val path: String?,
    internal val host: HostEngine,
    private val worker: Worker,
    /** The pipelines that it runs. */
    public val pipelines: List<Pipeline>,
) : AutoCloseable {
    @Volatile
    private var closing = false

    /** What was taken up when it was opened, or at the last [recover]. */
    @Volatile
    public var recovery: Recovery = Recovery()
        private set

    /**
     * How many threads and coroutines of ended attempts are still at work. They ignored the end, and nothing can force it on them;
     * they can change nothing any more.
     */
    public val abandonedThreads: Int get() = worker.abandoned

    /** How many phases this process works on, waiting and deferred ones included. */
    public val runningPhases: Int get() = translating { host.runningPhases() }.toInt()

    /** Takes up every phase that was running when its process ended. Opening did so, unless [EngineBuilder.recover] was false. */
    public suspend fun recover(): Recovery = read(Recovery.serializer()) { host.recover() }.also { recovery = it }

    /**
     * Brings every phase to rest and closes the file. It is not a pause: what runs stays running in the file, and goes on when
     * it is opened again. A phase that does not come to rest within the [grace][EngineBuilder.grace] is left behind. A cancellation
     * doesn't break it off. Shutting it down again does nothing.
     */
    public suspend fun shutdown() {
        closing = true
        withContext(NonCancellable) {
            try {
                waited { host.shutdown() }
            } catch (_: Closed) {
                // The process ends, or somebody else has closed it.
            }
            waited { worker.finished() }
        }
    }

    /** The same as [shutdown], for `use`: it blocks its thread until the file is closed, at most the grace. */
    override fun close(): Unit = runBlocking { shutdown() }

    /** The manifests of its pipelines: ids, phases, schemas, kinds of resources. */
    public fun manifests(): List<JsonObject> =
        documents.decodeFromString(ListSerializer(JsonObject.serializer()), translating { host.pipelines() })

    /**
     * Creates a campaign with its configs, in one commit. A [name] has 1 to 200 characters and need not be unique; [pipeline]
     * is needed where the engine has several; [configs] are by phase.
     *
     * @throws ConfigInvalid with every problem of every config; nothing was created.
     */
    public suspend fun create(
        name: String,
        mode: Mode = Mode.STEP_BY_STEP,
        configs: Map<String, JsonElement> = emptyMap(),
        pipeline: String? = null,
        idempotencyKey: String? = null,
    ): Campaign = create(NewCampaign(name, mode, configs, pipeline = pipeline, idempotencyKey = idempotencyKey))

    /**
     * Creates a campaign of which more is to be said, in one commit; [envelope] says who asks, and why.
     *
     * @throws ConfigInvalid with every problem of every config; nothing was created.
     */
    public suspend fun create(campaign: NewCampaign, envelope: Envelope = Envelope()): Campaign {
        val text = campaign.text()
        return Campaign(this, waited { host.create(text, envelope.crossing()) })
    }

    /** What [create] would do. The id that it shows is not that of a later creation. */
    public suspend fun dryRunCreation(campaign: NewCampaign, envelope: Envelope = Envelope()): DryRun {
        val text = campaign.text()
        return read(DryRun.serializer()) { host.dryRunCreation(text, envelope.crossing()) }
    }

    /**
     * A campaign that exists.
     *
     * @throws NotFound if it doesn't.
     */
    public suspend fun campaign(id: String): Campaign {
        waited { host.find(id) }
        return Campaign(this, id)
    }

    /**
     * One page of campaigns, at most [limit] (1 to 1,000), [after] the campaign of an id. With several conditions a page may be
     * short, or empty, and still not be the last.
     */
    public suspend fun campaigns(
        name: String? = null,
        mode: Mode? = null,
        activity: Activity? = null,
        attributes: Map<String, String> = emptyMap(),
        newestFirst: Boolean = false,
        after: String? = null,
        limit: Int = 100,
    ): CampaignPage {
        val query = buildJsonObject {
            put("newestFirst", JsonPrimitive(newestFirst))
            put("limit", JsonPrimitive(limit))
            put("attributes", JsonObject(attributes.mapValues { JsonPrimitive(it.value) }))
            name?.let { put("name", JsonPrimitive(it)) }
            mode?.let { put("mode", JsonPrimitive(it.word)) }
            activity?.let { put("activity", JsonPrimitive(it.word)) }
            after?.let { put("after", JsonPrimitive(it)) }
        }
        val text = textOf("query", query)
        return read(CampaignPage.serializer()) { host.campaigns(text) }
    }

    /**
     * Reports how a deferred phase ended. It may be repeated and raced: only the first report changes anything.
     *
     * @throws InvalidArgument if [outcome] is [Outcome.Deferred].
     */
    public suspend fun report(ticket: Ticket, outcome: Outcome, envelope: Envelope = Envelope()): Reported {
        val ended = when (outcome) {
            is Outcome.Completed -> buildJsonObject { put("completed", outcome.summary) }
            is Outcome.Failed -> buildJsonObject {
                put(
                    "failed",
                    buildJsonObject {
                        put("code", JsonPrimitive(outcome.code))
                        put("message", JsonPrimitive(outcome.message))
                    },
                )
            }
            Outcome.Deferred -> throw InvalidArgument("a report says how a phase ended: it cannot defer it again")
        }
        val text = textOf("outcome", ended)
        val word = waited { host.report(ticket.toJson(), text, envelope.crossing()) }
        return Reported.entries.first { it.word == word }
    }

    /** Checks [configs] without storing anything; [resources] (by kind and id) stand in for stored ones. */
    public suspend fun preflightPlan(
        configs: Map<String, JsonElement>,
        pipeline: String? = null,
        resources: Map<String, Map<String, JsonElement>> = emptyMap(),
    ): Preflight {
        val (plan, documents) = textOf("configs", JsonObject(configs)) to textOf("resources", JsonObject(resources.mapValues { JsonObject(it.value) }))
        return read(Preflight.serializer()) { host.preflightPlan(pipeline, plan, documents) }
    }

    /**
     * Stores a resource, and gives its revision. [revision] is the one that it replaces: 0 for none at all, `null` for any.
     *
     * @throws ResourceInvalid with every problem of the document.
     * @throws Conflict if the resource is at another revision.
     */
    public suspend fun putResource(
        kind: String,
        id: String,
        document: JsonElement,
        revision: Long? = null,
        envelope: Envelope = Envelope(),
    ): Long {
        val (text, replaced) = textOf("document", document) to revision?.let { unsigned("revision", it) }
        return waited { host.putResource(kind, id, text, replaced, envelope.crossing()) }.toLong()
    }

    /** Deletes a resource. Configs that refer to it have a problem from now on. */
    public suspend fun deleteResource(kind: String, id: String, revision: Long? = null, envelope: Envelope = Envelope()) {
        val deleted = revision?.let { unsigned("revision", it) }
        waited { host.deleteResource(kind, id, deleted, envelope.crossing()) }
    }

    /** A resource, secrets included; `null` if there is none. */
    public suspend fun resource(kind: String, id: String): Resource? =
        waited { host.resource(kind, id) }?.let { documents.decodeFromString(Resource.serializer(), it) }

    /** One page of a kind's resources in the order of their ids, at most [limit] (1 to 1,000), [after] an id. */
    public suspend fun resources(kind: String, after: String? = null, limit: Int = 100): List<Resource> {
        val most = unsigned("limit", limit.toLong()).toUInt()
        return read(ListSerializer(Resource.serializer())) { host.resources(kind, after, most) }
    }

    /**
     * The events of all campaigns after a cursor. With [follow] those that come are next, without an end.
     *
     * Each is given once, in order, and only when it is durable. A slow collector misses none.
     */
    public fun events(after: String? = null, follow: Boolean = true): Flow<Event> = events(null, after, follow)

    internal fun events(campaign: String?, after: String?, follow: Boolean): Flow<Event> = flow {
        translating { host.events(campaign, after) }.use { events ->
            while (true) {
                val page = page(events, follow)
                if (page.isEmpty()) break
                page.forEach { emit(it) }
            }
        }
    }

    private suspend fun page(events: HostEvents, follow: Boolean): List<Event> =
        read(ListSerializer(Event.serializer())) { if (follow) events.next() else events.nextIfAny() }

    /** Copies the file, as it is at this moment, into a new one, while it is in use. A plain copy of an open file is no backup. */
    public suspend fun backup(to: Path): Unit = waited { host.backup(to.toString()) }

    override fun toString(): String = "Engine(${path ?: "memory"}, ${if (closing) "closed" else "open"})"

    /** Opens engines, and checks their files. */
    public companion object {
        /** The version of the engine. */
        @JvmStatic
        public val version: String
            get() {
                load()
                return version()
            }

        /**
         * Opens the store in the file [path], and takes up what was running when the last process ended, unless [configure] says
         * otherwise. A file that isn't there is created; `null` opens a store in memory.
         *
         * @throws Held when another engine has the file open.
         * @throws InvalidArgument when a pipeline breaks a rule.
         */
        @JvmStatic
        public suspend fun open(path: String?, configure: EngineBuilder.() -> Unit): Engine {
            load()
            val builder = EngineBuilder().apply(configure)
            val (options, pipelines) = builder.options(path) to builder.pipelines.toList()
            val definitions = pipelines.map { textOf("pipeline", it.definition) }
            val host = waited { HostEngine.open(options, definitions) }
            // The worker is there before the recovery, which gives jobs.
            val engine = Engine(path, host, Worker(host, pipelines, builder.phaseDispatcher), pipelines)
            try {
                if (builder.recover) engine.recover()
            } catch (error: Throwable) {
                engine.shutdown()
                throw error
            }
            return engine
        }

        /** Opens the store in the file [path]. */
        @JvmStatic
        public suspend fun open(path: Path, configure: EngineBuilder.() -> Unit): Engine = open(path.toString(), configure)

        /**
         * Checks every value in a file that nobody has open.
         *
         * @throws Held when somebody has.
         */
        @JvmStatic
        public suspend fun verifyFile(path: Path): Verification {
            load()
            return read(Verification.serializer()) { io.phasegate.internal.verifyFile(path.toString()) }
        }
    }
}

/** Awaits a call that gives JSON, and reads it. */
internal suspend fun <T> read(type: DeserializationStrategy<T>, call: suspend () -> String): T =
    documents.decodeFromString(type, waited(call))
