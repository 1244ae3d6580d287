package io.phasegate

import io.phasegate.internal.HostException
import kotlinx.coroutines.CancellationException
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.decodeFromJsonElement
import kotlinx.serialization.json.jsonObject

/**
 * Why a call was refused or failed: the sentence of the engine as its message, a stable [code], and [data].
 *
 * Nothing that was refused has changed anything.
 */
public sealed class PhasegateException(
    message: String,
    /** A stable word for a program, such as `preflight_failed`. */
    public val code: String,
    /** What belongs to that code. */
    public val data: JsonObject,
    cause: Throwable? = null,
) : RuntimeException(message, cause) {
    override val message: String = message
}

/** The campaign refused the command, and is unchanged. Its [code] tells why, such as `out_of_order` or `not_running`. */
public open class Rejected internal constructor(message: String, code: String, data: JsonObject) :
    PhasegateException(message, code, data)

/** Nothing was started, since phases that must be ready lack a valid config. */
public class PreflightFailed internal constructor(message: String, code: String, data: JsonObject) :
    Rejected(message, code, data) {
    /** The check that failed: every phase that had to be ready, in pipeline order. */
    public val report: Preflight = member(data, "report") ?: Preflight(false, emptyList(), emptyList(), 0)

    /** The phases whose config is missing or wrong, in pipeline order. */
    public val missingPhases: List<String> get() = report.missingPhases

    /** Every problem of every phase, in pipeline order; at most 100. */
    public val errors: List<Problem> get() = report.errors
}

/** A config is wrong, and none was stored. */
public class ConfigInvalid internal constructor(message: String, code: String, data: JsonObject) :
    Rejected(message, code, data) {
    /** Every problem of every config that was given; at most 100. */
    public val errors: List<Problem> = member<Problems>(data, "problems")?.items.orEmpty()
}

/** The pipeline has no such phase. */
public class UnknownPhase internal constructor(message: String, code: String, data: JsonObject) :
    Rejected(message, code, data)

/** There is no such campaign or resource, or it was deleted. */
public class NotFound internal constructor(message: String, code: String, data: JsonObject) :
    PhasegateException(message, code, data)

/** An argument breaks its rule: a name, a pipeline, a query, a value without a JSON form, a document that is too large or too deep. */
public class InvalidArgument internal constructor(
    message: String,
    code: String = "invalid_argument",
    data: JsonObject = JsonObject(emptyMap()),
    cause: Throwable? = null,
) : PhasegateException(message, code, data, cause)

/** The document of a resource is wrong, and was not stored. */
public class ResourceInvalid internal constructor(message: String, code: String, data: JsonObject) :
    PhasegateException(message, code, data) {
    /** Every problem of the document; their [phase][Problem.phase] is empty. */
    public val errors: List<Problem> = member<List<Problem>>(data, "errors").orEmpty()
}

/** A campaign or resource is at another revision, or an idempotency key was used for another command. */
public class Conflict internal constructor(message: String, code: String, data: JsonObject) :
    PhasegateException(message, code, data)

/** The store failed. What was acknowledged before is durable; open the store again to go on. */
public open class StorageFailed internal constructor(message: String, code: String, data: JsonObject) :
    PhasegateException(message, code, data)

/** Another process, or another engine of this one, has the store open. */
public class Held internal constructor(message: String, code: String, data: JsonObject) :
    StorageFailed(message, code, data)

/** A stored value is damaged. */
public class Damaged internal constructor(message: String, code: String, data: JsonObject) :
    StorageFailed(message, code, data)

/** The engine or the sandbox is closed. */
public class Closed internal constructor(
    message: String = "the engine is closed: open it again",
    code: String = "closed",
    data: JsonObject = JsonObject(emptyMap()),
) : PhasegateException(message, code, data)

/** Another attempt, or a command, has replaced this one, or it is over: nothing that it does counts any more. */
public class Fenced internal constructor(message: String, code: String = "fenced", data: JsonObject = JsonObject(emptyMap())) :
    PhasegateException(message, code, data)

/** Something went wrong that has no class of its own. Its [code] tells what. */
public class Unexpected internal constructor(
    message: String,
    code: String = "unexpected",
    data: JsonObject = JsonObject(emptyMap()),
    cause: Throwable? = null,
) : PhasegateException(message, code, data, cause)

/**
 * Thrown by a phase: it ends as failed, with this [code] (at most 63 characters) and sentence.
 *
 * Any other exception of a phase makes it fail too, with the code `exception`.
 */
public class PhaseFailed @JvmOverloads constructor(
    /** A stable word for a program. */
    public val code: String,
    message: String,
    cause: Throwable? = null,
) : RuntimeException(message, cause) {
    override val message: String = message
}

/** A member of an error's data; `null` rather than a second error if it isn't there. */
private inline fun <reified T : Any> member(data: JsonObject, name: String): T? =
    data[name]?.let { runCatching { documents.decodeFromJsonElement<T>(it) }.getOrNull() }

private typealias Make = (String, String, JsonObject) -> RuntimeException

/** The codes of each class. `schemas/codes.json` of the repository has the same, and a test compares the two. */
private val CLASSES: List<Pair<Make, List<String>>> = listOf(
    ::Rejected to listOf(
        "already_running", "answer_invalid", "input_changed", "not_paused", "not_running", "not_started", "nothing_left",
        "out_of_order", "paused", "pausing", "phase_locked", "phase_started", "pipeline_changed", "skip_forbidden", "stale_ticket",
        "stopping", "unknown_pipeline",
    ),
    ::PreflightFailed to listOf("preflight_failed"),
    ::ConfigInvalid to listOf("config_invalid"),
    ::UnknownPhase to listOf("unknown_phase"),
    ::NotFound to listOf("not_found", "resource_not_found"),
    ::invalidArgument to listOf(
        "invalid_argument", "invalid_attribute", "invalid_cursor", "invalid_envelope", "invalid_name", "invalid_pipeline",
        "invalid_retry", "pipeline_not_named", "probe_input_invalid", "probe_unsupported", "too_deep", "too_large",
        "unknown_resource_kind",
    ),
    ::ResourceInvalid to listOf("resource_invalid"),
    ::Conflict to listOf("idempotency_key_reused", "lease_held", "precondition_failed", "resource_conflict"),
    ::StorageFailed to listOf("newer_format", "outcome_unknown", "storage_failed"),
    ::Held to listOf("held"),
    ::Damaged to listOf("damaged"),
    ::Closed to listOf("closed", "forked", "shut_down"),
    ::Fenced to listOf("fenced"),
    // A coroutine or thread whose engine goes away comes to rest as by any cancellation.
    ::interrupted to listOf("interrupted"),
    ::unexpected to listOf("probe_failed", "sandbox_failed", "unexpected"),
)

private fun invalidArgument(message: String, code: String, data: JsonObject) = InvalidArgument(message, code, data)

@Suppress("UNUSED_PARAMETER")
private fun interrupted(message: String, code: String, data: JsonObject) = CancellationException(message)

private fun unexpected(message: String, code: String, data: JsonObject) = Unexpected(message, code, data)

internal val BY_CODE: Map<String, (String, String, JsonObject) -> RuntimeException> = CLASSES.flatMap { (make, codes) -> codes.map { it to make } }.toMap()

/** The exception of this package for one of the generated code. */
internal fun translated(error: HostException): RuntimeException {
    val failed = error as HostException.Failed
    val data = runCatching { documents.decodeFromString<JsonElement>(failed.`data`).jsonObject }.getOrDefault(JsonObject(emptyMap()))
    return (BY_CODE[failed.code] ?: ::unexpected)(failed.reason, failed.code, data)
}
