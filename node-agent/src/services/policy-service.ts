import { decodePolicy, encodePolicy } from "@skein/codecs";
import type { PolicyDocument } from "../api/types.ts";
import type { NodeEvent } from "../core/api.ts";
import { SkeinError } from "../shell/skein-error.ts";
import type { ServiceContext } from "./context.ts";

/** Largest encoded policy that the core floods, octets. */
const POLICY_OCTETS_MAX = 1024;
const VERSION_MAX = 0xffffffff;

/** The policy in force: set by a controller anywhere in the mesh, cached here, applied also when no controller is left. */
export class PolicyService {
  readonly #context: ServiceContext;
  #version = 0;
  #document: PolicyDocument | null = null;

  constructor(context: ServiceContext) {
    this.#context = context;
  }

  get status(): { version: number; document: PolicyDocument | null } {
    return { version: this.#version, document: this.#document };
  }

  /** Puts the cached policy in force and offers it to nodes that have an older one. */
  resume(): void {
    const cached = this.#context.store.policy();
    if (cached === undefined) return;
    const document = decodePolicy(cached.octets, 0, cached.octets.length);
    if (document === undefined) return this.#context.log.warn("the cached policy cannot be read, going on without");
    this.#context.core.restorePolicy(cached.version, cached.octets);
    this.#apply(cached.version, document);
  }

  /**
   * Publishes a policy to the whole mesh and returns its version: the given one, or the next if it is 0.
   * @throws SkeinError `policy-old`, `policy-invalid`.
   */
  publish(wanted: PolicyDocument): number {
    const version = wanted.version === 0 ? this.#version + 1 : wanted.version;
    if (version <= this.#version || version > VERSION_MAX) {
      throw new SkeinError("policy-old", `version ${version}: version ${this.#version} is in force already`);
    }
    const document = { ...wanted, version };
    const octets = encode(document);
    const nowUs = this.#context.nowUs();
    this.#context.store.savePolicy(version, octets);
    this.#context.store.commit();
    this.#context.core.publishPolicy(nowUs, version, octets);
    this.#apply(version, document);
    this.#context.journal.write("policy", nowUs, { version });
    this.#context.announce("info", `Policy ${version} published`);
    this.#context.touch();
    return version;
  }

  onPolicy(event: Extract<NodeEvent, { type: "policy" }>, nowUs: number): void {
    if (event.version <= this.#version) return;
    const document = decodePolicy(event.octets, 0, event.octets.length);
    if (document === undefined)
      return this.#context.announce("warn", `Policy ${event.version} cannot be read: ignored`);
    this.#context.store.savePolicy(event.version, event.octets);
    this.#apply(event.version, document);
    this.#context.journal.write("policy", nowUs, { version: event.version });
    this.#context.announce("info", `Policy ${event.version} in force`);
  }

  /** Costs by bearer name; a bearer that the policy does not name has its configured cost. */
  #apply(version: number, document: PolicyDocument): void {
    this.#version = version;
    this.#document = document;
    const nowUs = this.#context.nowUs();
    for (const [id, bearer] of this.#context.config.bearers.entries()) {
      const cost = document.bearers[bearer.name]?.costCentsPerMegabyte ?? bearer.costCentsPerMegabyte;
      this.#context.core.setBearerCost(nowUs, id, cost);
    }
    this.#context.touch();
  }
}

function encode(document: PolicyDocument): Uint8Array {
  const out = new Uint8Array(POLICY_OCTETS_MAX);
  try {
    return out.slice(0, encodePolicy(document, out, 0));
  } catch (error) {
    throw new SkeinError("policy-invalid", "the policy is outside its limits", "use fewer or shorter names", error);
  }
}
