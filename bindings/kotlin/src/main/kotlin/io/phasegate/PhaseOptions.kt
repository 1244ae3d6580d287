package io.phasegate

import java.time.Duration
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive

/** What a pipeline says of a phase, as its manifest has it. What is `null` of a built-in phase is as the phase itself has it. */
public data class PhaseOptions @JvmOverloads constructor(
    /** What a person calls it. */
    val title: String? = null,
    /** How long the work of one attempt may take; then the phase fails with the code `timed_out`. */
    val timeout: Duration? = null,
    /** When its failures are tried again. Without a policy there is no retry. */
    val retry: RetryPolicy? = null,
    /** How many recoveries in a row are counted without progress before the run fails with the code `crash_loop`; 5 unless given. */
    val maxRecoveries: Int? = null,
    /** Whether it may be skipped, and what the phase after it reads then; [OnSkip.FORBIDDEN] unless given. */
    val onSkip: OnSkip? = null,
    /** The JSON Schema of its records, for whoever reads them. The engine checks no record. */
    val recordSchema: JsonObject? = null,
) {
    internal fun manifest(): Map<String, JsonElement> = buildMap {
        title?.let { put("title", JsonPrimitive(it)) }
        limit(timeout)?.let { put("timeoutMs", it) }
        retry?.let { put("retry", it.element()) }
        maxRecoveries?.let { put("maxRecoveries", JsonPrimitive(it)) }
        onSkip?.let { put("onSkip", JsonPrimitive(it.word)) }
        recordSchema?.let { put("recordSchema", it) }
    }
}

/** A time that something may take, in milliseconds. */
internal fun limit(time: Duration?): JsonPrimitive? {
    if (time != null && time < Duration.ofMillis(1)) {
        throw InvalidArgument("a timeout has at least a millisecond, and this one is $time", "invalid_pipeline")
    }
    return time?.let { JsonPrimitive(it.toMillis()) }
}
