import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// The built files belong to the server's crate, which embeds them.
export default defineConfig({
  base: "./",
  plugins: [react()],
  resolve: {
    // A helper for tests in the forms' library names it. It would compile schemas, which the page's policy forbids.
    alias: { "@rjsf/validator-ajv8": new URL("src/form/validator.ts", import.meta.url).pathname },
  },
  build: {
    outDir: "../server/console",
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 900,
  },
  server: {
    proxy: { "/api": process.env.PHASEGATE_URL ?? "http://127.0.0.1:8080" },
  },
});
