import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { synthesiseSpeechWav } from "@skein/node-agent/voice-source";
import type { AirPorts } from "../emulation/air.ts";
import { bridgedGroupsOf, groupsAcross, groupsOf, nodeIdOf } from "../scenario/load.ts";
import type { Network, ScenarioNode } from "../scenario/schema.ts";
import type { World } from "../world/world.ts";
import { nmeaTrack } from "./nmea-track.ts";

const SPEECH_S = 20;
/** A recording is replayed from its start when it ends. */
const TRACK_S = 1800;

/** The scratch folder cannot be made or written: no room, no permission, or somebody removed it. */
export class ScratchError extends Error {
  readonly code = "scratch-not-writable";
  readonly remedy = "make room there, or name another folder in TMPDIR";
  constructor(folder: string, cause: unknown) {
    super(`scratch folder ${folder}: ${(cause as Error).message}`, { cause });
    this.name = "ScratchError";
  }
}

/** A run's scratch folder and what the agents find in it. Files of a node start with its name. */
export class MissionFiles {
  readonly folder: string;
  readonly journals: string;
  readonly timeline: string;
  /** Speech that the terminals talk from. */
  readonly speech: string;
  readonly #world: World;

  /** `world` is one of the lab's own, for places only: it never moves. @throws ScratchError */
  constructor(world: World) {
    this.#world = world;
    this.folder = makeFolder();
    this.journals = join(this.folder, "journals");
    this.timeline = join(this.folder, "connectivity.jsonl");
    this.speech = join(this.folder, "speech.wav");
    try {
      for (const name of ["journals", "state", "log"]) mkdirSync(join(this.folder, name));
      this.write("mission.key", `${randomBytes(32).toString("hex")}\n`);
      this.write("speech.wav", synthesiseSpeechWav(SPEECH_S, world.scenario.seed));
    } catch (error) {
      rmSync(this.folder, { recursive: true, force: true });
      throw error instanceof ScratchError ? error : new ScratchError(this.folder, error);
    }
  }

  /** Writes one file of the folder, for its owner only. @throws ScratchError */
  write(name: string, content: string | Uint8Array): string {
    const file = join(this.folder, name);
    try {
      writeFileSync(file, content, { mode: 0o600 });
    } catch (error) {
      throw new ScratchError(this.folder, error);
    }
    return file;
  }

  logOf(name: string): string {
    return join(this.folder, "log", `${name}.log`);
  }

  /** Writes an agent's configuration; returns its path. @throws ScratchError */
  writeAgent(node: number, ports: AirPorts): string {
    const config = this.#node(node);
    // JSON is YAML; nobody edits this by hand.
    return this.write(`${config.name}.yaml`, JSON.stringify(this.#agentConfig(node, config, ports), null, 2));
  }

  /** Where the node goes from `worldUs` on, and what its battery holds: to be written before each start. @throws ScratchError */
  writeSensors(node: number, worldUs: number): void {
    const { name, at } = this.#node(node);
    if (!Array.isArray(at)) this.write(`${name}.nmea`, nmeaTrack(this.#world, node, worldUs, TRACK_S));
    this.writeBattery(node, worldUs);
  }
  /** @throws ScratchError */
  writeBattery(node: number, worldUs: number): void {
    const percent = Math.round(this.#world.batteryPercent(node, worldUs));
    this.write(`${this.#node(node).name}.battery`, `${percent}\n`);
  }

  /** Writes the controller's configuration; returns its path. @throws ScratchError */
  writeController(agentApi: string, listen: string, lab: string): string {
    return this.write("controller.yaml", JSON.stringify({ agent: agentApi, listen, lab }));
  }

  #node(node: number): ScenarioNode {
    return this.#world.nodes[node] as ScenarioNode;
  }

  #agentConfig(node: number, config: ScenarioNode, ports: AirPorts): unknown {
    const { scenario } = this.#world;
    const { name, address, role } = config;
    const { positions } = scenario.traffic;
    return {
      node: { name, address, id: nodeIdOf(config), role },
      mission: { keyFile: "mission.key" },
      state: join("state", name),
      bearers: config.networks.map((network) => this.#bearer(node, this.#world.networkIndex(network), ports)),
      voice: {
        groups: groupsOf(scenario, name),
        bridge: bridgedGroupsOf(scenario, name),
        across: groupsAcross(scenario),
      },
      position: {
        ...this.#positionSource(node, config),
        intervalS: Math.max(1, Math.round((positions?.every ?? 10e6) / 1e6)),
      },
      battery: { file: `${name}.battery` },
      ...(config.controller ? { tak: { interface: "lo" } } : {}),
      api: { listen: "127.0.0.1:0" },
      sos: { acknowledge: config.acknowledgesSos },
      journal: join("journals", `${name}.jsonl`),
    };
  }

  #positionSource(node: number, config: ScenarioNode): object {
    if (!Array.isArray(config.at)) return { nmea: `${config.name}.nmea` };
    const { latitudeDeg, longitudeDeg, altitudeM } = this.#world.positionReport(node, 0);
    return { fixed: { latitude: latitudeDeg, longitude: longitudeDeg, altitudeM } };
  }

  #bearer(node: number, network: number, ports: AirPorts): unknown {
    const config = this.#world.networks[network] as Network;
    const { name, costCentsPerMegabyte, latencyMs, mtuOctets } = config;
    const common = { name, costCentsPerMegabyte, latencyMs, mtuOctets };
    if (config.type === "serial") {
      const { baud, halfDuplex, keyUpMs } = config;
      const device = ports.serial.find((radio) => radio.network === network && radio.node === node)?.device;
      return { ...common, type: "serial", device, baud, halfDuplex, keyUpMs };
    }
    const { kind, medium, bitrateBps } = config;
    const neighbours = ports.udp
      .filter((radio) => radio.network === network && radio.node === node)
      .map(({ port }) => `127.0.0.1:${port}`);
    return { ...common, type: "udp", kind, medium, bitrateBps, bind: "127.0.0.1:0", neighbours };
  }
}

/** @throws ScratchError */
function makeFolder(): string {
  try {
    return mkdtempSync(join(tmpdir(), "skein-lab-"));
  } catch (error) {
    throw new ScratchError(tmpdir(), error);
  }
}
