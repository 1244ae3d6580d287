package io.phasegate

import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.flow
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.jsonArray

/**
 * One campaign of an engine. It holds no state: each call reads the store.
 *
 * A command is durable when it returns. One that the campaign refuses throws a [Rejected] with the reason, and changes nothing.
 */
public class Campaign internal constructor(
    engine: Engine,
    id: String,
    private val idempotencyKey: String? = null,
    envelope: Envelope = Envelope(),
) : CampaignCommands<Receipt>(engine, id, envelope) {
    /**
     * The same campaign, whose commands carry this key: 1 to 255 visible ASCII characters, one for each command. The same key
     * and command again have the outcome of the first time; with another command they are a [Conflict].
     */
    public fun withIdempotencyKey(key: String): Campaign = Campaign(engine, id, key, envelope)

    /** The same campaign, whose commands say who asks, and why. */
    public fun withEnvelope(envelope: Envelope): Campaign = Campaign(engine, id, idempotencyKey, envelope)

    /** The same campaign, whose commands only say what they would do: `campaign.dryRun.start()`. */
    public val dryRun: DryRunCampaign get() = DryRunCampaign(engine, id, envelope)

    override suspend fun send(command: String): Receipt =
        read(Receipt.serializer()) { engine.host.command(id, command, idempotencyKey, envelope.crossing()) }

    /**
     * Stores the configs of several phases in one commit, all of them or none; then sets the mode, if one is given.
     *
     * @throws ConfigInvalid with every problem of every config.
     */
    public suspend fun plan(configs: Map<String, JsonElement>, mode: Mode? = null): Receipt {
        val receipt = configureAll(configs)
        return if (mode == null) receipt else setMode(mode)
    }

    /** What is shown of it: statuses, blockers, and the commands that are allowed next. */
    public suspend fun view(): CampaignView = read(CampaignView.serializer()) { engine.host.view(id) }

    /** The check of every remaining phase. */
    public suspend fun preflight(): Preflight = view().preflight

    /** The stored config of a phase; `null` if it has none. */
    public suspend fun config(phase: String): JsonElement? = waited { engine.host.config(id, phase) }?.let(::given)

    /** Waits until nothing runs and nothing starts by itself. */
    public suspend fun atRest(): CampaignView = read(CampaignView.serializer()) { engine.host.atRest(id) }

    /** How far the running phase has come in this process; `null` when nothing runs here. */
    public fun progress(): Progress? =
        translating { engine.host.progress(id) }?.let { documents.decodeFromString(Progress.serializer(), it) }

    /** The records of a phase's current run, from the index [from] on, in their order. They are read as they are collected. */
    public fun records(phase: String, from: Long = 0): Flow<JsonElement> {
        unsigned("index", from)
        return flow {
            val run = waited { engine.host.currentRun(id, phase) }
            var at: Long? = from
            while (true) {
                val page = page(phase, run, at ?: break, PAGE)
                page.records.forEach { emit(it) }
                at = page.next
            }
        }
    }

    /** One page of the records of a phase's current run, from the index [from] on, at most [limit] (1 to 10,000). */
    public suspend fun recordPage(phase: String, from: Long = 0, limit: Int = PAGE): RecordPage {
        unsigned("limit", limit.toLong())
        return page(phase, waited { engine.host.currentRun(id, phase) }, from, limit)
    }

    private suspend fun page(phase: String, run: UInt, from: Long, limit: Int): RecordPage {
        val first = unsigned("index", from)
        val page = waited { engine.host.records(id, phase, run, first, limit.toUInt()) }
        return RecordPage(page.from.toLong(), page.next?.toLong(), given(page.records).jsonArray)
    }

    /**
     * The events after a cursor. With [follow] those that come are next, without an end: see [Engine.events].
     */
    public fun events(after: String? = null, follow: Boolean = true): Flow<Event> = engine.events(id, after, follow)

    override fun equals(other: Any?): Boolean = other is Campaign && other.id == id && other.engine === engine

    override fun hashCode(): Int = id.hashCode()

    override fun toString(): String = "Campaign($id)"

    private companion object {
        private const val PAGE = 1_000
    }
}
