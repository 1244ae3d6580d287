package io.phasegate

import io.phasegate.internal.HostJob
import kotlinx.coroutines.NonCancellable
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.ensureActive
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.flow
import kotlinx.coroutines.withContext
import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonNull
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.decodeFromJsonElement
import kotlinx.serialization.json.jsonArray
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive
import kotlinx.serialization.json.long

private const val PAGE = 1_000u

/** What a running attempt may know and do. It may be used from any thread; after the attempt its calls throw [Fenced]. */
public class PhaseContext internal constructor(private val job: HostJob) {
    private val input: JsonObject = given(job.translating { input() }).jsonObject

    /** The right to report for this attempt. */
    public val ticket: Ticket = documents.decodeFromJsonElement(input.getValue("ticket"))

    /** The same for every attempt of this run and for no other run: a key for effects outside the store. */
    public val runKey: String = input.getValue("runKey").jsonPrimitive.content

    /** The config of this attempt. */
    public val config: JsonElement = input.getValue("config")

    /** The documents that the config refers to, by kind and id. */
    public val resources: Map<String, Map<String, JsonElement>> = documentsOf(input)

    /** The last checkpoint that an earlier attempt of this run committed; `null` before the first. */
    public val checkpoint: JsonElement? = input["checkpoint"].takeUnless { it is JsonNull }

    /** How many records earlier attempts of this run committed. */
    public val recordsBefore: Long = input.getValue("recordsBefore").jsonPrimitive.long

    /** The name of the phase. */
    public val phase: String get() = ticket.phase

    /** Whether the attempt was asked to come to rest: a pause, a stop, a timeout, a deletion, or the end of the engine. */
    public val isCancelled: Boolean
        get() = job.uniffiIsDestroyed || runCatching { job.isCancelled() }.getOrDefault(true)

    /** Waits until the attempt is asked to come to rest. */
    public suspend fun cancelled(): Unit = waited { job.translating { cancelled() } }

    /**
     * Tells that [done] of [total] units of the phase's own are done. It is cheap, shown to whoever watches, and not durable.
     *
     * @throws InvalidArgument if one of them is negative.
     */
    @JvmOverloads
    public fun progress(done: Long, total: Long? = null) {
        val (of, all) = unsigned("progress", done) to total?.let { unsigned("total", it) }
        job.translating { progress(of, all) }
    }

    /**
     * The records of the phase before, from the index [from] on, in their order. They are read as they are collected, by pages.
     *
     * @throws InvalidArgument if [from] is negative.
     * @throws Fenced while it is collected, when the attempt is over.
     */
    public fun upstream(from: Long = 0): Flow<JsonElement> {
        var at: ULong? = unsigned("index", from)
        val first = at
        return flow {
            at = first
            while (true) {
                val page = upstreamPage(at ?: break)
                page.first.forEach { emit(it) }
                at = page.second
            }
        }
    }

    internal suspend fun upstreamPage(at: ULong): Pair<List<JsonElement>, ULong?> {
        val page = waited { job.translating { upstream(at, PAGE) } }
        return given(page.records).jsonArray to page.next
    }

    /** How many records the phase before has. */
    public suspend fun upstreamTotal(): Long = waited { job.translating { upstreamTotal() } }.toLong()

    /**
     * Appends [records] with the [checkpoint] that covers them, as one unit: durable on return, power loss included. After a
     * crash the next attempt finds either all of it or nothing. A record and a checkpoint have at most 64 KiB of JSON each, the
     * records of one commit at most 16 MiB. [done] and [total] are progress, told in the same call.
     *
     * A cancellation never breaks it off. In an attempt that was asked to come to rest it commits, and throws the
     * [CancellationException][kotlinx.coroutines.CancellationException] then; within [NonCancellable] it returns.
     *
     * @throws Fenced when another attempt has taken over; nothing was stored.
     * @throws InvalidArgument when a record or the checkpoint has no JSON form, is too large or too deep; nothing was stored.
     */
    public suspend fun commit(
        records: List<JsonElement>,
        checkpoint: JsonElement? = null,
        done: Long? = null,
        total: Long? = null,
    ) {
        withContext(NonCancellable) { append(records, checkpoint, done, total) }
        currentCoroutineContext().ensureActive()
    }

    internal suspend fun append(records: List<JsonElement>, checkpoint: JsonElement?, done: Long?, total: Long?) {
        val text = textOf("records", JsonArray(records))
        val point = checkpoint?.let { textOf("checkpoint", it) }
        val (of, all) = done?.let { unsigned("progress", it) } to total?.let { unsigned("total", it) }
        waited { job.translating { commit(text, point, of, all) } }
    }

    override fun toString(): String = "PhaseContext($ticket)"
}

internal fun documentsOf(input: JsonObject): Map<String, Map<String, JsonElement>> =
    input.getValue("resources").jsonObject.mapValues { (_, byId) -> byId.jsonObject }
