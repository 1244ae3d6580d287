package io.phasegate.tests

import io.phasegate.CampaignStatus
import io.phasegate.EngineBuilder
import io.phasegate.Event
import io.phasegate.InvalidArgument
import io.phasegate.PhaseContext
import io.phasegate.checkpoint
import io.phasegate.commit
import io.phasegate.config
import io.phasegate.configure
import io.phasegate.json
import io.phasegate.jsonObject
import io.phasegate.records
import io.phasegate.upstream
import kotlin.test.Test
import kotlin.test.assertContains
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertNotNull
import kotlin.test.assertTrue
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.toList
import kotlinx.serialization.Serializable
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonObject

@Serializable
private data class Shop(val name: String, val goods: List<String>)

@Serializable
private data class Order(val shop: String, val item: String)

@Serializable
private data class Total(val orders: Int)

private fun EngineBuilder.orders() {
    pipeline("orders") {
        phase("collect") { ctx ->
            val shop = ctx.config<Shop>()
            val done = ctx.checkpoint<Total>()?.orders ?: 0
            ctx.commit(shop.goods.drop(done).map { Order(shop.name, it) }, Total(shop.goods.size), done = 2)
            Total(shop.goods.size)
        }
        blockingPhase("check") { ctx -> ctx.config<Map<String, Int>>() }
        phase("count", run = ::count)
    }
}

private suspend fun count(ctx: PhaseContext): Total = Total(ctx.upstream<Order>().toList().size)

class TypedTest {
    @Test
    fun `configs, records, checkpoints and summaries are values of the host's classes`() = test {
        inMemory({ orders() }) { engine ->
            val campaign = engine.create("spring")
            campaign.configure("collect", Shop("corner", listOf("tea", "ink")))
            campaign.configure("check", mapOf("most" to 3))
            campaign.configure("count", jsonObject("{}"))
            assertEquals(Shop("corner", listOf("tea", "ink")), campaign.config<Shop>("collect"))
            for (phase in listOf("collect", "check", "count")) {
                campaign.start(phase)
                campaign.atRest()
            }
            val view = campaign.view()
            assertEquals(CampaignStatus.COMPLETED, view.status)
            assertEquals(json("""{"orders": 2}"""), view.phase("collect").summary)
            assertEquals(json("""{"most": 3}"""), view.phase("check").summary)
            assertEquals(listOf(Order("corner", "tea"), Order("corner", "ink")), campaign.records<Order>("collect").toList())
        }
    }

    @Test
    fun `a config of another shape is a failed phase that says so`() = test {
        inMemory({ orders() }) { engine ->
            val campaign = engine.started("collect" to """{"name": 1}""", "check" to "{}", "count" to "{}")
            val failure = assertNotNull(campaign.atRest().phase("collect").failure)
            assertTrue("JsonDecodingException" in failure.message && "\$.name" in failure.message, failure.message)
        }
    }

    @Test
    fun `what is shown is written as JSON as every other surface writes it`() = test {
        inMemory({ orders() }) { engine ->
            val view = engine.create("spring").view()
            val written = Json.encodeToJsonElement(io.phasegate.CampaignView.serializer(), view) as JsonObject
            assertEquals(json(""""step_by_step""""), written["mode"])
            assertEquals(json("\"${view.createdAt}\""), written["createdAt"])
            val event = engine.events().first()
            val text = Json.encodeToString(Event.serializer(), event)
            assertEquals(event, Json.decodeFromString(Event.serializer(), text))
            assertEquals(json("1"), jsonObject(text)["seq"])
        }
    }

    @Test
    fun `texts that are no JSON are refused as arguments`() {
        for (text in listOf("", "{", "[1", "{]", "{\"a\": }")) assertFailsWith<InvalidArgument>(text) { json(text) }
        assertFailsWith<InvalidArgument> { jsonObject("[]") }
        assertFailsWith<InvalidArgument> { io.phasegate.Ticket.fromJson("""{"campaign": 1}""") }
    }

    @Test
    fun `a text with a member that is given twice is refused by its name and place`() {
        val refused = assertFailsWith<InvalidArgument> { json("""{"draw": {"from": 1, "from": 2}}""") }
        assertContains(refused.message.orEmpty(), """the member "from" is given twice, at /draw/from""")
        assertEquals(jsonObject("""{"from": 1}"""), json("\uFEFF{\"from\": 1}"))
    }
}
