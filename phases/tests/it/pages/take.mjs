// Takes what Chromium shows for each page of the JSON files beside it, and writes it into them as `innerText`.
//
// `cargo xtask console` fetches the packages. Then, from the root of the repository: `node phases/tests/it/pages/take.mjs`.
// The browser is CHROMIUM, else /usr/bin/chromium. A page's other members stay as they are.

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";

const packages = createRequire(new URL("../../../../console/package.json", import.meta.url));
const { chromium } = packages("@playwright/test");

const here = new URL("./", import.meta.url);
const address = "http://page.test/";
const collapsed = (text) => text.replace(/[\p{White_Space}\p{Cc}]+/gu, " ").replace(/^ | $/g, "");

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu"],
});
const page = await browser.newPage();
let body = "";
await page.route("**/*", (route) =>
  route.request().url() === address
    ? route.fulfill({ contentType: "text/html; charset=utf-8", body })
    : route.abort(),
);
for (const name of readdirSync(here).filter((name) => name.endsWith(".json"))) {
  const file = new URL(name, here);
  const shapes = JSON.parse(readFileSync(file, "utf8"));
  for (const shape of shapes) {
    body = shape.html;
    await page.goto(address);
    shape.innerText = collapsed(await page.evaluate(() => document.body.innerText));
  }
  writeFileSync(file, `${JSON.stringify(shapes, null, 2)}\n`);
}
await browser.close();
