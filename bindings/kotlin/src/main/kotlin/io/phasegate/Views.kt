package io.phasegate

import java.time.Instant
import kotlinx.serialization.Serializable
import kotlinx.serialization.json.JsonElement

/** One thing wrong with one field of one phase's config. */
@Serializable
@ConsistentCopyVisibility
public data class Problem internal constructor(
    /** The phase whose config it is; empty for the document of a resource. */
    val phase: String = "",
    /** The JSON Pointer (RFC 6901) to the field; empty for the config as a whole. */
    val pointer: String,
    /** What was broken: a JSON Schema keyword such as `minimum`, or `config_missing`, `resource_missing`, `too_large`, ... */
    val keyword: String,
    /** A sentence for a person. */
    val message: String,
) {
    override fun toString(): String = "$phase$pointer: $message"
}

/** A list of problems: at most 100 [items], and how many there are in all. */
@Serializable
@ConsistentCopyVisibility
public data class Problems internal constructor(val items: List<Problem>, val total: Int)

/** The check of every remaining phase of a campaign, in pipeline order. */
@Serializable
@ConsistentCopyVisibility
public data class Preflight internal constructor(
    /** Whether every remaining phase could start. */
    val ready: Boolean,
    /** The phases whose config is missing or wrong, in pipeline order. */
    val missingPhases: List<String>,
    /** What is wrong with them, at most 100 of it; a missing config is a problem with the keyword `config_missing`. */
    val errors: List<Problem>,
    /** How many errors there are in all. */
    val totalErrors: Int,
)

/** Why a phase failed. */
@Serializable
@ConsistentCopyVisibility
public data class Failure internal constructor(
    /** A stable word for a program; at most 63 characters. */
    val code: String,
    /** A sentence for a person. */
    val message: String,
)

/** Why a command is not allowed now. */
@Serializable
@ConsistentCopyVisibility
public data class Refusal internal constructor(
    /** The [code][PhasegateException.code] that the command would be refused with. */
    val code: String,
    /** A sentence that tells a person what to do. */
    val message: String,
)

/** One command, and whether it is allowed now. */
@Serializable
@ConsistentCopyVisibility
public data class NextCommand internal constructor(
    /** The command's name, such as `start`. */
    val command: String,
    /** The phase it is for, where it takes one. */
    val phase: String?,
    /** The mode it sets, where it sets one. */
    val mode: Mode?,
    /** Whether it is allowed now. */
    val allowed: Boolean,
    /** Why not, if it isn't. */
    val refusal: Refusal?,
)

/** The skip of a phase, planned or done. */
@Serializable
@ConsistentCopyVisibility
public data class SkipView internal constructor(
    /** What the phase after it reads. */
    val reads: SkipReads,
    /** Why, if that was said. */
    val reason: String?,
)

/** What a phase waits for. */
@Serializable
@ConsistentCopyVisibility
public data class WaitView internal constructor(
    /** What is asked of whoever reports it. */
    val note: String?,
    /** The JSON Schema of the summary that they give; `null` for any. */
    val form: JsonElement?,
    /** When it is too late. */
    @Serializable(with = InstantSerializer::class) val deadlineAt: Instant?,
)

/** One phase of a campaign, as it is shown. */
@Serializable
@ConsistentCopyVisibility
public data class PhaseView internal constructor(
    /** Its name. */
    val phase: String,
    /** Its status. */
    val status: PhaseStatus,
    /** Whether a config is stored for it. */
    val configured: Boolean,
    /** The revision of that config. */
    val configRevision: Long?,
    /** What is wrong with that config; of completed phases nothing is checked any more. */
    val problems: Problems,
    /** The campaign's own retry policy for it, in place of the pipeline's. */
    val retry: RetryPolicy?,
    /** Its skip, planned or done. */
    val skip: SkipView?,
    /** The run whose records are its current view, from 1; `null` before its first. */
    val run: Int?,
    /** The latest attempt of that run, from 1. */
    val attempt: Int?,
    /** When that run was started. */
    @Serializable(with = InstantSerializer::class) val startedAt: Instant?,
    /** When it was completed. */
    @Serializable(with = InstantSerializer::class) val completedAt: Instant?,
    /** What the phase said of its run, when completed; `null` also if it said nothing. */
    val summary: JsonElement?,
    /** Why it failed, if it did. */
    val failure: Failure?,
    /** When it is tried again by itself. */
    @Serializable(with = InstantSerializer::class) val retryAt: Instant?,
    /** Why it is stopped, if it is. */
    val stopReason: StopReason?,
    /** What it waits for, if its outcome is left to somebody else. */
    val waitsFor: WaitView?,
)

/** A campaign, as it is shown at one moment. It is a value: it does not change when the campaign does. */
@Serializable
@ConsistentCopyVisibility
public data class CampaignView internal constructor(
    /** Its id. */
    val id: String,
    /** Its name. */
    val name: String,
    /** Its attributes. */
    val attributes: Map<String, String>,
    /** The id of its pipeline. */
    val pipeline: String,
    /** Its mode. */
    val mode: Mode,
    /** Its status. */
    val status: CampaignStatus,
    /** How many phases are passed, each completed or skipped. */
    val position: Int,
    /** The phase at the position; `null` when all are passed. */
    val currentPhase: String?,
    /** Its phases, in order. */
    val phases: List<PhaseView>,
    /** The check of every remaining phase: every blocker, where it isn't ready. */
    val preflight: Preflight,
    /** Each command, and whether it is allowed now. */
    val next: List<NextCommand>,
    /** The number of its latest event. */
    val version: Long,
    /** When it does something by itself: a retry, or a deadline. */
    @Serializable(with = InstantSerializer::class) val dueAt: Instant?,
    /** When it was created. */
    @Serializable(with = InstantSerializer::class) val createdAt: Instant,
    /** When it last changed. */
    @Serializable(with = InstantSerializer::class) val changedAt: Instant,
) {
    /**
     * One of its phases.
     *
     * @throws NoSuchElementException if it has no such phase.
     */
    public fun phase(name: String): PhaseView =
        phases.firstOrNull { it.phase == name } ?: throw NoSuchElementException("campaign $id has no phase $name")
}

/** One page of campaigns. */
@Serializable
@ConsistentCopyVisibility
public data class CampaignPage internal constructor(
    /** The campaigns, in the order of their creation. */
    val items: List<CampaignView>,
    /** The id of the campaign to go on after; `null` after the last page. */
    val next: String?,
)

/** What an accepted command came to. */
@Serializable
@ConsistentCopyVisibility
public data class Receipt internal constructor(
    /** The campaign. */
    val campaignId: String,
    /** The number of its latest event after the command. */
    val version: Long,
    /** Whether the command changed anything; one that asks for the present state changes nothing. */
    val changed: Boolean,
)

/** How far the running phase has come, in its own units. It is not durable. */
@Serializable
@ConsistentCopyVisibility
public data class Progress internal constructor(
    /** The attempt that told it. */
    val ticket: Ticket,
    /** How much is done. */
    val done: Long,
    /** How much there is, if that is known. */
    val total: Long?,
)

/** What was taken up when an engine was opened. */
@Serializable
@ConsistentCopyVisibility
public data class Recovery internal constructor(
    /** The ids of the campaigns whose running phase goes on here. */
    val resumed: List<String> = emptyList(),
    /** The ids of the campaigns that came to rest instead. */
    val settled: List<String> = emptyList(),
    /** The ids of the campaigns whose phase another process runs. */
    val heldElsewhere: List<String> = emptyList(),
    /** The campaigns that could not be recovered. */
    val failed: List<RecoveryFailure> = emptyList(),
)

/** A campaign that could not be recovered, and why. It is tried again when the store is opened again. */
@Serializable
@ConsistentCopyVisibility
public data class RecoveryFailure internal constructor(val campaignId: String, val code: String, val message: String)

/** What a check of a file found. */
@Serializable
@ConsistentCopyVisibility
public data class Verification internal constructor(
    /** Whether nothing is wrong. */
    val clean: Boolean,
    /** What is wrong. */
    val findings: List<Finding>,
)

/** One thing wrong in a file: the [table] and the [key] it is at, and the [problem]. */
@Serializable
@ConsistentCopyVisibility
public data class Finding internal constructor(val table: String, val key: String, val problem: String)
