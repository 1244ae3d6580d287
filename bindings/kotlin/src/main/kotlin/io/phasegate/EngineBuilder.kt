package io.phasegate

import io.phasegate.internal.EngineOptions
import java.time.Duration
import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.Dispatchers

/** What an engine runs, and how: see [Engine.open]. */
@PhasegateDsl
public class EngineBuilder internal constructor() {
    internal val pipelines = mutableListOf<Pipeline>()

    /** How long a cancelled phase may take to come to rest, before it is left behind; 10 s unless set. */
    public var grace: Duration? = null

    /** How many phases may work at once, at least 1; no limit unless set. */
    public var maxRunningPhases: Int? = null

    /** How long idempotency keys are kept; a day unless set. */
    public var idempotencyTtl: Duration? = null

    /** Whether opening takes up what was running when the last process ended; yes unless set. [Engine.recover] does it later. */
    public var recover: Boolean = true

    /** Where the coroutines of suspending phases run; `Dispatchers.Default` unless set. */
    public var phaseDispatcher: CoroutineDispatcher = Dispatchers.Default

    /** Adds a pipeline. An engine may have several. */
    public fun pipeline(pipeline: Pipeline): EngineBuilder = apply { pipelines += pipeline }

    /** Adds a pipeline of the phases that [define] adds: see [PipelineBuilder]. */
    public fun pipeline(id: String, title: String = "", define: PipelineBuilder.() -> Unit): EngineBuilder =
        pipeline(Pipeline(id, title, define))

    internal fun options(path: String?): EngineOptions = EngineOptions(
        path = path,
        graceMs = millis("grace", grace),
        maxRunningPhases = maxRunningPhases?.let { most ->
            if (most < 1) throw InvalidArgument("maxRunningPhases is $most: let at least one phase work")
            most.toUInt()
        },
        idempotencyTtlMs = millis("idempotencyTtl", idempotencyTtl),
    )

    private fun millis(what: String, time: Duration?): ULong? = time?.let { unsigned("$what in milliseconds", it.toMillis()) }
}
