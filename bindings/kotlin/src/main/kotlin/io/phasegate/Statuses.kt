package io.phasegate

import kotlinx.serialization.SerialName
import kotlinx.serialization.Serializable

/** How a campaign advances. */
@Serializable
public enum class Mode(
    /** The word for it in JSON and on every other surface. */
    public val word: String,
) {
    /** Each phase is started by hand. */
    @SerialName("step_by_step")
    STEP_BY_STEP("step_by_step"),

    /** A phase that completed starts the next one, in the same commit. */
    @SerialName("full_sequence")
    FULL_SEQUENCE("full_sequence"),
}

/** The status of a campaign, derived from its phases. */
@Serializable
public enum class CampaignStatus(
    /** The word for it in JSON and on every other surface. */
    public val word: String,
) {
    /** Nothing runs, and nothing is wrong. */
    @SerialName("idle")
    IDLE("idle"),

    /** A phase is running. */
    @SerialName("running")
    RUNNING("running"),

    /** A phase waits for somebody to report its outcome. */
    @SerialName("waiting_for_report")
    WAITING_FOR_REPORT("waiting_for_report"),

    /** A phase failed, and is tried again by itself. */
    @SerialName("retrying")
    RETRYING("retrying"),

    /** A phase is running and was asked to pause. */
    @SerialName("pausing")
    PAUSING("pausing"),

    /** A phase is running and was asked to stop. */
    @SerialName("stopping")
    STOPPING("stopping"),

    /** A phase is paused, or a pause fell between two phases. */
    @SerialName("paused")
    PAUSED("paused"),

    /** A phase was stopped. */
    @SerialName("stopped")
    STOPPED("stopped"),

    /** A phase failed. */
    @SerialName("failed")
    FAILED("failed"),

    /** A started full sequence can't go on, since a remaining phase lacks a valid config. */
    @SerialName("waiting_for_configuration")
    WAITING_FOR_CONFIGURATION("waiting_for_configuration"),

    /** Every phase is completed. */
    @SerialName("completed")
    COMPLETED("completed"),
}

/** The status of one phase. */
@Serializable
public enum class PhaseStatus(
    /** The word for it in JSON and on every other surface. */
    public val word: String,
) {
    /** It has not run, or a restart of an earlier phase undid that. */
    @SerialName("not_started")
    NOT_STARTED("not_started"),

    /** It is running, a pause or stop under way included. */
    @SerialName("running")
    RUNNING("running"),

    /** Its outcome is left to somebody else, who has not reported it yet. */
    @SerialName("waiting_for_report")
    WAITING_FOR_REPORT("waiting_for_report"),

    /** It failed, and is tried again by itself. */
    @SerialName("retrying")
    RETRYING("retrying"),

    /** It is paused. */
    @SerialName("paused")
    PAUSED("paused"),

    /** It failed. */
    @SerialName("failed")
    FAILED("failed"),

    /** It was stopped. */
    @SerialName("stopped")
    STOPPED("stopped"),

    /** It is completed. */
    @SerialName("completed")
    COMPLETED("completed"),

    /** It was skipped. */
    @SerialName("skipped")
    SKIPPED("skipped"),
}

/** What a campaign is doing, as campaigns are looked up by it. */
@Serializable
public enum class Activity(
    /** The word for it in JSON and on every other surface. */
    public val word: String,
) {
    /** Nothing runs, a held chain included. */
    @SerialName("idle")
    IDLE("idle"),

    /** A phase runs. */
    @SerialName("running")
    RUNNING("running"),

    /** A phase is paused. */
    @SerialName("paused")
    PAUSED("paused"),

    /** A phase failed. */
    @SerialName("failed")
    FAILED("failed"),

    /** A phase was stopped. */
    @SerialName("stopped")
    STOPPED("stopped"),
}

/** Why a phase is stopped. */
@Serializable
public enum class StopReason(
    /** The word for it in JSON and on every other surface. */
    public val word: String,
) {
    /** Somebody stopped it. */
    @SerialName("requested")
    REQUESTED("requested"),

    /** At recovery the pipeline had other phases than the campaign. */
    @SerialName("pipeline_changed")
    PIPELINE_CHANGED("pipeline_changed"),
}

/** Whether a phase may be skipped, and what the phase after it reads then. */
@Serializable
public enum class OnSkip(
    /** The word for it in JSON and on every other surface. */
    public val word: String,
) {
    /** It can't be skipped. */
    @SerialName("forbidden")
    FORBIDDEN("forbidden"),

    /** The phase after it reads nothing. */
    @SerialName("empty")
    EMPTY("empty"),

    /** The phase after it reads what it would have read itself. */
    @SerialName("pass_through")
    PASS_THROUGH("pass_through"),
}

/** What the phase after a skipped one reads. */
@Serializable
public enum class SkipReads(
    /** The word for it in JSON and on every other surface. */
    public val word: String,
) {
    /** Nothing. */
    @SerialName("empty")
    EMPTY("empty"),

    /** What the skipped phase would have read. */
    @SerialName("pass_through")
    PASS_THROUGH("pass_through"),
}

/** What became of a report. Only [RECORDED] changed anything. */
public enum class Reported(
    /** The word for it in JSON and on every other surface. */
    public val word: String,
) {
    /** The outcome was recorded by this report. */
    RECORDED("recorded"),

    /** The same outcome was recorded before. */
    ALREADY_RECORDED("already_recorded"),

    /** The ticket is not the running one. */
    STALE("stale"),
}
