package io.phasegate

import kotlinx.serialization.json.JsonElement

/**
 * A phase as suspending code. Each attempt runs in a coroutine of its own, which is cancelled when the attempt is asked to
 * come to rest: by a pause, a stop, a timeout, a deletion, or the end of the engine.
 *
 * An exception makes it a failed phase: [PhaseFailed] with its own code, any other one, errors included, with the code
 * `exception`. The exception of such a cancellation doesn't. A phase that ignores its cancellation loses its right to report after
 * the [grace][EngineBuilder.grace], and counts among the [abandoned][Engine.abandonedThreads] while it goes on.
 */
public interface Phase {
    /**
     * Runs the phase from [PhaseContext.checkpoint] to its end.
     *
     * What it returns becomes the summary: nothing, a [JsonElement], a string, number, boolean, list or map of such, or a
     * value of a `@Serializable` class. It may also be an [Outcome], such as [Outcome.Deferred].
     */
    public suspend fun run(ctx: PhaseContext): Any?

    /**
     * Finds the problems of a config that a schema can't express; none, unless overridden. The engine calls it before it stores
     * a config and before each start, so it should be quick: after 30 seconds the config counts as wrong.
     *
     * [resources] are the documents that the config refers to, by kind and id.
     */
    public suspend fun check(config: JsonElement, resources: Map<String, Map<String, JsonElement>>): List<FieldProblem> = emptyList()

    /**
     * Says whether a failed or stopped run goes on from its checkpoint after its config or resources changed. Unless overridden it
     * says no, and a start begins a new run.
     */
    public suspend fun canContinue(change: InputChange): Boolean = false
}

/** A phase as a function. It has no check, and continues no run whose inputs changed. */
internal class FunctionPhase(private val function: suspend (PhaseContext) -> Any?) : Phase {
    override suspend fun run(ctx: PhaseContext): Any? = function(ctx)
}

/**
 * A phase as blocking code. Each attempt runs in a daemon thread of its own, which is interrupted when the attempt is asked to
 * come to rest. Whatever it throws makes it a failed phase, as with [Phase].
 *
 * A timeout or a stop ends an attempt that doesn't return within the [grace][EngineBuilder.grace] too. Its thread is left behind:
 * it can change nothing any more, and counts in [Engine.abandonedThreads].
 */
public fun interface BlockingPhase {
    /** Runs the phase: see [Phase.run]. Its methods may throw anything, checked exceptions included. */
    @Throws(Exception::class)
    public fun run(ctx: BlockingPhaseContext): Any?

    /** Says what is wrong with a config: see [Phase.check]. */
    @Throws(Exception::class)
    public fun check(config: JsonElement, resources: Map<String, Map<String, JsonElement>>): List<FieldProblem> = emptyList()

    /** Says whether a run can go on: see [Phase.canContinue]. */
    @Throws(Exception::class)
    public fun canContinue(change: InputChange): Boolean = false
}

/** One thing wrong with one field of a config, found by a phase's own check. */
public data class FieldProblem(
    /** The JSON Pointer (RFC 6901) to the field; empty for the config as a whole. */
    val pointer: String,
    /** A stable word for what was broken, such as `too_early`. */
    val keyword: String,
    /** A sentence for a person. */
    val message: String,
)

/** How the inputs of a failed or stopped run have changed since it began. */
@ConsistentCopyVisibility
public data class InputChange internal constructor(
    /** The config that the run began with. */
    val oldConfig: JsonElement,
    /** The config as it is now. */
    val newConfig: JsonElement,
    /** The resources that are at another revision now. */
    val changedResources: List<ResourceRef>,
    /** The last checkpoint of the run; `null` before the first. */
    val checkpoint: JsonElement?,
)

/** A resource by its [kind] and [id]. */
@kotlinx.serialization.Serializable
@ConsistentCopyVisibility
public data class ResourceRef internal constructor(val kind: String, val id: String)
