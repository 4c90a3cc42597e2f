import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { agentConfigSchema } from "../config/schema.ts";
import type { MeshCore } from "../core/api.ts";
import { createLog } from "../shell/log.ts";
import { openStore } from "../shell/store.ts";
import type { ServiceContext } from "./context.ts";

/** For tests: a context with a real store in a new folder and a core that writes down what it is asked. */
export interface FakeContext extends ServiceContext {
  /** Calls into the core, name first. */
  readonly calls: unknown[][];
  /** Journal lines, `e` first. */
  readonly lines: [string, Record<string, unknown>][];
  readonly announced: string[];
  readonly folder: string;
  /** What the core returns from `sendText`, `raiseSos` and `reportPosition`. */
  nextId: number;
  /** Closes the store: a second context on the same folder is then as after a restart. */
  close(): void;
  remove(): void;
}

export function createFakeContext(fields: Record<string, unknown> = {}, folder?: string): FakeContext {
  const state = folder ?? mkdtempSync(join(tmpdir(), "skein-service-"));
  const config = agentConfigSchema.parse({
    node: { name: "alpha", address: "1.7", id: 7 },
    mission: { key: "00".repeat(32) },
    state,
    bearers: [{ type: "udp", name: "radio", bind: "127.0.0.1:0", neighbours: ["127.0.0.1:4000"] }],
    ...fields,
  });
  const calls: unknown[][] = [];
  const lines: FakeContext["lines"] = [];
  const announced: string[] = [];
  const store = openStore(state);
  const core = new Proxy({} as MeshCore, {
    get: (_core, name) => {
      return (...args: unknown[]) => {
        calls.push([name, ...args]);
        if (name === "setRules") return [];
        return context.nextId;
      };
    },
  });
  const context: FakeContext = {
    config,
    address: 0x107,
    core,
    store,
    journal: { write: (e, _atUs, written) => void lines.push([e, written]), close: () => undefined },
    log: createLog("error", "1.7", { write: () => undefined }),
    nowUs: () => 5_000_000,
    touch: () => undefined,
    touchNow: () => undefined,
    announce: (level, text) => void announced.push(`${level}: ${text}`),
    nameOf: (address) => `node-${address}`,
    calls,
    lines,
    announced,
    folder: state,
    nextId: 100,
    close: () => store.close(),
    remove: () => {
      store.close();
      rmSync(state, { recursive: true, force: true });
    },
  };
  return context;
}
