// Writes src/api/words.ts: the engine's words and the API's codes, for TypeScript to compare with what the sources say.
import { readFileSync, writeFileSync } from "node:fs";

const read = (path) => JSON.parse(readFileSync(new URL(path, import.meta.url), "utf8"));

/** Adds the codes of every problem document that a part of the API's document describes. */
function gather(part, codes) {
  if (typeof part === "object" && part !== null) {
    for (const code of part.properties?.code?.enum ?? []) {
      codes.add(code);
    }
    for (const member of Object.values(part)) {
      gather(member, codes);
    }
  }
  return codes;
}

const lists = Object.entries(read("../schemas/words.json"));
const codes = [...gather(read("../server/openapi.json").paths, new Set())].sort();
const text = [
  "// Made by words.mjs from schemas/words.json and server/openapi.json.",
  ...lists.map(([name, words]) => `export const ${name.toUpperCase()} = ${JSON.stringify(words)} as const;`),
  "export interface Words {",
  ...lists.map(([name]) => `  ${name}: (typeof ${name.toUpperCase()})[number];`),
  "}",
  "/** A code of a problem document. */",
  `export type Code = ${codes.map((code) => JSON.stringify(code)).join(" | ")};`,
];
writeFileSync(new URL("src/api/words.ts", import.meta.url), `${text.join("\n")}\n`);
