import { expect, type Page, test as playwright } from "@playwright/test";
import { Server } from "./server";

interface Own {
  /** Set where a test ends the server, so that a request may fail. */
  allowFailures: { allowed: boolean };
}

/** A page that is logged in, on which nothing may go wrong unseen, and from which nothing may leave the origin. */
export const test = playwright.extend<Own, { server: Server }>({
  server: [
    // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the parameters' names
    async ({}, use) => {
      const server = new Server();
      await server.start();
      await use(server);
      await server.remove();
    },
    { scope: "worker" },
  ],
  // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the parameters' names
  allowFailures: async ({}, use) => use({ allowed: false }),
  page: async ({ page, server, allowFailures }, use) => {
    const wrong: string[] = [];
    page.on("pageerror", (error) => wrong.push(`thrown: ${error}`));
    page.on("console", (message) => {
      // A refusal is an answer like any other; the browser tells of each.
      const refused = /the server responded with a status of 4\d\d/.test(message.text());
      const away = allowFailures.allowed && /net::ERR_|Failed to load/.test(message.text());
      if (message.type() === "error" && !refused && !away) {
        wrong.push(`said: ${message.text()}`);
      }
    });
    page.on("request", (request) => {
      if (new URL(request.url()).origin !== server.origin && !request.url().startsWith("data:")) {
        wrong.push(`asked for: ${request.url()}`);
      }
    });
    await page.goto(server.login);
    await use(page);
    expect(wrong).toEqual([]);
  },
});

export { expect };

/** The card of a phase. */
export const card = (page: Page, title: string) => page.getByRole("region", { name: title, exact: true });

export const status = (page: Page) => page.getByRole("status", { name: "Status" });

/** Opens a campaign's page. */
export async function open(page: Page, server: Server, id: string) {
  await page.goto(`${server.origin}/#/campaigns/${id}`);
  await expect(page.getByText("Live", { exact: true })).toBeVisible();
}
