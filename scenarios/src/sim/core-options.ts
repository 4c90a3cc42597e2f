import { type CoreBearer, type CoreOptions, type CryptoPort, Role } from "@skein/node-agent/core";
import { addressOf, bridgedGroupsOf, groupsAcross, groupsOf, nodeIdOf } from "../scenario/load.ts";
import type { Network, Scenario, ScenarioNode } from "../scenario/schema.ts";
import { streamKey } from "./random-streams.ts";
import { SimIdentity } from "./sim-identity.ts";

/** Channel kind in link-state advertisements. */
const CHANNEL_KIND = { udp: 0, serial: 1, satellite: 2, cellular: 3 } as const;

/** What a node's core is told about itself: the same as a real agent reads from its configuration. */
export function coreOptions(
  scenario: Scenario,
  node: ScenarioNode,
  seed: number,
  bootEpoch: number,
  crypto: CryptoPort,
): CoreOptions {
  return {
    address: addressOf(node),
    nodeId: nodeIdOf(node),
    nameUtf8: new TextEncoder().encode(node.name),
    role: Role[node.role],
    seed: streamKey(seed, `core/${node.name}/${bootEpoch}`),
    bootEpoch,
    crypto,
    identity: new SimIdentity(nodeIdOf(node)),
    peerKeys: [],
    bearers: node.networks.map((name, id) => coreBearer(scenario, name, id)),
    groups: groupsOf(scenario, node.name),
    bridgedGroups: bridgedGroupsOf(scenario, node.name),
    groupsAcross: groupsAcross(scenario),
    narrowVoice: hasNarrowRadio(scenario, node),
    acknowledgesSos: node.acknowledgesSos,
    prefixes: [],
  };
}

function hasNarrowRadio(scenario: Scenario, node: ScenarioNode): boolean {
  return node.networks.some((name) => scenario.networks.some((n) => n.name === name && n.type === "serial"));
}

export function hasWideRadio(scenario: Scenario, node: ScenarioNode): boolean {
  return node.networks.some((name) => scenario.networks.some((n) => n.name === name && n.type === "udp"));
}

function coreBearer(scenario: Scenario, name: string, id: number): CoreBearer {
  const network = scenario.networks.find((n) => n.name === name) as Network;
  const serial = network.type === "serial";
  return {
    id,
    name,
    kind: CHANNEL_KIND[network.kind],
    medium: network.medium,
    layout: serial ? "narrow" : "wide",
    mtuOctets: network.mtuOctets,
    bitrateBps: serial ? network.baud : network.bitrateBps,
    latencyUs: Math.round(network.latencyMs * 1000),
    costCentsPerMegabyte: network.costCentsPerMegabyte,
    keyUpUs: serial ? Math.round(network.keyUpMs * 1000) : 0,
    halfDuplex: serial && network.halfDuplex,
  };
}
