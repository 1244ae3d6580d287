package io.phasegate.tests

import io.phasegate.Activity
import io.phasegate.CampaignStatus
import io.phasegate.Closed
import io.phasegate.ConfigInvalid
import io.phasegate.Conflict
import io.phasegate.Damaged
import io.phasegate.Fenced
import io.phasegate.Held
import io.phasegate.InvalidArgument
import io.phasegate.Mode
import io.phasegate.NotFound
import io.phasegate.OnSkip
import io.phasegate.PhaseStatus
import io.phasegate.PhasegateException
import io.phasegate.PreflightFailed
import io.phasegate.Rejected
import io.phasegate.Reported
import io.phasegate.ResourceInvalid
import io.phasegate.SkipReads
import io.phasegate.StopReason
import io.phasegate.StorageFailed
import io.phasegate.Unexpected
import io.phasegate.UnknownPhase
import io.phasegate.internal.HostException
import io.phasegate.json
import io.phasegate.jsonObject
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.flow.toList
import kotlinx.serialization.ExperimentalSerializationApi
import kotlinx.serialization.descriptors.elementNames
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.jsonArray
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive
import kotlinx.serialization.serializer

private fun words(list: JsonElement): List<String> = list.jsonArray.map { it.jsonPrimitive.content }

/** A call that is refused with a code. */
private class Call(val code: String, val make: suspend () -> Any)

/** The words and codes of this package are those of `schemas/words.json` and `schemas/codes.json`, in both directions. */
class WordsTest {
    private val lists = schema("words.json").jsonObject.mapValues { (_, list) -> words(list) }
    private val codes = schema("codes.json").jsonArray.map { it.jsonObject }.associateBy { it.getValue("code").jsonPrimitive.content }

    private val classes = mapOf(
        "closed" to Closed::class,
        "config_invalid" to ConfigInvalid::class,
        "conflict" to Conflict::class,
        "damaged" to Damaged::class,
        "fenced" to Fenced::class,
        "held" to Held::class,
        "interrupted" to CancellationException::class,
        "invalid_argument" to InvalidArgument::class,
        "not_found" to NotFound::class,
        "preflight_failed" to PreflightFailed::class,
        "rejected" to Rejected::class,
        "resource_invalid" to ResourceInvalid::class,
        "storage_failed" to StorageFailed::class,
        "unexpected" to Unexpected::class,
        "unknown_phase" to UnknownPhase::class,
    )

    @Test
    fun `an enum has the words of the engine in their order`() {
        assertEquals(lists["activity"], Activity.entries.map { it.word })
        assertEquals(lists["campaign_status"], CampaignStatus.entries.map { it.word })
        assertEquals(lists["mode"], Mode.entries.map { it.word })
        assertEquals(lists["on_skip"], OnSkip.entries.map { it.word })
        assertEquals(lists["phase_status"], PhaseStatus.entries.map { it.word })
        assertEquals(lists["reported"], Reported.entries.map { it.word })
        assertEquals(lists["skip_reads"], SkipReads.entries.map { it.word })
        assertEquals(lists["stop_reason"], StopReason.entries.map { it.word })
    }

    @Test
    @OptIn(ExperimentalSerializationApi::class)
    fun `an enum is written and read by its words`() {
        assertEquals(lists["activity"], serializer<Activity>().descriptor.elementNames.toList())
        assertEquals(lists["campaign_status"], serializer<CampaignStatus>().descriptor.elementNames.toList())
        assertEquals(lists["mode"], serializer<Mode>().descriptor.elementNames.toList())
        assertEquals(lists["on_skip"], serializer<OnSkip>().descriptor.elementNames.toList())
        assertEquals(lists["phase_status"], serializer<PhaseStatus>().descriptor.elementNames.toList())
        assertEquals(lists["skip_reads"], serializer<SkipReads>().descriptor.elementNames.toList())
        assertEquals(lists["stop_reason"], serializer<StopReason>().descriptor.elementNames.toList())
    }

    @Test
    fun `each code has the class that the engine says`() {
        // They are internal, and these tests use the packaged jar.
        val inside = Class.forName("io.phasegate.PhasegateExceptionKt")
        val translated = inside.getMethod("translated", HostException::class.java)
        val known = inside.getMethod("getBY_CODE").invoke(null) as Map<*, *>
        assertEquals(codes.keys, known.keys)
        assertEquals(classes.keys, lists.getValue("error_class").toSet())
        val expected = codes.mapValues { (_, one) -> classes.getValue(one.getValue("class").jsonPrimitive.content).java }
        assertEquals<Map<String, Class<*>>>(expected, codes.mapValues { (code, _) -> translated.invoke(null, HostException.Failed(code, "why", "{}")).javaClass })
    }

    @Test
    fun `errors cross with the members of their code and views with every command`() = test {
        inMemory({ pipeline("words") { phase("collect", jsonObject("""{"type": "object", "maxProperties": 0}""")) { } } }) { engine ->
            val campaign = engine.create("spring")
            val calls = listOf(
                Call("preflight_failed") { campaign.start("collect") },
                Call("unknown_phase") { campaign.start("nowhere") },
                Call("not_started") { campaign.restart("collect") },
                Call("not_running") { campaign.pause() },
                Call("not_paused") { campaign.resume() },
                Call("config_invalid") { campaign.configure("collect", json("""{"one": 1}""")) },
                Call("too_large") { campaign.configure("collect", JsonPrimitive("x".repeat(300_000))) },
                Call("too_deep") { campaign.configure("collect", nested(101)) },
                Call("not_found") { engine.campaign("00000000-0000-7000-8000-000000000000") },
                Call("unknown_resource_kind") { engine.putResource("pencil", "one", json("{}")) },
            )
            for (call in calls) {
                val error = assertFailsWith<PhasegateException>(call.code) { call.make() }
                assertEquals(call.code, error.code)
                assertEquals(words(codes.getValue(call.code).getValue("members")), error.data.keys.sorted(), call.code)
            }
            val commands = campaign.view().next.map { it.command }.toSet()
            assertEquals(lists.getValue("command").toSet(), commands)
        }
    }

    @Test
    fun `every event that is read has a type of the engine`() = test {
        inMemory({ pipeline("words") { phase("collect") { } } }) { engine ->
            val campaign = engine.started("collect" to "{}")
            campaign.atRest()
            val types = campaign.events(follow = false).toList().map { it.type }
            assertEquals(listOf("campaign_created", "phase_configured", "phase_started", "phase_completed", "campaign_completed"), types)
            assertEquals(emptySet(), types.toSet() - lists.getValue("event_type").toSet())
        }
    }
}
