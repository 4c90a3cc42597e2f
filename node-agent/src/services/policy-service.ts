import {
  decodePolicyEnvelope,
  encodePolicyEnvelope,
  MAX_POLICY_OCTETS,
  POLICY_CLASSES,
  type PolicyDocument,
  type PolicyEnvelope,
} from "@skein/codecs";
import type { AgentStatus } from "../api/types.ts";
import type { NodeEvent, PolicyGate } from "../core/api.ts";
import { SkeinError } from "../shell/skein-error.ts";
import type { ServiceContext } from "./context.ts";
import { PolicyHolders } from "./policy-holders.ts";
import { rulesOf } from "./policy-rules.ts";

const VERSION_MAX = 0xffffffff;
/** Written before it is known to be short enough. */
const SCRATCH_OCTETS = 8192;

/** The key that policies have to be signed with. */
export interface ControllerKey {
  readonly gate: PolicyGate;
  readonly fingerprint: string;
}

/** The policy in force: set by a controller anywhere in the mesh, cached here, applied also when no controller is left. */
export class PolicyService {
  readonly #context: ServiceContext;
  readonly #key: ControllerKey | undefined;
  readonly #holders: PolicyHolders;
  #version = 0;
  #octets = new Uint8Array(0);
  #envelope: PolicyEnvelope | undefined;
  #warned = false;
  /** Told of a document just before its rules are in force. */
  onDocument: (document: PolicyDocument) => void = () => undefined;

  constructor(context: ServiceContext, key?: ControllerKey) {
    this.#context = context;
    this.#key = key;
    this.#holders = new PolicyHolders(context, () => this.#version);
  }

  get status(): AgentStatus["policy"] {
    const envelope = this.#envelope;
    return {
      version: this.#version,
      document: envelope?.document ?? null,
      publisher: envelope?.publisher ?? 0,
      publishedMs: (envelope?.publishedS ?? 0) * 1000,
      signature: envelope?.signed !== true ? "none" : this.#key === undefined ? "unchecked" : "good",
      key: this.#key?.fingerprint ?? null,
      octets: this.#octets.length,
      nodes: this.#holders.known(),
    };
  }

  /** Puts the cached policy in force and offers it to nodes that have an older one. */
  resume(): void {
    this.#holders.start();
    const cached = this.#context.store.policy();
    if (cached === undefined) return;
    const envelope = decodePolicyEnvelope(cached.version, cached.octets);
    if (envelope === undefined) return this.#context.log.warn("the cached policy cannot be read, going on without");
    if (!this.#passes(cached.version, cached.octets))
      return this.#context.log.warn("the cached policy has not got the controller's signature, going on without");
    this.#context.core.restorePolicy(cached.version, cached.octets);
    this.#apply(cached.version, cached.octets, envelope);
  }

  stop(): void {
    this.#holders.stop();
  }

  /**
   * Publishes a policy of this node's own, without a signature, to the whole mesh and returns its version: the given
   * one, or the next if it is 0.
   * @throws SkeinError `policy-old`, `policy-invalid`, `policy-unsigned`.
   */
  publish(wanted: PolicyDocument): number {
    if (this.#key !== undefined) {
      const remedy = "publish it with the controller whose configuration has the signing key (signingKeyFile)";
      throw new SkeinError("policy-unsigned", "this mission takes signed policies only", remedy);
    }
    const version = wanted.version === 0 ? this.#version + 1 : wanted.version;
    const envelope = {
      publisher: this.#context.address,
      publishedS: Math.floor(Date.now() / 1000),
      document: { ...wanted, version },
      signed: false,
    };
    this.#publish(version, encode(envelope), envelope);
    return version;
  }

  /**
   * Publishes what a controller has made; its octets go on as they are.
   * @throws SkeinError `policy-old`, `policy-invalid`, `policy-unsigned`, `policy-forged`.
   */
  publishSigned(version: number, octets: Uint8Array): number {
    const envelope = decodePolicyEnvelope(version, octets);
    if (envelope === undefined) throw new SkeinError("policy-invalid", "these octets are no policy within its limits");
    const verdict = this.#key?.gate.check(version, octets) ?? "good";
    if (verdict !== "good") {
      const remedy = "the controller's signing key is not that of this mission: compare `skein policy show`";
      throw new SkeinError(`policy-${verdict}`, "the signature is not that of the mission's controller", remedy);
    }
    this.#publish(version, octets, envelope);
    return version;
  }

  #publish(version: number, octets: Uint8Array, envelope: PolicyEnvelope): void {
    if (version <= this.#version || version > VERSION_MAX) {
      const remedy = "publish it again: it then gets the next number";
      throw new SkeinError("policy-old", `version ${version}: version ${this.#version} is in force already`, remedy);
    }
    const nowUs = this.#context.nowUs();
    this.#context.store.savePolicy(version, octets);
    this.#context.store.commit();
    this.#context.core.publishPolicy(nowUs, version, octets);
    this.#apply(version, octets, envelope);
    this.#holders.published();
    this.#context.journal.write("policy", nowUs, { version });
    this.#context.announce("info", `Policy ${version} published`);
    this.#context.touch();
  }

  onPolicy(event: Extract<NodeEvent, { type: "policy" }>, nowUs: number): void {
    if (event.version <= this.#version) return;
    const envelope = decodePolicyEnvelope(event.version, event.octets);
    if (envelope === undefined)
      return this.#context.announce("warn", `Policy ${event.version} cannot be read: ignored`);
    this.#context.store.savePolicy(event.version, event.octets);
    this.#apply(event.version, event.octets, envelope);
    this.#holders.received(envelope.publisher);
    this.#context.journal.write("policy", nowUs, { version: event.version });
    this.#context.announce("info", `Policy ${event.version} in force`);
  }

  onState(event: Extract<NodeEvent, { type: "policy-state" }>, nowUs: number): void {
    this.#holders.onState(event, nowUs);
  }

  #passes(version: number, octets: Uint8Array): boolean {
    return this.#key === undefined || this.#key.gate.check(version, octets) === "good";
  }

  #apply(version: number, octets: Uint8Array, envelope: PolicyEnvelope): void {
    this.#version = version;
    this.#octets = octets.slice();
    this.#envelope = envelope;
    if (this.#key === undefined && !this.#warned) {
      this.#warned = true;
      const why = "no mission.controllerKeyFile in the configuration: anybody with the mission key may set it";
      this.#context.log.warn(`the policy's signature is not checked: ${why}`);
    }
    this.onDocument(envelope.document);
    const rules = rulesOf(envelope.document, this.#context.config.bearers);
    for (const ignored of this.#context.core.setRules(this.#context.nowUs(), rules)) {
      const name = POLICY_CLASSES[ignored];
      const text = `Policy ${version} forbids ${name} on every bearer of this node: that is ignored`;
      this.#context.announce("warn", text);
    }
    this.#context.touch();
  }
}

function encode(envelope: PolicyEnvelope): Uint8Array {
  const out = new Uint8Array(SCRATCH_OCTETS);
  const remedy = "use fewer or shorter names";
  let length: number;
  try {
    length = encodePolicyEnvelope(envelope, out);
  } catch (error) {
    throw new SkeinError("policy-invalid", "the policy is outside its limits", remedy, error);
  }
  if (length > MAX_POLICY_OCTETS)
    throw new SkeinError("policy-invalid", `the policy has ${length} octets, ${MAX_POLICY_OCTETS} at most`, remedy);
  return out.slice(0, length);
}
