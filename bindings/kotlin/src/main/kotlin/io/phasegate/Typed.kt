package io.phasegate

import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.map
import kotlinx.serialization.KSerializer
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.serializer

/**
 * Stores the config of one phase from a value of a `@Serializable` class: see [Campaign.configure].
 *
 * @throws InvalidArgument if [config] has no JSON form.
 */
public suspend inline fun <reified T> Campaign.configure(phase: String, config: T): Receipt =
    configure(phase, encoded(serializer<T>(), config))

/** The stored config of a phase as a value of a `@Serializable` class; `null` if it has none. */
public suspend inline fun <reified T : Any> Campaign.config(phase: String): T? = config(phase)?.let { decoded(serializer<T>(), it) }

/** The records of a phase's current run as values of a `@Serializable` class: see [Campaign.records]. */
public inline fun <reified T> Campaign.records(phase: String, from: Long = 0): Flow<T> {
    val type = serializer<T>()
    return records(phase, from).map { decoded(type, it) }
}

/** The config of this attempt as a value of a `@Serializable` class. */
public inline fun <reified T> PhaseContext.config(): T = decoded(serializer<T>(), config)

/** The last checkpoint as a value of a `@Serializable` class; `null` before the first. */
public inline fun <reified T : Any> PhaseContext.checkpoint(): T? = checkpoint?.let { decoded(serializer<T>(), it) }

/** The records of the phase before as values of a `@Serializable` class: see [PhaseContext.upstream]. */
public inline fun <reified T> PhaseContext.upstream(from: Long = 0): Flow<T> {
    val type = serializer<T>()
    return upstream(from).map { decoded(type, it) }
}

/** Appends records and a checkpoint that are values of `@Serializable` classes: see [PhaseContext.commit]. */
public suspend inline fun <reified R, reified C> PhaseContext.commit(
    records: List<R>,
    checkpoint: C,
    done: Long? = null,
    total: Long? = null,
) {
    val type = serializer<R>()
    commit(records.map { encoded(type, it) }, encoded(serializer<C>(), checkpoint), done, total)
}

/** The config of this attempt as a value of a `@Serializable` class. */
public inline fun <reified T> BlockingPhaseContext.config(): T = decoded(serializer<T>(), config)

/** The last checkpoint as a value of a `@Serializable` class; `null` before the first. */
public inline fun <reified T : Any> BlockingPhaseContext.checkpoint(): T? = checkpoint?.let { decoded(serializer<T>(), it) }

@PublishedApi
internal fun <T> encoded(type: KSerializer<T>, value: T): JsonElement =
    argument("value") { documents.encodeToJsonElement(type, value) }

/** Reads a document. Members that [T] lacks are passed over. */
@PublishedApi
internal fun <T> decoded(type: KSerializer<T>, document: JsonElement): T = documents.decodeFromJsonElement(type, document)
