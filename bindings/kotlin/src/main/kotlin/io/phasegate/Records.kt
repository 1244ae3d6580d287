package io.phasegate

import kotlinx.serialization.Serializable
import kotlinx.serialization.json.JsonElement

/** One page of a phase's records. */
@Serializable
@ConsistentCopyVisibility
public data class RecordPage internal constructor(
    /** The index of its first record, from 0. */
    val from: Long,
    /** The index to go on at; `null` after the last record. */
    val next: Long?,
    /** The records, in the order in which they were committed. */
    val records: List<JsonElement>,
)

/** A named document that configs refer to. The document may hold secrets, so [toString] leaves it out. */
@Serializable
@ConsistentCopyVisibility
public data class Resource internal constructor(
    /** Its kind, such as `proxy`. */
    val kind: String,
    /** Its id, unique within its kind. */
    val id: String,
    /** Its revision: it grows with each change. */
    val revision: Long,
    /** The document itself. */
    val document: JsonElement,
) {
    override fun toString(): String = "Resource(kind=$kind, id=$id, revision=$revision)"
}
