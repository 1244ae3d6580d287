package io.phasegate

import com.sun.jna.CallbackThreadInitializer
import com.sun.jna.Native
import io.phasegate.internal.HostException
import io.phasegate.internal.HostJob
import io.phasegate.internal.exit
import io.phasegate.internal.uniffiEnsureInitialized
import io.phasegate.internal.uniffiRustFutureContinuationCallbackImpl
import java.nio.charset.CharacterCodingException
import java.util.concurrent.CompletableFuture
import java.util.concurrent.ExecutionException
import java.util.concurrent.Executors
import kotlin.coroutines.ContinuationInterceptor
import kotlin.coroutines.CoroutineContext
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.asCoroutineDispatcher
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.launch
import kotlinx.coroutines.withContext

/**
 * The one thread of this package's own coroutines, which never wait for a host's: phases that block every thread of
 * `Dispatchers.Default` don't keep the engine from noticing that they are over.
 */
internal val engineThread: CoroutineDispatcher =
    Executors.newSingleThreadExecutor { Thread(it, "phasegate").apply { isDaemon = true } }.asCoroutineDispatcher()

private val library: Throwable? by lazy {
    try {
        uniffiEnsureInitialized()
        // A Rust thread becomes a daemon of the JVM at its first callback, and stays one until it ends. JNA would attach and
        // detach it, with a new Thread object, for each.
        Native.setCallbackThreadInitializer(
            uniffiRustFutureContinuationCallbackImpl,
            CallbackThreadInitializer(true, false, "phasegate-native"),
        )
        // Work that is under way when the process ends must not call into a JVM that is gone.
        Runtime.getRuntime().addShutdownHook(Thread(::exit, "phasegate-exit"))
        null
    } catch (error: Throwable) { // A LinkageError or, when the process ends already, an IllegalStateException.
        error
    }
}

/** Loads the native library, once. */
internal fun load() {
    when (val error = library) {
        null -> return
        is IllegalStateException -> throw Closed("the process ends: no engine can be opened any more")
        else -> throw Unexpected(
            "the native library cannot be loaded on ${System.getProperty("os.name")}/${System.getProperty("os.arch")}: " +
                "use a phasegate.jar that holds one for it (${error.message})",
            "native_library_missing",
            cause = error,
        )
    }
}

/**
 * Awaits a call into Rust and translates its error.
 *
 * A Rust thread resumes the caller. Where no dispatcher takes the caller off that thread, `Dispatchers.Default` does: code of
 * the host never runs on a thread of the engine.
 */
internal suspend fun <T> waited(call: suspend () -> T): T =
    if (resumesAnywhere(currentCoroutineContext())) withContext(Dispatchers.Default) { translating { call() } } else translating { call() }

private fun resumesAnywhere(context: CoroutineContext): Boolean =
    when (val interceptor = context[ContinuationInterceptor]) {
        null -> true
        is CoroutineDispatcher -> !interceptor.isDispatchNeeded(context)
        else -> false
    }

/** Calls into Rust and translates its error. */
internal inline fun <T> translating(call: () -> T): T = try {
    call()
} catch (error: HostException) {
    throw translated(error)
} catch (error: CharacterCodingException) {
    throw InvalidArgument("a text holds half of a surrogate pair: it has no form in UTF-8", cause = error)
}

/** A text that crosses the boundary, whatever it holds. */
internal fun String.wellFormed(): String = encodeToByteArray().decodeToString()

/** Calls a job; one that is over is fenced, whether Rust knows it yet or not. */
internal inline fun <T> HostJob.translating(call: HostJob.() -> T): T = try {
    io.phasegate.translating { call() }
} catch (error: CancellationException) {
    throw error // It is an IllegalStateException too.
} catch (error: IllegalStateException) {
    throw if (uniffiIsDestroyed) Fenced("the attempt is over: nothing that it does counts any more") else error
}

/** Waits in a thread for a call into Rust. An interrupt doesn't end the wait, which is short, and is not lost. */
internal fun <T> blocked(call: suspend () -> T): T {
    val outcome = CompletableFuture<T>()
    CoroutineScope(engineThread).launch {
        try {
            outcome.complete(call())
        } catch (error: Throwable) {
            outcome.completeExceptionally(error)
        }
    }
    var interrupted = false
    try {
        while (true) {
            try {
                return outcome.get()
            } catch (_: InterruptedException) {
                interrupted = true
            } catch (error: ExecutionException) {
                throw error.cause ?: error
            }
        }
    } finally {
        if (interrupted) Thread.currentThread().interrupt()
    }
}

/** A count or index for Rust, where it has no sign. */
internal fun unsigned(what: String, value: Long): ULong =
    if (value < 0) throw InvalidArgument("the $what is $value: it cannot be negative") else value.toULong()
