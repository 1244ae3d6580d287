package io.phasegate.examples

import io.ktor.server.cio.CIO
import io.ktor.server.engine.embeddedServer
import io.phasegate.jsonObject
import java.net.URI
import java.net.http.HttpClient
import java.net.http.HttpRequest
import java.net.http.HttpRequest.BodyPublishers
import java.net.http.HttpResponse
import java.net.http.HttpResponse.BodyHandlers
import java.nio.file.Path
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertTrue
import kotlinx.coroutines.runBlocking
import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.jsonArray
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive
import org.junit.jupiter.api.io.TempDir

class ReportsAppTest {
    private val client = HttpClient.newHttpClient()
    private var port = 0

    @Test
    fun `a report is created, refused, configured, started, followed and read over HTTP`(@TempDir folder: Path) {
        val id = served(folder) {
            val id = call("POST", "/reports", 201, """{"name": "march"}""").text("id")
            val refused = call("POST", "/reports/$id/start", 409)
            assertEquals("preflight_failed", refused.text("code"))
            assertEquals(JsonArray(listOf(JsonPrimitive("collect"), JsonPrimitive("add"))), refused["missingPhases"])
            val wrong = call("PUT", "/reports/$id/configs", 400, """{"collect": {"numbers": "many"}}""")
            assertEquals("/numbers", wrong.getValue("errors").jsonArray.single().jsonObject.text("pointer"))
            assertEquals("true", call("PUT", "/reports/$id/configs", 200, """{"collect": {"numbers": [1, 2.5]}, "add": {}}""").text("ready"))
            assertEquals("true", call("POST", "/reports/$id/start", 202).text("changed"))
            assertEquals(
                listOf("phase_started", "phase_completed", "phase_auto_started", "phase_completed", "campaign_completed"),
                followed(id).dropWhile { it != "phase_started" },
            )
            id
        }
        // It is all there when the app runs again.
        served(folder) {
            val view = call("GET", "/reports/$id", 200)
            assertEquals("completed", view.text("status"))
            assertEquals("3.5", view.getValue("phases").jsonArray[1].jsonObject.text("summary"))
            assertEquals("[2.5]", "${call("GET", "/reports/$id/records/collect?from=1", 200)["records"]}")
            call("GET", "/reports/nobody", 404)
        }
    }

    private fun <T> served(folder: Path, body: () -> T): T {
        val engine = runBlocking { openReports(folder.resolve("reports.redb").toString()) }
        val server = embeddedServer(CIO, port = 0, host = "127.0.0.1") { reports(engine) }.start()
        try {
            port = runBlocking { server.engine.resolvedConnectors().single().port }
            return body()
        } finally {
            server.stop(100, 1_000)
        }
    }

    private fun request(method: String, path: String, body: String? = null): HttpRequest =
        HttpRequest.newBuilder(URI("http://127.0.0.1:$port$path")).header("Content-Type", "application/json")
            .method(method, body?.let { BodyPublishers.ofString(it) } ?: BodyPublishers.noBody()).build()

    private fun call(method: String, path: String, status: Int, body: String? = null): JsonObject {
        val response: HttpResponse<String> = client.send(request(method, path, body), BodyHandlers.ofString())
        assertEquals(status, response.statusCode(), response.body())
        return jsonObject(response.body())
    }

    private fun JsonObject.text(name: String) = getValue(name).jsonPrimitive.content

    /** The types of a report's events, until it is completed. */
    private fun followed(id: String): List<String> {
        val types = mutableListOf<String>()
        client.send(request("GET", "/reports/$id/events"), BodyHandlers.ofLines()).body().use { lines ->
            for (line in lines) {
                if (line.startsWith("event: ")) types += line.removePrefix("event: ")
                if (types.lastOrNull() == "campaign_completed") break
            }
        }
        assertTrue(types.isNotEmpty())
        return types
    }
}
