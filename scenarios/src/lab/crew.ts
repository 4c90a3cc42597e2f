import type { AgentStatus, Command, CommandReply } from "@skein/node-agent/api";
import { monotonicUs } from "@skein/node-agent/clock";
import type { AirPorts } from "../emulation/air.ts";
import { addressOf } from "../scenario/load.ts";
import type { ScenarioNode } from "../scenario/schema.ts";
import type { World } from "../world/world.ts";
import { command, statusOf } from "./agent-api.ts";
import { SkeinChild, tailOf } from "./child.ts";
import type { MissionFiles } from "./mission-files.ts";

/** Agents that start at the same time: one for each processor of a small machine. */
const STARTING_AT_ONCE = 2;
const STOP_GRACE_MS = 3000;

/** One node's agent process. */
export interface Agent {
  readonly index: number;
  readonly node: ScenarioNode;
  readonly address: number;
  readonly hasSerial: boolean;
  child: SkeinChild | undefined;
  /** HOST:PORT of its local API; another one after each start. */
  api: string;
  /** It said that it is ready and has not ended. */
  isUp: boolean;
}

/** The agents of a scenario: starts, stops and restarts their processes. */
export class Crew {
  readonly agents: readonly Agent[];
  /** Called when an agent ends that nobody told to. */
  onLost: (agent: Agent, reason: string) => void = () => undefined;
  /** Called whenever the set of child processes changes. */
  onChildren: () => void = () => undefined;
  readonly #files: MissionFiles;
  readonly #ports: AirPorts;
  #isStopping = false;

  constructor(world: World, files: MissionFiles, ports: AirPorts) {
    this.#files = files;
    this.#ports = ports;
    const serial = new Set(world.networks.filter((n) => n.type === "serial").map((n) => n.name));
    this.agents = world.nodes.map((node, index) => {
      const hasSerial = node.networks.some((name) => serial.has(name));
      return { index, node, address: addressOf(node), hasSerial, child: undefined, api: "", isUp: false };
    });
    for (const { index } of this.agents) files.writeAgent(index, ports);
  }

  byName(name: string): Agent | undefined {
    return this.agents.find((agent) => agent.node.name === name);
  }
  byAddress(address: number): Agent | undefined {
    return this.agents.find((agent) => agent.address === address);
  }
  get pids(): number[] {
    return this.agents.flatMap(({ child }) => (child === undefined || child.isOver ? [] : [child.pid]));
  }

  /**
   * Starts all, few at a time, those on slow radios first: they need longest to find each other. `onUp` follows
   * each. @throws StartError of the first that fails
   */
  async startAll(onUp: (agent: Agent) => void): Promise<void> {
    const waiting = this.agents.toSorted((a, b) => Number(b.hasSerial) - Number(a.hasSerial));
    const startNext = async (): Promise<void> => {
      for (let agent = waiting.shift(); agent !== undefined; agent = waiting.shift()) {
        await this.start(agent);
        onUp(agent);
      }
    };
    await Promise.all(Array.from({ length: STARTING_AT_ONCE }, startNext));
  }

  /** Resolves when the agent is on the air. @throws StartError */
  async start(agent: Agent): Promise<void> {
    if (this.#isStopping) return;
    const { name } = agent.node;
    this.#files.writeSensors(agent.index, monotonicUs() - this.#ports.startedUs);
    const args = ["agent", "--config", `${this.#files.folder}/${name}.yaml`, "--parent-pid", String(process.pid)];
    const child = new SkeinChild(`agent ${name}`, args, this.#files.logOf(name));
    agent.child = child;
    this.onChildren();
    void child.ended.then(({ code, signal }) => {
      const isExpected = this.#isStopping || agent.child !== child || !agent.isUp;
      if (agent.child === child) agent.isUp = false;
      if (!isExpected) this.onLost(agent, `ended with ${signal ?? `code ${code}`}\n${tailOf(this.#files.logOf(name))}`);
    });
    const ready = await child.ready;
    agent.api = String(ready["api"]);
    agent.isUp = agent.child === child && !child.isOver;
  }

  /** The power goes: no time for goodbyes. */
  kill(agent: Agent): void {
    const child = agent.child;
    agent.child = undefined;
    agent.isUp = false;
    child?.kill("SIGKILL");
  }

  tell(agent: Agent, what: Command): Promise<CommandReply> {
    if (!agent.isUp) return Promise.resolve({ ok: false, code: "agent-down", message: `${agent.node.name} is down` });
    return command(agent.api, what);
  }
  async statusOf(agent: Agent): Promise<AgentStatus | undefined> {
    return agent.isUp ? statusOf(agent.api) : undefined;
  }

  /** From now on nobody is started, and whoever ends is not lost. */
  expectEnd(): void {
    this.#isStopping = true;
  }
  async stopAll(): Promise<void> {
    this.expectEnd();
    await Promise.all(this.agents.map((agent) => agent.child?.stop(STOP_GRACE_MS)));
  }
  /** At once, from an exit handler too. */
  killAll(): void {
    this.expectEnd();
    for (const { child } of this.agents) child?.kill("SIGKILL");
  }
}
