package io.phasegate

import java.time.Instant
import kotlinx.serialization.KSerializer
import kotlinx.serialization.Serializable
import kotlinx.serialization.SerializationException
import kotlinx.serialization.descriptors.PrimitiveKind
import kotlinx.serialization.descriptors.PrimitiveSerialDescriptor
import kotlinx.serialization.descriptors.SerialDescriptor
import kotlinx.serialization.encoding.Decoder
import kotlinx.serialization.encoding.Encoder
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.buildJsonObject
import kotlinx.serialization.json.jsonPrimitive
import kotlinx.serialization.json.long

/** A fact in a campaign's log. In JSON it is one flat object, with [data] among the other members. */
@Serializable(with = EventSerializer::class)
@ConsistentCopyVisibility
public data class Event internal constructor(
    /** Its place in the log of all campaigns, to go on after. It is opaque. */
    val cursor: String,
    /** Its number within its campaign, gapless from 1; null for an event of a resource. */
    val seq: Long?,
    /** The id of the campaign; null for an event of a resource. */
    val campaignId: String?,
    /** When it happened. */
    val timestamp: Instant,
    /** What happened, such as `phase_auto_started`. A later release may add types. */
    val type: String,
    /** What belongs to that type, such as `phase`. */
    val data: JsonObject,
    /** Who asked for it, and why. */
    val envelope: Envelope,
)

/** The members of an event that its type doesn't say. */
internal val EVENT_MEMBERS = setOf("cursor", "seq", "campaignId", "timestamp", "type") + ENVELOPE_MEMBERS

internal fun JsonObject.required(name: String): JsonPrimitive =
    this[name]?.jsonPrimitive ?: throw SerializationException("an event has no $name")

internal object EventSerializer : KSerializer<Event> {
    private val json = JsonObject.serializer()
    override val descriptor: SerialDescriptor = SerialDescriptor("io.phasegate.Event", json.descriptor)

    override fun serialize(encoder: Encoder, value: Event) {
        val members = buildJsonObject {
            put("cursor", JsonPrimitive(value.cursor))
            value.seq?.let { put("seq", JsonPrimitive(it)) }
            put("type", JsonPrimitive(value.type))
            value.campaignId?.let { put("campaignId", JsonPrimitive(it)) }
            put("timestamp", JsonPrimitive(value.timestamp.toString()))
            putEnvelope(value.envelope)
            value.data.forEach { (name, member) -> put(name, member) }
        }
        encoder.encodeSerializableValue(json, members)
    }

    override fun deserialize(decoder: Decoder): Event {
        val members = decoder.decodeSerializableValue(json)
        return Event(
            cursor = members.required("cursor").content,
            seq = members["seq"]?.jsonPrimitive?.long,
            campaignId = members["campaignId"]?.jsonPrimitive?.content,
            timestamp = Instant.parse(members.required("timestamp").content),
            type = members.required("type").content,
            data = JsonObject(members.filterKeys { it !in EVENT_MEMBERS }),
            envelope = envelopeOf(members),
        )
    }
}

internal object InstantSerializer : KSerializer<Instant> {
    override val descriptor: SerialDescriptor = PrimitiveSerialDescriptor("io.phasegate.Instant", PrimitiveKind.STRING)

    override fun serialize(encoder: Encoder, value: Instant): Unit = encoder.encodeString(value.toString())

    override fun deserialize(decoder: Decoder): Instant = Instant.parse(decoder.decodeString())
}
