package io.phasegate

import java.time.Instant
import kotlinx.serialization.KSerializer
import kotlinx.serialization.Serializable
import kotlinx.serialization.descriptors.SerialDescriptor
import kotlinx.serialization.encoding.Decoder
import kotlinx.serialization.encoding.Encoder
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.buildJsonObject

/** What a command would do now. Nothing of it was done. */
@Serializable
@ConsistentCopyVisibility
public data class DryRun internal constructor(
    /** The events that it would make; none for a command that asks for the present state. */
    val events: List<PlannedEvent>,
    /** The campaign after them; `null` after a deletion. */
    val campaign: CampaignView?,
)

/** An event that a command would make. In JSON it is one flat object, with [data] among the other members. */
@Serializable(with = PlannedEventSerializer::class)
@ConsistentCopyVisibility
public data class PlannedEvent internal constructor(
    /** When it would happen. */
    val timestamp: Instant,
    /** What would happen, such as `phase_started`. */
    val type: String,
    /** What belongs to that type, such as `phase`. */
    val data: JsonObject,
    /** Who asks for it, and why. */
    val envelope: Envelope,
)

internal object PlannedEventSerializer : KSerializer<PlannedEvent> {
    private val json = JsonObject.serializer()
    override val descriptor: SerialDescriptor = SerialDescriptor("io.phasegate.PlannedEvent", json.descriptor)

    override fun serialize(encoder: Encoder, value: PlannedEvent) {
        val members = buildJsonObject {
            put("timestamp", JsonPrimitive(value.timestamp.toString()))
            putEnvelope(value.envelope)
            put("type", JsonPrimitive(value.type))
            value.data.forEach { (name, member) -> put(name, member) }
        }
        encoder.encodeSerializableValue(json, members)
    }

    override fun deserialize(decoder: Decoder): PlannedEvent {
        val members = decoder.decodeSerializableValue(json)
        return PlannedEvent(
            timestamp = Instant.parse(members.required("timestamp").content),
            type = members.required("type").content,
            data = JsonObject(members.filterKeys { it !in EVENT_MEMBERS }),
            envelope = envelopeOf(members),
        )
    }
}
