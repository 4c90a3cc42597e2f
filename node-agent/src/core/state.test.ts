import { test } from "uvu";
import * as assert from "uvu/assert";
import { type CoreBearer, type CoreOptions, Role } from "./api.ts";
import { MAX_BEARERS } from "./limits.ts";
import { createState } from "./state.ts";
import { createNullCrypto } from "./testing/null-crypto.ts";
import { createNullIdentity } from "./testing/null-identity.ts";

function withBearers(count: number): CoreOptions {
  const bearer: CoreBearer = {
    id: 0,
    name: "",
    kind: 0,
    layout: "wide",
    medium: "shared",
    mtuOctets: 1400,
    bitrateBps: 1e6,
    costCentsPerMegabyte: 0,
    latencyUs: 1000,
    halfDuplex: false,
    keyUpUs: 0,
  };
  return {
    address: 0x101,
    nodeId: 1,
    nameUtf8: new Uint8Array(0),
    role: Role.terminal,
    seed: 1,
    bootEpoch: 1,
    crypto: createNullCrypto(),
    identity: createNullIdentity(1),
    peerKeys: [],
    bearers: Array.from({ length: count }, (_, id) => ({ ...bearer, id, name: `radio-${id}` })),
    groups: [],
    bridgedGroups: [],
    narrowVoice: false,
    acknowledgesSos: false,
    prefixes: [],
  };
}

test("a node has at most MAX_BEARERS bearers", () => {
  assert.is(createState(withBearers(MAX_BEARERS)).ports.length, MAX_BEARERS);
  assert.throws(() => createState(withBearers(MAX_BEARERS + 1)), /at most 16 bearers/);
});

test.run();
