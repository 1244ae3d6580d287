package io.phasegate.examples

import io.ktor.http.HttpStatusCode
import io.ktor.serialization.kotlinx.json.json
import io.ktor.server.application.Application
import io.ktor.server.application.ApplicationStopped
import io.ktor.server.application.install
import io.ktor.server.cio.CIO
import io.ktor.server.engine.embeddedServer
import io.ktor.server.plugins.contentnegotiation.ContentNegotiation
import io.ktor.server.plugins.statuspages.StatusPages
import io.ktor.server.request.receive
import io.ktor.server.response.respond
import io.ktor.server.routing.get
import io.ktor.server.routing.post
import io.ktor.server.routing.put
import io.ktor.server.routing.routing
import io.ktor.server.sse.SSE
import io.ktor.server.sse.sse
import io.phasegate.ConfigInvalid
import io.phasegate.Engine
import io.phasegate.Event
import io.phasegate.InvalidArgument
import io.phasegate.Mode
import io.phasegate.NotFound
import io.phasegate.PhasegateException
import io.phasegate.PreflightFailed
import io.phasegate.Problem
import io.phasegate.config
import io.phasegate.jsonObject
import io.phasegate.upstream
import kotlinx.coroutines.flow.fold
import kotlinx.coroutines.runBlocking
import kotlinx.serialization.Serializable
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive

@Serializable
data class NewReport(val name: String)

@Serializable
data class Created(val id: String)

@Serializable
data class Numbers(val numbers: List<Double>)

@Serializable
data class Refused(val code: String, val message: String, val missingPhases: List<String> = emptyList(), val errors: List<Problem> = emptyList())

/** Opens the engine that the app embeds. What was running when the last process ended goes on. */
suspend fun openReports(path: String): Engine = Engine.open(path) {
    pipeline("reports") {
        val numbers = """{"type": "object", "required": ["numbers"], "properties": {"numbers": {"type": "array", "items": {"type": "number"}}}}"""
        phase("collect", jsonObject(numbers)) { ctx ->
            val collected = ctx.config<Numbers>().numbers
            ctx.commit(collected.drop(ctx.recordsBefore.toInt()).map { JsonPrimitive(it) })
        }
        phase("add") { ctx -> ctx.upstream<Double>().fold(0.0) { sum, number -> sum + number } }
    }
}

/** A web app whose reports are campaigns: they are configured first, started once, and looked at or followed. */
fun Application.reports(engine: Engine) {
    install(ContentNegotiation) { json() }
    install(SSE)
    install(StatusPages) {
        exception<PhasegateException> { call, error ->
            val status = when (error) {
                is NotFound -> HttpStatusCode.NotFound
                is ConfigInvalid, is InvalidArgument -> HttpStatusCode.BadRequest
                else -> HttpStatusCode.Conflict
            }
            val (missing, errors) = when (error) {
                is PreflightFailed -> error.missingPhases to error.errors
                is ConfigInvalid -> emptyList<String>() to error.errors
                else -> emptyList<String>() to emptyList()
            }
            call.respond(status, Refused(error.code, error.message, missing, errors))
        }
    }
    // Not a pause: what runs goes on when the file is opened again.
    monitor.subscribe(ApplicationStopped) { engine.close() }
    routing {
        post("/reports") {
            call.respond(HttpStatusCode.Created, Created(engine.create(call.receive<NewReport>().name, Mode.FULL_SEQUENCE).id))
        }
        put("/reports/{id}/configs") {
            val campaign = engine.campaign(call.parameters.getValue("id"))
            campaign.plan(call.receive<JsonObject>())
            call.respond(campaign.preflight())
        }
        get("/reports/{id}/preflight") { call.respond(engine.campaign(call.parameters.getValue("id")).preflight()) }
        post("/reports/{id}/start") {
            call.respond(HttpStatusCode.Accepted, engine.campaign(call.parameters.getValue("id")).start())
        }
        get("/reports/{id}") { call.respond(engine.campaign(call.parameters.getValue("id")).view()) }
        get("/reports/{id}/records/{phase}") {
            val from = call.request.queryParameters["from"]?.toLongOrNull() ?: 0
            call.respond(engine.campaign(call.parameters.getValue("id")).recordPage(call.parameters.getValue("phase"), from, limit = 100))
        }
        sse("/reports/{id}/events") {
            val after = call.request.headers["Last-Event-ID"]
            engine.campaign(call.parameters.getValue("id")).events(after).collect { event ->
                send(data = Json.encodeToString(Event.serializer(), event), event = event.type, id = event.cursor)
            }
        }
    }
}

private fun io.ktor.http.Parameters.getValue(name: String): String = checkNotNull(this[name]) { "the route has {$name}" }

fun main(arguments: Array<String>) {
    val engine = runBlocking { openReports(arguments.firstOrNull() ?: "reports.redb") }
    embeddedServer(CIO, port = 8080, host = "127.0.0.1") { reports(engine) }.start(wait = true)
}
