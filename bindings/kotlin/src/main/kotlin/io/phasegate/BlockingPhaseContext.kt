package io.phasegate

import kotlinx.serialization.json.JsonElement

/** What a running attempt may know and do, for a [BlockingPhase]. After the attempt its calls throw [Fenced]. */
public class BlockingPhaseContext internal constructor(private val context: PhaseContext) {
    /** The right to report for this attempt. */
    public val ticket: Ticket get() = context.ticket

    /** The same for every attempt of this run and for no other run: a key for effects outside the store. */
    public val runKey: String get() = context.runKey

    /** The config of this attempt; its `toString()` is its JSON text. */
    public val config: JsonElement get() = context.config

    /** The documents that the config refers to, by kind and id. */
    public val resources: Map<String, Map<String, JsonElement>> get() = context.resources

    /** The last checkpoint that an earlier attempt of this run committed; `null` before the first. */
    public val checkpoint: JsonElement? get() = context.checkpoint

    /** How many records earlier attempts of this run committed. */
    public val recordsBefore: Long get() = context.recordsBefore

    /** The name of the phase. */
    public val phase: String get() = context.phase

    /** Whether the attempt was asked to come to rest. The thread is interrupted then, once. */
    public val isCancelled: Boolean get() = context.isCancelled

    /** Tells that [done] of [total] units of the phase's own are done: see [PhaseContext.progress]. */
    @JvmOverloads
    public fun progress(done: Long, total: Long? = null): Unit = context.progress(done, total)

    /** The records of the phase before, from the index [from] on, in their order. They are read as they are iterated over. */
    @JvmOverloads
    public fun upstream(from: Long = 0): Iterable<JsonElement> {
        val first = unsigned("index", from)
        return Iterable {
            iterator {
                var at: ULong? = first
                while (true) {
                    val start = at ?: break
                    val page = blocked { context.upstreamPage(start) }
                    yieldAll(page.first)
                    at = page.second
                }
            }
        }
    }

    /** How many records the phase before has. */
    public fun upstreamTotal(): Long = blocked { context.upstreamTotal() }

    /** Appends [records] with the [checkpoint] that covers them, as one unit: see [PhaseContext.commit]. It always returns. */
    @JvmOverloads
    public fun commit(records: List<JsonElement>, checkpoint: JsonElement? = null, done: Long? = null, total: Long? = null): Unit =
        blocked { context.append(records, checkpoint, done, total) }

    /**
     * The same with JSON texts.
     *
     * @throws InvalidArgument if one of them isn't JSON.
     */
    @JvmOverloads
    public fun commitText(records: List<String>, checkpoint: String? = null): Unit =
        commit(records.map(::json), checkpoint?.let(::json))

    override fun toString(): String = "Blocking$context"
}
