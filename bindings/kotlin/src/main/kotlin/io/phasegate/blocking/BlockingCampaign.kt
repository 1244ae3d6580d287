package io.phasegate.blocking

import io.phasegate.Campaign
import io.phasegate.CampaignView
import io.phasegate.Event
import io.phasegate.Mode
import io.phasegate.Preflight
import io.phasegate.Progress
import io.phasegate.Receipt
import io.phasegate.RecordPage
import io.phasegate.json
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.runBlocking
import kotlinx.serialization.json.JsonElement

/** A [Campaign] for Java and for other blocking code: see [BlockingEngine]. */
public class BlockingCampaign internal constructor(
    /** The campaign behind it. */
    public val campaign: Campaign,
) {
    /** Its id. */
    public val id: String get() = campaign.id

    /** See [Campaign.withIdempotencyKey]. */
    public fun withIdempotencyKey(key: String): BlockingCampaign = BlockingCampaign(campaign.withIdempotencyKey(key))

    /** Stores the config of one phase, a JSON text: see [Campaign.configure]. */
    public fun configure(phase: String, config: String): Receipt = runBlocking { campaign.configure(phase, json(config)) }

    /** Stores the configs of several phases, JSON texts, all of them or none: see [Campaign.plan]. */
    @JvmOverloads
    public fun plan(configs: Map<String, String>, mode: Mode? = null): Receipt = runBlocking { campaign.plan(parsed(configs), mode) }

    /** See [Campaign.unconfigure]. */
    public fun unconfigure(phase: String): Receipt = runBlocking { campaign.unconfigure(phase) }

    /** See [Campaign.setMode]. */
    public fun setMode(mode: Mode): Receipt = runBlocking { campaign.setMode(mode) }

    /** See [Campaign.start]. */
    @JvmOverloads
    public fun start(phase: String? = null): Receipt = runBlocking { campaign.start(phase) }

    /** Begins a phase afresh, with a new config, a JSON text, if one is given: see [Campaign.restart]. */
    @JvmOverloads
    public fun restart(phase: String, config: String? = null): Receipt = runBlocking { campaign.restart(phase, config?.let(::json)) }

    /** See [Campaign.pause]. */
    public fun pause(): Receipt = runBlocking { campaign.pause() }

    /** See [Campaign.resume]. */
    public fun resume(): Receipt = runBlocking { campaign.resume() }

    /** See [Campaign.stop]. */
    public fun stop(): Receipt = runBlocking { campaign.stop() }

    /** See [Campaign.delete]. */
    public fun delete(): Unit = runBlocking { campaign.delete() }

    /** See [Campaign.view]. */
    public fun view(): CampaignView = runBlocking { campaign.view() }

    /** See [Campaign.preflight]. */
    public fun preflight(): Preflight = runBlocking { campaign.preflight() }

    /** See [Campaign.config]. */
    public fun config(phase: String): JsonElement? = runBlocking { campaign.config(phase) }

    /** See [Campaign.atRest]. */
    public fun atRest(): CampaignView = runBlocking { campaign.atRest() }

    /** See [Campaign.progress]. */
    public fun progress(): Progress? = campaign.progress()

    /** All records of a phase's current run, in their order; [recordPage] for what doesn't fit into memory. */
    public fun records(phase: String): List<JsonElement> = happened(campaign.records(phase))

    /** See [Campaign.recordPage]. */
    @JvmOverloads
    public fun recordPage(phase: String, from: Long = 0, limit: Int = 1_000): RecordPage =
        runBlocking { campaign.recordPage(phase, from, limit) }

    /** The events that have happened after a cursor, all of them. */
    @JvmOverloads
    public fun events(after: String? = null): List<Event> = happened(campaign.events(after, follow = false))

    /** Waits for the first event after a cursor. To follow the log, go on after the cursor of what it gives. */
    @JvmOverloads
    public fun nextEvent(after: String? = null): Event = runBlocking { campaign.events(after).first() }

    override fun equals(other: Any?): Boolean = other is BlockingCampaign && other.campaign == campaign

    override fun hashCode(): Int = campaign.hashCode()

    override fun toString(): String = "Blocking$campaign"
}
