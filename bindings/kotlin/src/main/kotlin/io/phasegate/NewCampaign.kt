package io.phasegate

import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.buildJsonObject

/** A campaign to be created: see [Engine.create]. */
public data class NewCampaign @JvmOverloads constructor(
    /** Its name, 1 to 200 characters; it need not be unique. */
    val name: String,
    /** Its mode. */
    val mode: Mode = Mode.STEP_BY_STEP,
    /** The configs to store with it, by phase: all or none. */
    val configs: Map<String, JsonElement> = emptyMap(),
    /** Short texts by which it is found again, at most 32. */
    val attributes: Map<String, String> = emptyMap(),
    /** Its own retry policies by phase, in place of the pipeline's. */
    val retry: Map<String, RetryPolicy> = emptyMap(),
    /** The phases to skip. */
    val skips: Set<String> = emptySet(),
    /** Its pipeline; needed where the engine has several. */
    val pipeline: String? = null,
    /** Makes the creation safe to repeat: the same key and campaign give the same outcome. */
    val idempotencyKey: String? = null,
)

internal fun NewCampaign.text(): String = textOf(
    "campaign",
    buildJsonObject {
        put("name", JsonPrimitive(name))
        put("mode", JsonPrimitive(mode.word))
        put("configs", JsonObject(configs))
        put("attributes", JsonObject(attributes.mapValues { JsonPrimitive(it.value) }))
        put("retry", JsonObject(retry.mapValues { it.value.element() }))
        put("skips", JsonArray(skips.map { JsonPrimitive(it) }))
        pipeline?.let { put("pipeline", JsonPrimitive(it)) }
        idempotencyKey?.let { put("idempotencyKey", JsonPrimitive(it)) }
    },
)
