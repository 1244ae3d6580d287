package io.phasegate

import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonNull
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonObjectBuilder
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.buildJsonObject

/** The commands of a campaign. Each gives a [Receipt], or in a dry run ([DryRunCampaign]) what it would do. */
public sealed class CampaignCommands<out R>(
    internal val engine: Engine,
    /** Its id. */
    public val id: String,
    internal val envelope: Envelope,
) {
    internal abstract suspend fun send(command: String): R

    private suspend fun command(name: String, arguments: JsonObjectBuilder.() -> Unit = {}): R {
        val command = buildJsonObject {
            put("command", JsonPrimitive(name))
            arguments()
        }
        return send(textOf("command", command))
    }

    private suspend fun of(name: String, phase: String) = command(name) { put("phase", JsonPrimitive(phase)) }

    /** Gives it another name, other attributes, or both. An attribute of `null` is removed; those not named stay. */
    public suspend fun describe(name: String? = null, attributes: Map<String, String?> = emptyMap()): R = command("describe") {
        put("name", JsonPrimitive(name))
        put("attributes", JsonObject(attributes.mapValues { JsonPrimitive(it.value) }))
    }

    /**
     * Stores the config of one phase.
     *
     * @throws ConfigInvalid with every problem of it.
     */
    public suspend fun configure(phase: String, config: JsonElement): R = configureAll(mapOf(phase to config))

    /**
     * Stores the configs of several phases in one commit, all of them or none.
     *
     * @throws ConfigInvalid with every problem of every config.
     */
    public suspend fun configureAll(configs: Map<String, JsonElement>): R = command("configure") { put("configs", JsonObject(configs)) }

    /** Takes away the config of a phase that has not started. */
    public suspend fun unconfigure(phase: String): R = of("unconfigure", phase)

    /** Sets the mode. It starts nothing; while a phase runs it decides what happens at its end. */
    public suspend fun setMode(mode: Mode): R = command("set_mode") { put("mode", JsonPrimitive(mode.word)) }

    /** Sets its own retry policy for a phase in place of the pipeline's; `null` takes it away. */
    public suspend fun setRetry(phase: String, policy: RetryPolicy?): R = command("set_retry") {
        put("phase", JsonPrimitive(phase))
        put("policy", policy?.element() ?: JsonNull)
    }

    /**
     * Starts a phase, the next one unless named; in [Mode.FULL_SEQUENCE] the rest follows by itself.
     *
     * @throws PreflightFailed with the check of every phase that had to be ready.
     */
    public suspend fun start(phase: String? = null): R = of("start", phase ?: waited { engine.host.nextPhase(id) })

    /** Begins a phase that has run before afresh, with a new config if one is given. */
    public suspend fun restart(phase: String, config: JsonElement? = null): R = command("restart") {
        put("phase", JsonPrimitive(phase))
        put("config", config ?: JsonNull)
    }

    /** Skips a phase: at once where the campaign has come to it, else when it gets there. The reason is that of the envelope. */
    public suspend fun skip(phase: String): R = of("skip", phase)

    /** Withdraws the plan to skip a phase. */
    public suspend fun unskip(phase: String): R = of("unskip", phase)

    /** Pauses the running phase, and returns when it has come to rest. */
    public suspend fun pause(): R = command("pause")

    /** Goes on after a pause. */
    public suspend fun resume(): R = command("resume")

    /** Stops the running phase, and returns when it has come to rest. */
    public suspend fun stop(): R = command("stop")

    /** Hides all but the latest runs of one phase or of all, and frees their records. A current run always stays. */
    public suspend fun prune(keepRuns: Int, phase: String? = null): R {
        unsigned("number of runs", keepRuns.toLong())
        return command("prune") {
            put("keepRuns", JsonPrimitive(keepRuns))
            put("phase", JsonPrimitive(phase))
        }
    }

    /** Deletes the campaign with everything that belongs to it. */
    public suspend fun delete(): R = command("delete")
}

/**
 * A campaign whose commands say what they would do now, and do nothing. They throw what the command itself would throw.
 *
 * A pause or a stop is shown as the request that it is, and not as the rest that it leads to.
 */
public class DryRunCampaign internal constructor(engine: Engine, id: String, envelope: Envelope) :
    CampaignCommands<DryRun>(engine, id, envelope) {
    override suspend fun send(command: String): DryRun =
        read(DryRun.serializer()) { engine.host.dryRun(id, command, envelope.crossing()) }

    override fun toString(): String = "DryRunCampaign($id)"
}
