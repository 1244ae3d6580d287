package io.phasegate.examples

import java.nio.file.Path
import java.util.concurrent.TimeUnit
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertTrue
import org.junit.jupiter.api.io.TempDir

class TwoLanguagesTest {
    @Test
    fun `killed in the middle of each phase and run again it finishes with each record once`(@TempDir folder: Path) {
        val store = folder.resolve("shops.redb").toString()
        assertEquals(9, run(store, killedAt = "bashop").first)
        assertEquals(9, run(store, killedAt = "\"ccshop.test\"").first)
        val (code, printed) = run(store)
        val names = listOf("a", "b", "c").flatMap { one -> listOf("a", "b", "c").map { "$one${it}shop.test" } }
        assertEquals(listOf("completed") + names.map { """{"domain":"$it","length":11}""" }, printed.lines())
        assertEquals(0, code)
    }

    private fun run(store: String, killedAt: String? = null): Pair<Int, String> {
        val java = Path.of(System.getProperty("java.home"), "bin", "java").toString()
        val classes = System.getProperty("surefire.test.class.path") ?: System.getProperty("java.class.path")
        val command = ProcessBuilder(java, "-cp", classes, "io.phasegate.examples.TwoLanguagesKt", store).redirectErrorStream(true)
        killedAt?.let { command.environment()["KILLED_AT"] = it }
        val process = command.start()
        val printed = process.inputStream.bufferedReader().readText().trim()
        assertTrue(process.waitFor(60, TimeUnit.SECONDS), "it hangs: $printed")
        return process.exitValue() to printed
    }
}
