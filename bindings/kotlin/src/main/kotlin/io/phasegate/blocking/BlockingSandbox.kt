package io.phasegate.blocking

import io.phasegate.Sandbox
import io.phasegate.json
import kotlinx.coroutines.runBlocking

/** A [Sandbox] for Java and for other blocking code. */
public class BlockingSandbox private constructor(private val sandbox: Sandbox) : AutoCloseable {
    /** See [Sandbox.dnsAddress]. */
    public val dnsAddress: String get() = sandbox.dnsAddress

    /** See [Sandbox.httpAddress]. */
    public val httpAddress: String get() = sandbox.httpAddress

    /** The document of a persona, a JSON text, pointed at the sandbox: see [Sandbox.point]. */
    public fun point(kind: String, document: String): String = sandbox.point(kind, json(document)).toString()

    /** Stops it, and returns when its ports are free. */
    override fun close(): Unit = sandbox.close()

    /** Starts sandboxes. */
    public companion object {
        /** Starts one. */
        @JvmStatic
        public fun start(): BlockingSandbox = BlockingSandbox(runBlocking { Sandbox.start() })
    }
}
