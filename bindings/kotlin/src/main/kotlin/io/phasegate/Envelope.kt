package io.phasegate

import io.phasegate.internal.HostEnvelope
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonObjectBuilder
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.contentOrNull
import kotlinx.serialization.json.jsonPrimitive

/**
 * Who asks for something, why, and within which trace. It stands in every event that the request makes.
 *
 * Whatever takes one throws [InvalidArgument] for an actor or a reason that is too long, or could disguise other text.
 */
public data class Envelope @JvmOverloads constructor(
    /** Who asks: at most 200 characters. */
    val actor: String? = null,
    /** Why: at most 1,000 characters. */
    val reason: String? = null,
    /** The trace, as the W3C has it; a malformed one is dropped. */
    val traceparent: String? = null,
)

/** The members of an event that are its envelope's. */
internal val ENVELOPE_MEMBERS = setOf("actor", "reason", "traceparent")

internal fun Envelope.crossing(): HostEnvelope = HostEnvelope(actor, reason, traceparent)

internal fun envelopeOf(event: Map<String, JsonElement>): Envelope {
    fun member(name: String) = event[name]?.jsonPrimitive?.contentOrNull
    return Envelope(member("actor"), member("reason"), member("traceparent"))
}

internal fun JsonObjectBuilder.putEnvelope(envelope: Envelope) {
    envelope.actor?.let { put("actor", JsonPrimitive(it)) }
    envelope.reason?.let { put("reason", JsonPrimitive(it)) }
    envelope.traceparent?.let { put("traceparent", JsonPrimitive(it)) }
}
