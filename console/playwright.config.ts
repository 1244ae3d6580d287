import { defineConfig } from "@playwright/test";

// One server and one browser: two processors have enough to do with them.
export default defineConfig({
  testDir: "tests",
  workers: 1,
  forbidOnly: true,
  retries: 0,
  timeout: 90_000,
  expect: { timeout: 30_000 },
  reporter: [["list"]],
  use: {
    browserName: "chromium",
    // A screen is looked at as it is, not on its way there.
    contextOptions: { reducedMotion: "reduce" },
    viewport: { width: 1280, height: 900 },
    launchOptions: {
      // Debian's own; Playwright brings none along.
      executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
      args: ["--no-sandbox", "--disable-gpu"],
    },
    trace: "retain-on-failure",
  },
});
