package io.phasegate

import io.phasegate.internal.builtinPhases
import java.time.Duration
import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.buildJsonObject

/** Keeps the blocks of builders from reaching into each other. */
@DslMarker
@Target(AnnotationTarget.CLASS)
public annotation class PhasegateDsl

/** What runs a phase of the host's. */
internal sealed interface Hosted {
    class Suspending(val phase: Phase) : Hosted

    class Blocking(val phase: BlockingPhase) : Hosted
}

/** An ordered list of phases, each with a JSON Schema (draft 2020-12) for its config. It is immutable. */
public class Pipeline internal constructor(
    /** Its id, which campaigns keep. */
    public val id: String,
    /** The names of its phases, in order. */
    public val phases: List<String>,
    internal val definition: JsonObject,
    internal val hosted: Map<String, Hosted>,
) {
    override fun toString(): String = "Pipeline($id: ${phases.joinToString(" → ")})"

    /** Makes pipelines. */
    public companion object {
        /** The reference pipeline: domain generation, DNS validation, HTTP validation, analysis. */
        @JvmStatic
        public fun leadGeneration(): Pipeline {
            val pipeline = builder("lead_generation", "Lead generation")
            builtinPhases().forEach { pipeline.builtin(it) }
            return pipeline.build()
        }

        /** The names of the built-in phases, in the order of [leadGeneration]. */
        @JvmStatic
        public fun builtinPhases(): List<String> {
            load()
            return io.phasegate.internal.builtinPhases()
        }

        /** Begins a pipeline: 1 to 64 characters of `a-z`, `0-9` and `_` for its [id], and a [title] for people. */
        @JvmStatic
        @JvmOverloads
        public fun builder(id: String, title: String = ""): PipelineBuilder = PipelineBuilder(id, title)
    }
}

/** A pipeline of the phases that [define] adds. */
public fun Pipeline(id: String, title: String = "", define: PipelineBuilder.() -> Unit): Pipeline =
    Pipeline.builder(id, title).apply(define).build()

/** Defines a pipeline. The order of the calls is the order of the phases. The engine checks the rules when it opens. */
@PhasegateDsl
public class PipelineBuilder internal constructor(private val id: String, private val title: String) {
    private val phases = mutableListOf<JsonObject>()
    private val names = mutableListOf<String>()
    private val hosted = mutableMapOf<String, Hosted>()
    private val kinds = mutableListOf<JsonObject>()

    /**
     * Adds a phase of suspending code, as a function: see [Phase.run].
     *
     * [schema] describes its config; unless given, any object will do. [options] are what else the pipeline says of it. An attempt
     * that neither commits nor tells of progress for [jobTimeout] is ended, and the phase fails with the code `job_expired`; unless
     * given, a phase may be silent for ever.
     *
     * @throws InvalidArgument if a timeout is shorter than a millisecond.
     */
    public fun phase(
        name: String,
        schema: JsonObject = ANY_OBJECT,
        options: PhaseOptions = PhaseOptions(),
        jobTimeout: Duration? = null,
        run: suspend (PhaseContext) -> Any?,
    ): PipelineBuilder = phase(name, FunctionPhase(run), schema, options, jobTimeout)

    /** Adds a phase of suspending code, as an object: else as with a function. */
    public fun phase(
        name: String,
        phase: Phase,
        schema: JsonObject = ANY_OBJECT,
        options: PhaseOptions = PhaseOptions(),
        jobTimeout: Duration? = null,
    ): PipelineBuilder = host(name, schema, options, jobTimeout, Hosted.Suspending(phase))

    /** Adds a phase of blocking code, which runs in a thread of its own: else as [phase]. */
    @JvmOverloads
    public fun blockingPhase(
        name: String,
        schema: JsonObject = ANY_OBJECT,
        options: PhaseOptions = PhaseOptions(),
        jobTimeout: Duration? = null,
        phase: BlockingPhase,
    ): PipelineBuilder = host(name, schema, options, jobTimeout, Hosted.Blocking(phase))

    /** Adds a built-in phase: one of [Pipeline.builtinPhases]. */
    @JvmOverloads
    public fun builtin(name: String, options: PhaseOptions = PhaseOptions()): PipelineBuilder = apply {
        phases += JsonObject(mapOf("builtin" to JsonPrimitive(name)) + options.manifest())
        names += name
    }

    /** Adds a kind of resource, which configs refer to by a string with `"x-phasegate-resource": kind` in their schema. */
    @JvmOverloads
    public fun resourceKind(kind: String, schema: JsonObject, title: String = ""): PipelineBuilder = apply {
        kinds += buildJsonObject {
            put("kind", JsonPrimitive(kind))
            put("title", JsonPrimitive(title))
            put("schema", schema)
        }
    }

    /** The pipeline as it is now. */
    public fun build(): Pipeline {
        val definition = buildJsonObject {
            put("id", JsonPrimitive(id))
            put("title", JsonPrimitive(title))
            put("phases", JsonArray(phases.toList()))
            put("resourceKinds", JsonArray(kinds.toList()))
        }
        return Pipeline(id, names.toList(), definition, hosted.toMap())
    }

    private fun host(name: String, schema: JsonObject, options: PhaseOptions, jobTimeout: Duration?, runner: Hosted) = apply {
        val phase = buildJsonObject {
            put("name", JsonPrimitive(name))
            put("configSchema", schema)
            // A function answers neither; asking it would cost a turn through the host for each config.
            val answers = mapOf("check" to "check", "can_continue" to "canContinue").filterValues { runner.overrides(it) }
            put("answers", JsonArray(answers.keys.map { JsonPrimitive(it) }))
            limit(jobTimeout)?.let { put("jobTimeoutMs", it) }
        }
        phases += JsonObject(phase + options.manifest())
        names += name
        hosted[name] = runner
    }

    private companion object {
        private val ANY_OBJECT = buildJsonObject { put("type", JsonPrimitive("object")) }

        private fun Hosted.overrides(method: String): Boolean {
            val (port, phase) = when (this) {
                is Hosted.Suspending -> Phase::class.java to phase
                is Hosted.Blocking -> BlockingPhase::class.java to phase
            }
            val declared = port.methods.first { it.name == method }
            return phase.javaClass.getMethod(method, *declared.parameterTypes).declaringClass != port
        }
    }
}
