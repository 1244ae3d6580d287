package io.phasegate

import io.phasegate.internal.HostEngine
import io.phasegate.internal.HostJob
import io.phasegate.internal.JobKind
import java.util.concurrent.atomic.AtomicInteger
import kotlin.coroutines.CoroutineContext
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.CoroutineExceptionHandler
import kotlinx.coroutines.CoroutineName
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Deferred
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.launch
import kotlinx.coroutines.selects.select
import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonNull
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.buildJsonObject
import kotlinx.serialization.json.decodeFromJsonElement
import kotlinx.serialization.json.jsonObject

/** Does the jobs of one engine: runs its phases that are the host's. */
internal class Worker(
    private val engine: HostEngine,
    pipelines: List<Pipeline>,
    /** Where suspending phases run. */
    private val dispatcher: CoroutineContext,
) {
    private val hosted = pipelines.flatMap { one -> one.hosted.map { (name, phase) -> (one.id to name) to phase } }.toMap()
    private val strays = AtomicInteger()
    private val taking = CoroutineScope(engineThread).launch { take() }

    /** How many threads and coroutines still work on an attempt that ended without them. */
    val abandoned: Int get() = strays.get()

    /** Waits until every job is answered, after the engine was shut down. */
    suspend fun finished(): Unit = taking.join()

    private suspend fun take() {
        try {
            coroutineScope {
                while (true) {
                    val job = translating { engine.nextJob() } ?: break
                    launch { job.use { taken -> answer(taken) } }
                }
            }
        } catch (_: Closed) {
            // The process ends.
        } finally {
            // Without a host its phases would wait forever. After a shutdown this does nothing.
            engine.abandon()
        }
    }

    /** A job that is closed without an answer is a failed one: so nothing that goes wrong here is lost. */
    private suspend fun answer(job: HostJob) {
        try {
            val phase = hosted.getValue(job.pipeline() to job.phase())
            coroutineScope {
                when (job.kind()) {
                    JobKind.RUN -> run(job, phase)
                    JobKind.CHECK -> check(job, phase)
                    JobKind.CAN_CONTINUE -> canContinue(job, phase)
                }
            }
        } catch (error: Throwable) {
            job.fail("exception", sentence(error))
        }
    }

    private suspend fun CoroutineScope.run(job: HostJob, phase: Hosted) {
        val outcome = outcome(
            job,
            phase,
            suspending = { it.run(PhaseContext(job)) },
            blocking = { it.run(BlockingPhaseContext(PhaseContext(job))) },
        )
        outcome?.fold(onSuccess = { job.answer(it) }, onFailure = { job.answer(it) })
    }

    private fun HostJob.answer(returned: Any?) {
        try {
            when (val outcome = outcomeOf(returned)) {
                is Outcome.Completed -> translating { complete(outcome.summary.toString()) }
                is Outcome.Failed -> fail(outcome.code.wellFormed(), outcome.message.wellFormed())
                Outcome.Deferred -> defer()
            }
        } catch (error: InvalidArgument) {
            fail("summary_unwritable", error.message)
        } catch (error: Throwable) { // What a serializer of the host's throws is not known.
            fail("summary_unwritable", "the summary has no JSON form: ${sentence(error)}")
        }
    }

    private fun HostJob.answer(thrown: Throwable) {
        when {
            thrown is PhaseFailed -> fail(thrown.code.wellFormed(), thrown.message.wellFormed())
            thrown is Fenced -> interrupted()
            // Thrown by a phase of its own accord it is a failure like any other.
            (thrown is CancellationException || thrown is InterruptedException) && isCancelled() -> interrupted()
            else -> fail("exception", sentence(thrown))
        }
    }

    private suspend fun CoroutineScope.check(job: HostJob, phase: Hosted) {
        val outcome = outcome(
            job,
            phase,
            suspending = { configOf(job).let { (config, resources) -> it.check(config, resources) } },
            blocking = { configOf(job).let { (config, resources) -> it.check(config, resources) } },
        ) ?: return
        val problems = outcome.mapCatching { found -> JsonArray(found.map(::elementOf)).toString() }
        // A check that fails has not passed.
        job.problems(problems.getOrElse { JsonArray(listOf(elementOf(FieldProblem("", "check_failed", sentence(it))))).toString() })
    }

    private fun configOf(job: HostJob): Pair<JsonElement, Map<String, Map<String, JsonElement>>> {
        val input = given(job.input()).jsonObject
        return input.getValue("config") to documentsOf(input)
    }

    private fun elementOf(problem: FieldProblem): JsonElement = buildJsonObject {
        put("pointer", JsonPrimitive(problem.pointer.wellFormed()))
        put("keyword", JsonPrimitive(problem.keyword.wellFormed()))
        put("message", JsonPrimitive(problem.message.wellFormed()))
    }

    private suspend fun CoroutineScope.canContinue(job: HostJob, phase: Hosted) {
        val outcome = outcome(
            job,
            phase,
            suspending = { it.canContinue(changeOf(job)) },
            blocking = { it.canContinue(changeOf(job)) },
        ) ?: return
        job.canContinue(outcome.getOrDefault(false))
    }

    private fun changeOf(job: HostJob): InputChange {
        val input = given(job.input()).jsonObject
        return InputChange(
            oldConfig = input.getValue("oldConfig"),
            newConfig = input.getValue("newConfig"),
            changedResources = documents.decodeFromJsonElement(input.getValue("changedResources")),
            checkpoint = input["checkpoint"].takeUnless { it is JsonNull },
        )
    }

    /**
     * Runs code of the host for a job, asks it to come to rest when the engine does, and gives how it ended; `null` when the
     * engine didn't wait for that.
     */
    private suspend fun <T> CoroutineScope.outcome(
        job: HostJob,
        hosted: Hosted,
        suspending: suspend (Phase) -> T,
        blocking: (BlockingPhase) -> T,
    ): Result<T>? {
        val work = when (hosted) {
            // Phases that block their dispatcher don't keep a config from being checked.
            is Hosted.Suspending -> inCoroutine(job.phase(), if (job.kind() == JobKind.RUN) dispatcher else Dispatchers.IO) { suspending(hosted.phase) }
            is Hosted.Blocking -> inThread(job.phase()) { blocking(hosted.phase) }
        }
        // It ends when the job does, which is after the answer.
        val ended = launch {
            job.cancelled()
            work.rest()
            job.ended()
        }
        return select {
            work.outcome.onAwait { it }
            ended.onJoin {
                strays.incrementAndGet()
                work.outcome.invokeOnCompletion { strays.decrementAndGet() }
                null
            }
        }
    }

    /** Code of the host under way. */
    private class Work<T>(val outcome: Deferred<Result<T>>, val rest: () -> Unit)

    private fun <T> inCoroutine(phase: String, on: CoroutineContext, code: suspend () -> T): Work<T> {
        var result: Result<T>? = null
        // Failures are outcomes: none of them is an uncaught one.
        val quiet = CoroutineExceptionHandler { _, _ -> }
        val outcome = CompletableDeferred<Result<T>>()
        val running = CoroutineScope(on + quiet + CoroutineName("phasegate $phase")).launch { result = runCatching { code() } }
        // At its completion the coroutines that it started are over too, and the cause is one of theirs.
        running.invokeOnCompletion { cause ->
            val own = result
            outcome.complete(
                when {
                    own == null -> Result.failure(cause ?: CancellationException("it never ran"))
                    own.isFailure || cause == null || cause is CancellationException -> own
                    else -> Result.failure(cause)
                },
            )
        }
        return Work(outcome) { running.cancel() }
    }

    private fun <T> inThread(phase: String, code: () -> T): Work<T> {
        val outcome = CompletableDeferred<Result<T>>()
        // A daemon, so that a phase that never returns doesn't keep the process from its end.
        val thread = Thread({ outcome.complete(runCatching(code)) }, "phasegate $phase").apply { isDaemon = true }
        thread.start()
        return Work(outcome) { thread.interrupt() }
    }
}

private fun sentence(error: Throwable): String = runCatching {
    val name = error.javaClass.simpleName.ifEmpty { error.javaClass.name }
    error.message.orEmpty().let { if (it.isEmpty()) name else "$name: $it" }.wellFormed()
}.getOrDefault("an exception without a sentence")
