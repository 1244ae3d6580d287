@file:JvmName("Documents")

package io.phasegate

import io.phasegate.internal.jsonText
import kotlinx.serialization.InternalSerializationApi
import kotlinx.serialization.KSerializer
import kotlinx.serialization.SerializationException
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonNull
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.serializerOrNull

/** How this package reads what the engine writes; members that a later release adds are passed over. */
internal val documents: Json = Json {
    ignoreUnknownKeys = true
    encodeDefaults = true
}

/**
 * Reads a JSON object from its text: a schema, a config, a document.
 *
 * @throws InvalidArgument if it isn't one.
 */
public fun jsonObject(text: String): JsonObject =
    json(text) as? JsonObject ?: throw InvalidArgument("the text is JSON, but not an object")

/**
 * Reads a JSON value from its text. An object with two members of one name is refused, and a byte-order mark skipped.
 *
 * @throws InvalidArgument if it isn't one.
 */
public fun json(text: String): JsonElement {
    load()
    val checked = translating { jsonText(text) }
    return argument("text") { Json.parseToJsonElement(checked) }
}

/** What the engine wrote: always JSON, whose texts a document may nest deeply. */
internal fun given(text: String): JsonElement = Json.parseToJsonElement(text)

/** Reads or writes an argument of the caller's. One without a JSON form is the caller's error. */
internal inline fun <T> argument(what: String, convert: () -> T): T = try {
    convert()
} catch (error: SerializationException) {
    throw unwritable(what, error)
} catch (error: IllegalArgumentException) {
    throw unwritable(what, error)
} catch (error: StackOverflowError) {
    throw unwritable(what, error)
}

internal fun unwritable(what: String, error: Throwable): InvalidArgument {
    val why = if (error is StackOverflowError) "it is nested too deeply" else error.message
    return InvalidArgument("the $what has no JSON form: $why", cause = error)
}

internal fun textOf(what: String, value: JsonElement): String = argument(what) { value.toString() }

/** A value of the host's as JSON: an element as it is, a value of Kotlin's own types, or of a `@Serializable` class. */
internal fun elementOf(value: Any?): JsonElement = when (value) {
    null, Unit -> JsonNull
    is JsonElement -> value
    is String -> JsonPrimitive(value)
    is Number -> JsonPrimitive(value)
    is Boolean -> JsonPrimitive(value)
    is Map<*, *> -> JsonObject(value.entries.associate { (key, member) -> key.toString() to elementOf(member) })
    is Iterable<*> -> JsonArray(value.map(::elementOf))
    else -> serialized(value)
}

@OptIn(InternalSerializationApi::class)
private fun serialized(value: Any): JsonElement {
    @Suppress("UNCHECKED_CAST") // It is the serializer of the value's own class.
    val serializer = value::class.serializerOrNull() as KSerializer<Any>?
        ?: throw SerializationException("${value::class.qualifiedName ?: "its class"} is not @Serializable")
    return documents.encodeToJsonElement(serializer, value)
}
