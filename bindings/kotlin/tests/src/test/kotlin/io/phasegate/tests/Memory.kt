package io.phasegate.tests

import com.sun.jna.NativeLibrary
import com.sun.jna.Structure
import java.lang.management.ManagementFactory
import javax.management.ObjectName
import kotlinx.coroutines.delay

/**
 * The memory that is in use, counted by those who give it out: the reachable objects of each class by the JVM, and the bytes outside of
 * the heap by the C library. The sizes of the heap and of the process say less: they depend on what was collected, touched and kept for later.
 */
class Memory private constructor(
    /** The JVM's text as it is, so that keeping it adds no objects to the next count. */
    private val histogram: String,
    /** What was allocated outside of the heap and not by the JVM. `null` where the C library or the JVM doesn't tell. */
    private val nativeKib: Long?,
) {
    private fun objects(): Map<String, Long> = ROW.findAll(histogram).map { it.destructured }
        .groupBy({ (_, name) -> name }, { (count, _) -> count.toLong() })
        .mapValues { (_, counts) -> counts.sum() }

    private fun total(): Long = TOTAL.find(histogram)?.let { it.groupValues[1].toLong() } ?: error("the JVM counts otherwise: $histogram")

    /** The classes of which there are more objects than [before], by at least [least]. */
    fun moreObjects(before: Memory, least: Int): Map<String, Long> {
        val known = before.objects()
        return objects().mapValues { (name, now) -> now - (known[name] ?: 0) }.filterValues { it >= least }
    }

    /** How much more there is outside of the heap than [before]; 0 where nobody tells. */
    fun moreNativeKib(before: Memory): Long = if (nativeKib == null || before.nativeKib == null) 0 else nativeKib - before.nativeKib

    companion object {
        /** A row like `   1:   2345   67890  java.lang.String (java.base@17)`. */
        private val ROW = Regex("""(?m)^\s*\d+:\s+(\d+)\s+\d+\s+(\S+)""")
        private val TOTAL = Regex("""(?m)^Total\s+(\d+)""")

        /** `(malloc=123KB #4)`, once in each section of what the JVM uses. */
        private val ALLOCATED = Regex("""\(malloc=(\d+)KB""")
        private val DIAGNOSES = ObjectName("com.sun.management:type=DiagnosticCommand")
        private val mallinfo by lazy { runCatching { NativeLibrary.getProcess().getFunction("mallinfo2") }.getOrNull() }

        /** What is in use now. It collects first. */
        fun now(): Memory = Memory(diagnosis("gcClassHistogram"), nativeKib())

        /** The least that is in use within a moment: the cleaners of JNA, which free the memory of each call, come after the collector. */
        suspend fun settled(): Memory {
            val counts = List(5) {
                delay(100)
                now()
            }
            return Memory(counts.minBy { it.total() }.histogram, counts.mapNotNull { it.nativeKib }.minOrNull())
        }

        private fun diagnosis(command: String, vararg arguments: String): String = ManagementFactory.getPlatformMBeanServer()
            .invoke(DIAGNOSES, command, arrayOf(arguments), arrayOf(Array<String>::class.java.name)) as String

        private fun nativeKib(): Long? {
            val function = mallinfo ?: return null
            while (true) {
                val jvm = jvmKib() ?: return null
                val all = (function.invoke(Mallinfo.Returned::class.java, emptyArray()) as Mallinfo).run { uordblks + hblkhd } / 1024
                // Its compilers allocate much at a time.
                if (jvm == jvmKib()) return all - jvm
            }
        }

        /** What the JVM has allocated for itself. It keeps count with `-XX:NativeMemoryTracking=summary`. */
        private fun jvmKib(): Long? =
            ALLOCATED.findAll(diagnosis("vmNativeMemory", "summary", "scale=KB")).map { it.groupValues[1].toLong() }.toList().ifEmpty { null }?.sum()
    }
}

/** What `mallinfo2` of the GNU C library returns. In use are `uordblks` in all arenas, and `hblkhd` outside of them. */
@Structure.FieldOrder("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost")
internal open class Mallinfo : Structure() {
    class Returned : Mallinfo(), ByValue

    @JvmField var arena = 0L

    @JvmField var ordblks = 0L

    @JvmField var smblks = 0L

    @JvmField var hblks = 0L

    @JvmField var hblkhd = 0L

    @JvmField var usmblks = 0L

    @JvmField var fsmblks = 0L

    @JvmField var uordblks = 0L

    @JvmField var fordblks = 0L

    @JvmField var keepcost = 0L
}
