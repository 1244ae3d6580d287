package io.phasegate

import io.phasegate.internal.HostSandbox
import kotlinx.coroutines.NonCancellable
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withContext
import kotlinx.serialization.json.JsonElement

/**
 * A DNS server and a web site on free ports of 127.0.0.1, to try the built-in phases against. They answer for every name
 * under `test`, by a hash of the name, so the same every time.
 *
 * ```
 * Sandbox.start().use { sandbox ->
 *     engine.putResource("dns_persona", "fast", sandbox.point("dns_persona", persona))
 * }
 * ```
 *
 * After its end its methods throw [Closed].
 */
public class Sandbox private constructor(private val host: HostSandbox) : AutoCloseable {
    /** `127.0.0.1:PORT` of its DNS server. */
    public val dnsAddress: String get() = translating { host.dnsAddress() }

    /** `127.0.0.1:PORT` of its web site. */
    public val httpAddress: String get() = translating { host.httpAddress() }

    /** The document of a persona, pointed at the sandbox; a document of another kind is given back as it is. */
    public fun point(kind: String, document: JsonElement): JsonElement {
        val text = textOf("document", document)
        return given(translating { host.point(kind, text) })
    }

    /** Stops it, and returns when its ports are free. Stopping it again does nothing. */
    public suspend fun shutdown(): Unit = withContext(NonCancellable) { waited { host.shutdown() } }

    /** The same as [shutdown], for `use`: it blocks its thread. */
    override fun close(): Unit = runBlocking { shutdown() }

    /** Starts sandboxes. */
    public companion object {
        /** Starts one. */
        @JvmStatic
        public suspend fun start(): Sandbox {
            load()
            return Sandbox(waited { HostSandbox.start() })
        }
    }
}
