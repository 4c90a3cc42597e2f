import { type Bearer, createSerialBearer, createUdpBearer } from "@skein/radio-hal";
import type { AgentConfig } from "../config/schema.ts";
import type { CoreBearer } from "../core/api.ts";

type BearerConfig = AgentConfig["bearers"][number];

/** Channel kinds as link-state advertisements carry them (core/api.ts). */
const KIND = { udp: 0, serial: 1, satellite: 2, cellular: 3 } as const;

/** The device that a configuration entry describes; not opened yet. */
export function createBearer(config: BearerConfig): Bearer {
  if (config.type === "serial") {
    const { name, device, baud, halfDuplex, mtuOctets } = config;
    return createSerialBearer({ name, device, baud, halfDuplex, mtuOctets });
  }
  const { name, kind, bind, discover, neighbours, medium, bitrateBps, mtuOctets } = config;
  return createUdpBearer({
    name,
    kind,
    medium,
    bitrateBps,
    mtuOctets,
    neighbours,
    ...(bind === undefined ? {} : { bind }),
    ...(discover === undefined ? {} : { discover }),
  });
}

/** What the core is to know about the bearer with this id. */
export function describeBearer(id: number, config: BearerConfig): CoreBearer {
  const common = {
    id,
    name: config.name,
    mtuOctets: config.mtuOctets,
    latencyUs: Math.round(config.latencyMs * 1000),
    costCentsPerMegabyte: config.costCentsPerMegabyte,
    sharedRisk: config.sharedRisk,
  };
  if (config.type === "udp") {
    const { medium, bitrateBps } = config;
    const kind = KIND[config.kind];
    return { ...common, kind, medium, layout: "wide", bitrateBps, keyUpUs: 0, halfDuplex: false };
  }
  return {
    ...common,
    kind: KIND.serial,
    medium: "shared",
    layout: "narrow",
    // The line's own rate: the core reckons start and stop bits in when it works out time on air.
    bitrateBps: config.baud,
    keyUpUs: Math.round(config.keyUpMs * 1000),
    halfDuplex: config.halfDuplex,
  };
}
