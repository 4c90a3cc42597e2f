import type { LabAction, LabNode, LabReply, LabState } from "@skein/controller";
import type { Scenario } from "../scenario/schema.ts";
import type { FaultAction } from "../world/fault-actions.ts";
import type { Agent, Crew } from "./crew.ts";
import type { Failures } from "./failures.ts";

/** What somebody at the console does to the lab, and what the console shows of it. */
export class Operator {
  readonly #scenario: Scenario;
  readonly #crew: Crew;
  readonly #failures: Failures;
  readonly #nowUs: () => number;
  readonly #zeroUs: () => number;

  /** `zeroUs` is the monotonic instant of the scenario's time 0. */
  constructor(scenario: Scenario, crew: Crew, failures: Failures, nowUs: () => number, zeroUs: () => number) {
    this.#scenario = scenario;
    this.#crew = crew;
    this.#failures = failures;
    this.#nowUs = nowUs;
    this.#zeroUs = zeroUs;
  }

  state(): LabState {
    const active = this.#failures.active().map((failure) => failure.action);
    return {
      scenario: this.#scenario.scenario,
      timeS: Math.round((this.#nowUs() - this.#zeroUs()) / 1e5) / 10,
      networks: this.#scenario.networks.map(({ name }) => ({ name, up: !active.some((a) => isCutOf(a, name)) })),
      nodes: this.#crew.agents.map((agent): LabNode => {
        const { name, role } = agent.node;
        return {
          address: agent.address,
          name,
          role,
          powered: !active.some((a) => a.kind === "power" && a.node === name),
          handset: agent.isUp ? `http://${agent.api}/handset/` : null,
        };
      }),
      faults: this.#failures.asLabFaults(this.#zeroUs()),
    };
  }

  async act(action: LabAction): Promise<LabReply> {
    switch (action.action) {
      case "cut-link":
        return this.#cutLink(action.from, action.to);
      case "restore-link":
        return this.#mend((fault) => this.#isLink(fault, action.from, action.to), "this link is not cut");
      case "kill-node":
        return this.#killNode(action.address);
      case "restore-node": {
        const name = this.#crew.byAddress(action.address)?.node.name;
        return this.#mend((fault) => fault.kind === "power" && fault.node === name, "this node has power");
      }
      case "cut-network":
        return this.#cutNetwork(action.network);
      case "restore-network":
        return this.#mend((fault) => isCutOf(fault, action.network), "this network is not cut");
    }
  }

  async #cutLink(from: number, to: number): Promise<LabReply> {
    const a = this.#crew.byAddress(from);
    const b = this.#crew.byAddress(to);
    if (a === undefined || b === undefined || a === b)
      return { ok: false, message: "a link joins two nodes of the lab" };
    if (!a.node.networks.some((name) => b.node.networks.includes(name))) {
      return { ok: false, message: `${a.node.name} and ${b.node.name} share no network` };
    }
    if (this.#failures.active().some(({ action }) => this.#isLink(action, from, to))) return { ok: true };
    await this.#failures.cause({ kind: "cut-link", from: a.node.name, to: b.node.name, oneWay: false }, this.#nowUs());
    return { ok: true };
  }

  async #killNode(address: number): Promise<LabReply> {
    const agent = this.#crew.byAddress(address);
    if (agent === undefined) return { ok: false, message: "no such node" };
    const isOff = this.#failures
      .active()
      .some(({ action }) => action.kind === "power" && action.node === agent.node.name);
    if (!isOff) await this.#failures.cause({ kind: "power", node: agent.node.name }, this.#nowUs());
    return { ok: true };
  }

  async #cutNetwork(network: string): Promise<LabReply> {
    if (!this.#scenario.networks.some(({ name }) => name === network)) return { ok: false, message: "no such network" };
    const isCut = this.#failures.active().some(({ action }) => isCutOf(action, network));
    if (!isCut) await this.#failures.cause({ kind: "cut-network", network }, this.#nowUs());
    return { ok: true };
  }

  async #mend(isMeant: (action: FaultAction) => boolean, nothing: string): Promise<LabReply> {
    const meant = this.#failures.active().filter((failure) => isMeant(failure.action));
    if (meant.length === 0) return { ok: false, message: nothing };
    await Promise.all(meant.map((failure) => this.#failures.end(failure)));
    return { ok: true };
  }

  #isLink(action: FaultAction, from: number, to: number): boolean {
    if (action.kind !== "cut-link") return false;
    const names = [from, to].map((address) => (this.#crew.byAddress(address) as Agent | undefined)?.node.name);
    return names.includes(action.from) && names.includes(action.to);
  }
}

function isCutOf(action: FaultAction, network: string): boolean {
  return action.kind === "cut-network" && action.network === network;
}
