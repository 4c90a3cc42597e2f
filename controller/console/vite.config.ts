import { fileURLToPath } from "node:url";
import preact from "@preact/preset-vite";
import { defineConfig } from "vite";
import { landOutline } from "./build/land-outline.ts";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** `--mode console` (the default): the operator's console. `--mode handset`: the rescuer's page, built alone to stay small. */
export default defineConfig(({ mode }) => {
  const handset = mode === "handset";
  return {
    root: handset ? here("./handset") : here("."),
    // Relative addresses: the handset page lives under /handset/ of the agent.
    base: "./",
    publicDir: handset ? here("./handset/public") : false,
    plugins: [preact({ devToolsEnabled: false }), ...(handset ? [] : [landOutline()])],
    worker: { format: "es" as const },
    build: {
      outDir: handset ? here("../dist/handset") : here("../dist/console"),
      emptyOutDir: true,
      target: "es2023",
      // Inlined assets would be data: addresses, which the content security policy refuses for scripts.
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
      chunkSizeWarningLimit: 3000,
    },
  };
});
