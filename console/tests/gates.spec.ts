import { CONFIGS, campaign, DOMAINS, slowPersona, until } from "./support/given";
import { card, expect, open, status, test } from "./support/test";

test("a refused start names what is missing in order and puts the focus on the way out", async ({
  page,
  server,
}) => {
  const { domain_generation, http_validation } = CONFIGS;
  const id = await campaign(server, { name: "Half done", configs: { domain_generation, http_validation } });
  await open(page, server, id);
  await page.getByRole("button", { name: "Start full sequence" }).click();
  const refusal = page.getByRole("alert").filter({ hasText: "The full sequence can't start yet" });
  await expect(refusal.getByRole("listitem")).toHaveText([/^DNS validation/, /^Analysis/]);
  const first = refusal.getByRole("button", { name: "Configure now: DNS validation" });
  await expect(first).toBeFocused();
  await expect(status(page)).toHaveText("Idle");

  await page.keyboard.press("Enter");
  const form = page.getByRole("dialog");
  await expect(form.getByRole("heading", { name: "DNS validation" })).toBeVisible();
  await form.getByRole("combobox", { name: "DNS personas" }).click();
  await page.getByRole("option", { name: "sandbox-dns" }).click();
  await page.keyboard.press("Tab");
  await form.getByRole("button", { name: "Save", exact: true }).click();
  await expect(refusal.getByRole("listitem")).toHaveText([/^Analysis/]);
  await refusal.getByRole("button", { name: "Configure now: Analysis" }).click();
  await form.getByLabel("Keyword").fill("phasegate");
  await form.getByRole("button", { name: "Save", exact: true }).click();
  await expect(refusal).toHaveCount(0);
  await page.getByRole("button", { name: "Start full sequence" }).click();
  await expect(status(page)).toHaveText("Completed");
});

test("a full sequence has no start buttons on its phases before it begins", async ({ page, server }) => {
  const id = await campaign(server, { name: "All set" });
  await open(page, server, id);
  await expect(page.getByRole("button", { name: "Start full sequence" })).toBeVisible();
  await expect(
    page.getByRole("list", { name: "Phases" }).getByRole("button", { name: /^Start/ }),
  ).toHaveCount(0);
});

test("a chain that meets a missing config waits for it visibly, and goes on when told", async ({
  page,
  server,
}) => {
  await slowPersona(server, "thirty", 15);
  const id = await campaign(server, {
    name: "Mid-way",
    configs: {
      ...CONFIGS,
      domain_generation: { ...DOMAINS, num_domains: 45 },
      dns_validation: { personaIds: ["thirty"] },
    },
  });
  await open(page, server, id);
  await page.getByRole("button", { name: "Start full sequence" }).click();
  await expect(card(page, "DNS validation").getByText("Running")).toBeVisible();
  await page.getByRole("button", { name: "Pause" }).click();
  await expect(status(page)).toHaveText("Paused");
  const http = card(page, "HTTP validation");
  await http.getByRole("button", { name: "More about HTTP validation" }).click();
  await page.getByRole("menuitem", { name: "Remove config" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Remove" }).click();
  await expect(http.getByText("Not configured")).toBeVisible();
  await page.getByRole("button", { name: "Resume" }).click();

  await expect(status(page)).toHaveText("Waiting for configuration");
  const banner = page.getByRole("status").filter({ hasText: "The chain waits for configuration" });
  await expect(banner.getByRole("listitem")).toHaveText([/^HTTP validation/]);
  await expect(http.getByRole("button", { name: /^Start/ })).toHaveCount(0);
  await banner.getByRole("button", { name: "Configure now: HTTP validation" }).click();
  const form = page.getByRole("dialog");
  await form.getByRole("combobox", { name: "HTTP personas" }).click();
  await page.getByRole("option", { name: "sandbox-http" }).click();
  await page.keyboard.press("Tab");
  await form.getByRole("button", { name: "Save", exact: true }).click();
  await expect(page.getByText("HTTP validation is ready", { exact: true })).toBeVisible();
  await expect(status(page)).toHaveText("Idle");
  await http.getByRole("button", { name: "Start HTTP validation" }).click();
  await expect(status(page)).toHaveText("Completed");
});

test("what a resource makes impossible is shown without an event", async ({ page, server }) => {
  await server.call("PUT", "/resources/proxy/short-lived", { protocol: "http", host: "127.0.0.1", port: 9 });
  const id = await campaign(server, {
    name: "Depends on a proxy",
    configs: { ...CONFIGS, http_validation: { personaIds: ["sandbox-http"], proxyId: "short-lived" } },
  });
  await open(page, server, id);
  await expect(page.getByText("Ready: all 4 remaining phases have a valid config")).toBeVisible();
  const disabled = { protocol: "http", host: "127.0.0.1", port: 9, enabled: false };
  await server.call("PUT", "/resources/proxy/short-lived", disabled);
  await expect(page.getByText("Not ready: 1 of 4 remaining phases lacks a valid config")).toBeVisible();
  await expect(card(page, "HTTP validation").getByText("Config invalid")).toBeVisible();
});

test("a failure says why, and a retry goes on from where it was", async ({ page, server }) => {
  await server.call("PUT", "/resources/proxy/down", { protocol: "socks5", host: "127.0.0.1", port: 9 });
  const id = await campaign(server, {
    name: "Through a proxy",
    configs: { ...CONFIGS, http_validation: { personaIds: ["sandbox-http"], proxyId: "down" } },
  });
  await open(page, server, id);
  await page.getByRole("button", { name: "Start full sequence" }).click();
  await expect(status(page)).toHaveText("Failed");
  await expect(page.getByRole("alert").filter({ hasText: "HTTP validation failed" })).toContainText("proxy");
  const http = card(page, "HTTP validation");
  await http.getByRole("button", { name: "Edit config of HTTP validation" }).click();
  const form = page.getByRole("dialog");
  await form.getByRole("button", { name: "Choose none" }).last().click();
  await form.getByRole("button", { name: "Save", exact: true }).click();
  await expect(form).toHaveCount(0);
  await page.getByRole("button", { name: "Retry HTTP validation" }).click();
  await expect(status(page)).toHaveText("Completed");
});

test("pause, resume, stop and continue are one click each, and a restart asks", async ({ page, server }) => {
  await slowPersona(server, "crawling", 20);
  const id = await campaign(server, {
    name: "On and off",
    configs: { ...CONFIGS, dns_validation: { personaIds: ["crawling"] } },
  });
  await open(page, server, id);
  await page.getByRole("button", { name: "Start full sequence" }).click();
  const dns = card(page, "DNS validation");
  await expect(dns.getByRole("progressbar")).toBeVisible();
  await expect(dns.getByText(/per second, .* left/)).toBeVisible();
  await page.getByRole("button", { name: "Pause" }).click();
  await expect(status(page)).toHaveText("Paused");
  await page.getByRole("button", { name: "Resume" }).click();
  await expect(status(page)).toHaveText("Running");
  await page.getByRole("button", { name: "Stop" }).click();
  await expect(status(page)).toHaveText("Stopped");
  await expect(page.getByRole("button", { name: "Continue DNS validation" })).toBeVisible();
  await card(page, "Domain generation")
    .getByRole("button", { name: /^More about/ })
    .click();
  await page.getByRole("menuitem", { name: "Restart from the beginning" }).click();
  const question = page.getByRole("dialog", { name: "Restart Domain generation?" });
  await expect(question).toContainText("200 records");
  await question.getByRole("button", { name: "Restart" }).click();
  await expect(status(page)).toHaveText("Running");
  await page.getByRole("button", { name: "Stop" }).click();
  await expect(status(page)).toHaveText("Stopped");
});

test("a server that is killed and started again under an open page finishes the chain there", async ({
  page,
  server,
  allowFailures,
}) => {
  allowFailures.allowed = true;
  await slowPersona(server, "steady", 40);
  const id = await campaign(server, {
    name: "Survivor",
    configs: { ...CONFIGS, dns_validation: { personaIds: ["steady"] } },
  });
  await open(page, server, id);
  await page.getByRole("button", { name: "Start full sequence" }).click();
  await expect(card(page, "DNS validation").getByText("Running")).toBeVisible();
  await server.end("SIGKILL");
  await expect(page.getByText("Offline")).toBeVisible();
  await expect(page.getByText("The server can't be reached")).toBeVisible();
  await server.start();
  await expect(page.getByText("Live", { exact: true })).toBeVisible();
  await expect(page.getByText("The server can't be reached")).toHaveCount(0);
  await until(server, id, "completed");
  await expect(status(page)).toHaveText("Completed");
  await page.getByRole("tab", { name: "Event log" }).click();
  const log = page.getByRole("region", { name: "Event log" });
  await expect(log.getByText("DNS validation taken up again after the process ended")).toHaveCount(1);
  await expect(log.getByText("Domain generation started by hand")).toHaveCount(1);
});
