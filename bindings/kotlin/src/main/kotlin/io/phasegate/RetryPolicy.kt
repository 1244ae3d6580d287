package io.phasegate

import java.time.Duration
import kotlinx.serialization.KSerializer
import kotlinx.serialization.SerialName
import kotlinx.serialization.Serializable
import kotlinx.serialization.descriptors.PrimitiveKind
import kotlinx.serialization.descriptors.PrimitiveSerialDescriptor
import kotlinx.serialization.descriptors.SerialDescriptor
import kotlinx.serialization.encoding.Decoder
import kotlinx.serialization.encoding.Encoder
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonElement

/** When a failed phase is tried again by itself. Without a policy it is not. What is `null` is as the engine has it. */
@Serializable
public data class RetryPolicy @JvmOverloads constructor(
    /** How many tries there are in all without progress between them, the first included: 1 to 1,000. */
    val maxTries: Int,
    /** The delay before the first retry, at most 30 days; 1 s unless given. */
    @SerialName("initialDelayMs")
    @Serializable(with = MillisSerializer::class)
    val initialDelay: Duration? = null,
    /** What each further delay is multiplied with: 1 to 10; 2 unless given. */
    val factor: Double? = null,
    /** The longest delay, at most 30 days; 5 minutes unless given. */
    @SerialName("maxDelayMs")
    @Serializable(with = MillisSerializer::class)
    val maxDelay: Duration? = null,
    /** The part of a delay, 0 to 1, that may be left out of it; a half unless given. */
    val jitter: Double? = null,
    /** The codes of failures that are never tried again; at most 100. */
    val final: List<String> = emptyList(),
)

/** What isn't said is left out, so that the engine's defaults hold. */
private val sparse = Json { explicitNulls = false }

internal fun RetryPolicy.element(): JsonElement = argument("retry policy") { sparse.encodeToJsonElement(RetryPolicy.serializer(), this) }

internal object MillisSerializer : KSerializer<Duration> {
    override val descriptor: SerialDescriptor = PrimitiveSerialDescriptor("io.phasegate.Millis", PrimitiveKind.LONG)

    override fun serialize(encoder: Encoder, value: Duration): Unit = encoder.encodeLong(value.toMillis())

    override fun deserialize(decoder: Decoder): Duration = Duration.ofMillis(decoder.decodeLong())
}
