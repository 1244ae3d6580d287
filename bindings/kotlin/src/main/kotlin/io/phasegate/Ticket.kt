package io.phasegate

import kotlinx.serialization.Serializable

/**
 * The right to report for a running phase: what a deferred phase hands to whoever reports it.
 *
 * It is a value of four members, `{"campaign", "phase", "run", "attempt"}` in JSON, to be kept until the report. A newer
 * attempt fences it: then a report is [Reported.STALE].
 */
@Serializable
public data class Ticket(
    /** The id of the campaign. */
    val campaign: String,
    /** The phase. */
    val phase: String,
    /** The run of the phase, from 1. */
    val run: Int,
    /** The attempt of the run, from 1. */
    val attempt: Int,
) {
    /** Its JSON text, which [fromJson] reads. */
    public fun toJson(): String = documents.encodeToString(serializer(), this)

    /** Reads tickets. */
    public companion object {
        /**
         * Reads a ticket from its JSON text.
         *
         * @throws InvalidArgument if it isn't one.
         */
        @JvmStatic
        public fun fromJson(text: String): Ticket = argument("ticket") { documents.decodeFromString(serializer(), text) }
    }
}
