package io.phasegate.blocking

import io.phasegate.Campaign
import io.phasegate.CampaignView
import io.phasegate.Envelope
import io.phasegate.Event
import io.phasegate.Mode
import io.phasegate.Preflight
import io.phasegate.Progress
import io.phasegate.Receipt
import io.phasegate.RecordPage
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.runBlocking
import kotlinx.serialization.json.JsonElement

/** A [Campaign] for Java and for other blocking code: see [BlockingEngine]. */
public class BlockingCampaign internal constructor(
    /** The campaign behind it. */
    public val campaign: Campaign,
) : BlockingCommands<Receipt>(campaign) {
    /** See [Campaign.withIdempotencyKey]. */
    public fun withIdempotencyKey(key: String): BlockingCampaign = BlockingCampaign(campaign.withIdempotencyKey(key))

    /** See [Campaign.withEnvelope]. */
    public fun withEnvelope(envelope: Envelope): BlockingCampaign = BlockingCampaign(campaign.withEnvelope(envelope))

    /** See [Campaign.dryRun]. */
    public val dryRun: BlockingDryRunCampaign get() = BlockingDryRunCampaign(campaign.dryRun)

    /** Stores the configs of several phases, JSON texts, all of them or none: see [Campaign.plan]. */
    @JvmOverloads
    public fun plan(configs: Map<String, String>, mode: Mode? = null): Receipt = runBlocking { campaign.plan(parsed(configs), mode) }

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
