package io.phasegate.blocking

import io.phasegate.CampaignCommands
import io.phasegate.DryRun
import io.phasegate.DryRunCampaign
import io.phasegate.Mode
import io.phasegate.RetryPolicy
import io.phasegate.json
import kotlinx.coroutines.runBlocking

/** The commands of a campaign for Java and for other blocking code: see [CampaignCommands]. */
public sealed class BlockingCommands<out R>(private val commands: CampaignCommands<R>) {
    /** Its id. */
    public val id: String get() = commands.id

    /** See [CampaignCommands.describe]. */
    @JvmOverloads
    public fun describe(name: String? = null, attributes: Map<String, String?> = emptyMap()): R =
        runBlocking { commands.describe(name, attributes) }

    /** Stores the config of one phase, a JSON text: see [CampaignCommands.configure]. */
    public fun configure(phase: String, config: String): R = runBlocking { commands.configure(phase, json(config)) }

    /** Stores the configs of several phases, JSON texts, all of them or none: see [CampaignCommands.configureAll]. */
    public fun configureAll(configs: Map<String, String>): R = runBlocking { commands.configureAll(parsed(configs)) }

    /** See [CampaignCommands.unconfigure]. */
    public fun unconfigure(phase: String): R = runBlocking { commands.unconfigure(phase) }

    /** See [CampaignCommands.setMode]. */
    public fun setMode(mode: Mode): R = runBlocking { commands.setMode(mode) }

    /** See [CampaignCommands.setRetry]. */
    public fun setRetry(phase: String, policy: RetryPolicy?): R = runBlocking { commands.setRetry(phase, policy) }

    /** See [CampaignCommands.start]. */
    @JvmOverloads
    public fun start(phase: String? = null): R = runBlocking { commands.start(phase) }

    /** Begins a phase afresh, with a new config, a JSON text, if one is given: see [CampaignCommands.restart]. */
    @JvmOverloads
    public fun restart(phase: String, config: String? = null): R = runBlocking { commands.restart(phase, config?.let(::json)) }

    /** See [CampaignCommands.skip]. */
    public fun skip(phase: String): R = runBlocking { commands.skip(phase) }

    /** See [CampaignCommands.unskip]. */
    public fun unskip(phase: String): R = runBlocking { commands.unskip(phase) }

    /** See [CampaignCommands.pause]. */
    public fun pause(): R = runBlocking { commands.pause() }

    /** See [CampaignCommands.resume]. */
    public fun resume(): R = runBlocking { commands.resume() }

    /** See [CampaignCommands.stop]. */
    public fun stop(): R = runBlocking { commands.stop() }

    /** See [CampaignCommands.prune]. */
    @JvmOverloads
    public fun prune(keepRuns: Int, phase: String? = null): R = runBlocking { commands.prune(keepRuns, phase) }

    /** See [CampaignCommands.delete]. */
    public fun delete(): R = runBlocking { commands.delete() }
}

/** A [DryRunCampaign] for Java and for other blocking code. */
public class BlockingDryRunCampaign internal constructor(campaign: DryRunCampaign) : BlockingCommands<DryRun>(campaign) {
    override fun toString(): String = "BlockingDryRunCampaign($id)"
}
