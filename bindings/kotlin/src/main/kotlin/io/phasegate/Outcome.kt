package io.phasegate

import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonNull

/** How an attempt of a phase ended. A phase may return one; [Engine.report] takes one. */
public sealed interface Outcome {
    /** The phase completed; in `full_sequence` the next one starts in the same commit. [summary] has at most 64 KiB of JSON. */
    public data class Completed @JvmOverloads constructor(val summary: JsonElement = JsonNull) : Outcome

    /** The phase failed. A [code] is cut to 63 characters. */
    public data class Failed(val code: String, val message: String) : Outcome

    /** The phase is not over: somebody will [report][Engine.report] its [ticket][PhaseContext.ticket] later. */
    public data object Deferred : Outcome
}

/** What a phase returned, as an outcome. Throws whatever a serializer of the host's throws. */
internal fun outcomeOf(returned: Any?): Outcome = returned as? Outcome ?: Outcome.Completed(elementOf(returned))
