import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { AgentStatus } from "@skein/node-agent/api";
import { monotonicUs } from "@skein/node-agent/clock";
import type { AirPorts } from "../emulation/air.ts";
import type { Connectivity } from "../emulation/connectivity.ts";
import { groupsOf } from "../scenario/load.ts";
import type { Scenario } from "../scenario/schema.ts";
import { timedFaults } from "../world/fault-actions.ts";
import { World } from "../world/world.ts";
import { AirClient } from "./air-client.ts";
import { ControlServer } from "./control-server.ts";
import { ControllerProcess } from "./controller-process.ts";
import { Crew } from "./crew.ts";
import { Director, sleepUntil } from "./director.ts";
import { evaluate } from "./evaluate.ts";
import { Failures } from "./failures.ts";
import { readJournals } from "./journal.ts";
import { MissionFiles } from "./mission-files.ts";
import { Operator } from "./operator.ts";
import { Periodic } from "./periodic.ts";
import { descendantsOf } from "./process-tree.ts";
import { awaitAllPairs } from "./reachability.ts";
import type { LabReport } from "./report.ts";
import { faultSteps, inOrder, trafficSteps } from "./schedule.ts";
import { Watcher } from "./watcher.ts";

/** How long the mesh may take to find everybody before the lab goes on without. */
const REACHABLE_TIMEOUT_S = 30;
/** After the last word: what is still on its way arrives or is lost. */
const SETTLE_MS = 4000;
const BATTERY_MS = 10_000;
const EVENTS_KEPT = 50;
/** A browser that was killed may still be writing. */
const REMOVE = { recursive: true, force: true, maxRetries: 10, retryDelay: 50 };

/** What the lab looks like now, for the live summary. */
export interface LabView {
  phase: string;
  timeS: number;
  console: string;
  nodes: { name: string; isUp: boolean }[];
  talking: { name: string; group: number }[];
  broken: string[];
  headquarters: AgentStatus | undefined;
  events: readonly string[];
}

/** A scenario with real processes: air, agents, controller, traffic and failures. */
export class Lab {
  readonly files: MissionFiles;
  readonly crew: Crew;
  readonly failures: Failures;
  /** Called with each line for people. */
  onEvent: (line: string) => void = () => undefined;
  readonly #scenario: Scenario;
  readonly #notes: readonly string[];
  readonly #world: World;
  readonly #air: AirClient;
  readonly #ports: AirPorts;
  readonly #director: Director;
  readonly #server: ControlServer;
  readonly #beganUs = monotonicUs();
  readonly #incidents: string[] = [];
  readonly #events: string[] = [];
  #controller: ControllerProcess | undefined;
  #watcher: Watcher | undefined;
  #phase = "starting";
  #zeroUs = 0;
  #agentsUp = 0;
  #startupS = 0;
  #reachableS: number | null = null;
  #processes = 0;
  #bearers = { udp: 0, serial: 0 };
  readonly #batteries = new Periodic(
    () => this.#writeBatteries(),
    (message) => this.#incident(`batteries stay as they are: ${message}`),
  );

  /**
   * Starts the air; agents come with `start`.
   * @throws ScratchError, or Error when sockets or pseudo-terminals cannot be had
   */
  static async open(scenario: Scenario, notes: readonly string[]): Promise<Lab> {
    const world = new World(scenario);
    const files = new MissionFiles(world);
    const air = new AirClient();
    try {
      return new Lab(scenario, notes, world, files, air, await air.start(scenario, scenario.seed, files.timeline));
    } catch (error) {
      air.kill();
      rmSync(files.folder, REMOVE);
      throw error;
    }
  }

  private constructor(
    scenario: Scenario,
    notes: readonly string[],
    world: World,
    files: MissionFiles,
    air: AirClient,
    ports: AirPorts,
  ) {
    this.#scenario = scenario;
    this.#notes = notes;
    this.#world = world;
    this.files = files;
    this.#air = air;
    this.#ports = ports;
    this.crew = new Crew(world, files, ports);
    this.failures = new Failures(air, this.crew, {
      killController: () => this.#controller?.kill(),
      startController: () => this.#startController(),
      incident: (text) => this.#incident(text),
      log: (text) => this.#log(text),
    });
    this.#director = new Director(this.crew, this.failures, {
      speech: files.speech,
      incident: (text) => this.#incident(text),
      log: (text) => this.#log(text),
    });
    this.#server = new ControlServer(
      new Operator(scenario, this.crew, this.failures, monotonicUs, () => this.#zeroUs || monotonicUs()),
    );
    air.onLost = () => this.#incident("the air's process ended");
    this.crew.onLost = (agent, reason) => this.#incident(`agent ${agent.node.name} ${reason}`);
    this.crew.onChildren = () => this.#guard();
  }

  /** Lets a browser, where there is one, watch the first video at its destination. Before `start`. */
  async openBrowser(): Promise<void> {
    if (this.#scenario.traffic.video.length === 0) return;
    this.#watcher = await Watcher.start(join(this.files.folder, "browser"));
    this.#guard();
  }

  /** Agents, controller, and the wait until everyone can reach everyone. @throws StartError */
  async start(signal: AbortSignal): Promise<void> {
    const labApi = await this.#server.start();
    this.#controller = new ControllerProcess(this.files, labApi);
    const starting: Promise<void>[] = [];
    await this.crew.startAll((agent) => {
      this.#agentsUp++;
      this.#log(`${agent.node.name} is up (${this.#agentsUp} of ${this.crew.agents.length})`);
      if (agent.node.controller) starting.push(this.#startController());
    });
    const lastUpUs = monotonicUs();
    this.#startupS = seconds(lastUpUs - this.#beganUs);
    await Promise.all(starting);
    this.#phase = "finding each other";
    const { missing } = await awaitAllPairs(this.crew, REACHABLE_TIMEOUT_S, () => signal.aborted);
    if (missing.length === 0) {
      this.#reachableS = seconds(monotonicUs() - lastUpUs);
      this.#log(`everyone can reach everyone, ${this.#reachableS} s after the last agent came up`);
    } else this.#incident(`after ${REACHABLE_TIMEOUT_S} s there is no route ${missing.join(", ")}`);
    await this.#census();
    await this.#watch();
    this.#batteries.start(BATTERY_MS);
  }

  /** Plays traffic, and with `withFaults` the failures, for `lengthUs` of the scenario. */
  async play(lengthUs: number, withFaults: boolean, signal: AbortSignal): Promise<void> {
    this.#phase = "playing";
    const zeroUs = monotonicUs();
    this.#zeroUs ||= zeroUs;
    const faults = withFaults ? faultSteps(timedFaults(this.#scenario), lengthUs) : [];
    const steps = inOrder([...trafficSteps(this.#scenario, lengthUs), ...faults]);
    this.#director.announce(steps, zeroUs);
    await this.#director.play(steps, zeroUs, signal);
    await sleepUntil(zeroUs + lengthUs, signal);
  }

  /** Mends what the scenario left broken. */
  async heal(): Promise<void> {
    for (const failure of this.failures.active()) await this.failures.end(failure);
  }

  /** Ends the traffic, waits for what is on its way, and judges the time since the first `play`. */
  async conclude(lengthUs: number): Promise<LabReport> {
    this.#phase = "settling";
    await this.#director.calm();
    await sleep(SETTLE_MS);
    const framesDecoded = (await this.#watcher?.framesDecoded()) ?? null;
    await this.#writeStatuses();
    await this.crew.stopAll();
    const { nodes, networks } = this.#world;
    const isNarrow = (names: readonly string[]): boolean =>
      names.every((name) => networks.find((network) => network.name === name)?.type === "serial");
    return evaluate(readJournals(this.files.journals), {
      scenario: this.#scenario.scenario,
      nodes: this.crew.agents.map(({ node, address }) => {
        return {
          name: node.name,
          address,
          groups: groupsOf(this.#scenario, node.name),
          narrow: isNarrow(node.networks),
        };
      }),
      fromUs: this.#zeroUs,
      toUs: this.#zeroUs + lengthUs,
      connectivity: this.#timeline(),
      cuts: this.failures.list.flatMap(({ what, startedUs }) =>
        startedUs === undefined ? [] : [{ what, atUs: startedUs }],
      ),
      agentsUp: this.#agentsUp,
      processes: this.#processes,
      startupS: this.#startupS,
      allPairsReachableS: this.#reachableS,
      bearers: this.#bearers,
      bearersExpected: this.#countBearers(nodes.flatMap((node) => node.networks)),
      textsCommanded: this.#director.textsCommanded,
      sosCommanded: this.#director.sosCommanded,
      videoExpected: this.#scenario.traffic.video.some((video) => video.from < lengthUs),
      framesDecoded,
      incidents: this.#incidents,
      notes: this.#notes,
    });
  }

  async view(): Promise<LabView> {
    const headquarters = this.crew.agents.find((agent) => agent.node.controller);
    return {
      phase: this.#phase,
      timeS: this.#zeroUs === 0 ? 0 : seconds(monotonicUs() - this.#zeroUs),
      console: this.console,
      nodes: this.crew.agents.map(({ node, isUp }) => ({ name: node.name, isUp })),
      talking: [...this.#director.talking].map(([name, group]) => ({ name, group })),
      broken: this.failures.active().map((failure) => failure.what),
      headquarters: headquarters === undefined ? undefined : await this.crew.statusOf(headquarters),
      events: this.#events,
    };
  }
  get console(): string {
    return this.#controller?.console ?? "";
  }

  /** From now on processes may end: Ctrl-C reaches all of them at once. */
  expectEnd(): void {
    this.crew.expectEnd();
    this.#controller?.expectEnd();
  }

  /** Ends every process and, unless `keep`, removes the scratch folder. */
  async close(keep: boolean): Promise<void> {
    this.#batteries.stop();
    this.#server.stop();
    this.#watcher?.kill();
    await Promise.all([this.crew.stopAll(), this.#controller?.stop()]);
    await this.#air.stop();
    if (!keep) rmSync(this.files.folder, REMOVE);
  }
  /** The same at once and without waiting, for a second Ctrl-C and for crashes. */
  abandon(keep: boolean): void {
    this.expectEnd();
    this.crew.killAll();
    this.#controller?.kill();
    this.#watcher?.kill();
    this.#air.kill();
    if (!keep) rmSync(this.files.folder, REMOVE);
  }

  async #startController(): Promise<void> {
    const agent = this.crew.agents.find(({ node }) => node.controller);
    if (agent === undefined || this.#controller === undefined) return;
    try {
      const start = this.#controller.start(agent.api);
      this.#guard();
      await start;
      if (this.#controller.isUp) this.#log(`console: ${this.#controller.console}`);
    } catch (error) {
      if (this.#controller.isEnding) return;
      const { message, remedy } = error as Error & { remedy?: string };
      this.#incident(`${message}: ${remedy ?? ""}`);
    }
  }

  #guard(): void {
    this.#air.guard(this.files.folder, [
      ...this.crew.pids,
      ...(this.#controller?.pids ?? []),
      ...(this.#watcher?.pids ?? []),
    ]);
  }

  async #watch(): Promise<void> {
    const video = this.#scenario.traffic.video[0];
    if (this.#watcher === undefined || video === undefined) return;
    const [from, to] = [video.by, video.to].map((name) => this.crew.byName(name));
    const failure = await this.#watcher.watch(to?.api ?? "", from?.address ?? 0);
    this.#log(
      failure === undefined ? `a browser watches ${video.by} at ${video.to}` : `no browser watches: ${failure}`,
    );
  }

  /** Counts what is there once everything is up. */
  async #census(): Promise<void> {
    const statuses = await Promise.all(this.crew.agents.map((agent) => this.crew.statusOf(agent)));
    const up = statuses.flatMap(
      (status) => status?.core.bearers.filter((bearer) => bearer.up).map(({ name }) => name) ?? [],
    );
    this.#bearers = this.#countBearers(up);
    const browser = this.#watcher?.pids.flatMap((pid) => [pid, ...descendantsOf(pid)]) ?? [];
    this.#processes = descendantsOf(process.pid).length - browser.length;
  }
  #countBearers(names: readonly string[]): { udp: number; serial: number } {
    const typeOf = (name: string): string | undefined => this.#world.networks[this.#world.networkIndex(name)]?.type;
    const count = (type: string): number => names.filter((name) => typeOf(name) === type).length;
    return { udp: count("udp"), serial: count("serial") };
  }

  /** Who had a path to whom; nobody ever, and an incident, when it cannot be told. */
  #timeline(): Connectivity[] {
    try {
      const lines = readFileSync(this.files.timeline, "utf8").trimEnd().split("\n");
      return lines.map((line) => JSON.parse(line) as Connectivity);
    } catch (error) {
      this.#incident(`who had a path to whom is not known: ${(error as Error).message}`);
      return [];
    }
  }

  /** What each agent knew at the end, for whoever keeps the folder. */
  async #writeStatuses(): Promise<void> {
    for (const agent of this.crew.agents) {
      const status = await this.crew.statusOf(agent);
      if (status !== undefined) {
        this.#keep(`${agent.node.name}.status.json`, status);
      }
    }
    this.#keep("air.json", this.#air.counters);
    const unwritten = this.#air.counters["timeline-unwritten"] ?? 0;
    if (unwritten > 0) this.#incident(`the air could not write ${unwritten} octets of who had a path to whom`);
  }
  #keep(name: string, value: unknown): void {
    try {
      this.files.write(name, JSON.stringify(value, null, 1));
    } catch (error) {
      this.#log(`${name} is not kept: ${(error as Error).message}`);
    }
  }

  #writeBatteries(): void {
    for (const { index } of this.crew.agents) this.files.writeBattery(index, monotonicUs() - this.#ports.startedUs);
  }

  #incident(text: string): void {
    this.#incidents.push(text);
    this.#log(`! ${text}`);
  }
  #log(text: string): void {
    const at = this.#zeroUs === 0 ? "--" : seconds(monotonicUs() - this.#zeroUs).toFixed(1);
    const line = `${at.padStart(6)} s  ${text}`;
    this.#events.push(line);
    if (this.#events.length > EVENTS_KEPT) this.#events.shift();
    this.onEvent(line);
  }
}

function seconds(us: number): number {
  return Math.round(us / 1e4) / 100;
}
