package io.phasegate.tests

import io.phasegate.CampaignStatus
import io.phasegate.Engine
import io.phasegate.Mode
import io.phasegate.Pipeline
import io.phasegate.Sandbox
import io.phasegate.json
import java.io.File
import java.util.jar.JarFile
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertNotNull
import kotlin.test.assertTrue
import kotlinx.coroutines.flow.toList

class LeadGenerationTest {
    @Test
    fun `the lead generation pipeline runs against the sandbox`() = test {
        Sandbox.start().use { sandbox ->
            inMemory({ pipeline(Pipeline.leadGeneration()) }) { engine ->
                val dns = json("""{"resolvers": ["1.1.1.1:53"], "timeoutMs": 30000, "retries": 1, "concurrency": 20}""")
                val http = json("""{"userAgent": "Test", "timeoutMs": 30000, "concurrency": 20}""")
                engine.putResource("dns_persona", "quick", sandbox.point("dns_persona", dns))
                engine.putResource("http_persona", "browser", sandbox.point("http_persona", http))
                val domains = """{"pattern_type": "prefix", "variable_length": 2, "character_set": "abcdefgh", "constant_string": "shop",
                    "tld": "test", "num_domains": 40}"""
                val campaign = engine.started(
                    "domain_generation" to domains,
                    "dns_validation" to """{"personaIds": ["quick"]}""",
                    "http_validation" to """{"personaIds": ["browser"]}""",
                    "analysis" to """{"keyword": "phasegate"}""",
                )
                val view = campaign.atRest()
                assertEquals(CampaignStatus.COMPLETED, view.status, "${view.phases}")
                assertEquals(40, campaign.records("dns_validation").toList().size)
                // Which names have a page is a hash of them.
                assertEquals(29, campaign.records("analysis").toList().size)
            }
        }
    }

    @Test
    fun `the built-in phases are known by name and need their configs`() = test {
        assertEquals(listOf("domain_generation", "dns_validation", "http_validation", "analysis"), Pipeline.builtinPhases())
        assertEquals(Pipeline.builtinPhases(), Pipeline.leadGeneration().phases)
        inMemory({ pipeline(Pipeline.leadGeneration()) }) { engine ->
            assertEquals(Pipeline.builtinPhases(), engine.create("spring", Mode.FULL_SEQUENCE).preflight().missingPhases)
            assertEquals("lead_generation", engine.manifests().single()["id"]?.let { "$it".trim('"') })
        }
    }

    @Test
    fun `the jar says its version and its licences`() {
        val file = File(Engine::class.java.protectionDomain.codeSource.location.toURI())
        assertEquals("phasegate-${Engine.version}.jar", file.name, "the tests use the packaged jar")
        JarFile(file).use { jar ->
            assertEquals(Engine.version, jar.manifest.mainAttributes.getValue("Implementation-Version"))
            for (notice in listOf("LICENSE-MIT", "LICENSE-APACHE", "THIRD-PARTY-NOTICES.md")) assertNotNull(jar.getEntry("META-INF/$notice"), notice)
            assertTrue(jar.entries().asSequence().any { it.name.endsWith("phasegate_bindings.so") || it.name.contains("phasegate_bindings.d") })
        }
    }
}
