import { encodePolicyEnvelope, MAX_POLICY_OCTETS, type PolicyDocument } from "@skein/codecs";
import type { Command, CommandReply } from "@skein/node-agent/api";
import { readKeyFile } from "@skein/node-agent/config";
import { createPolicySigner, fingerprint, type PolicySigner } from "@skein/node-agent/policy-key";
import type { AgentReport } from "../fleet/agent-status.ts";

/** Written before it is known to be short enough. */
const SCRATCH_OCTETS = 8192;

/** Gives policies their version and signature, and hands them to the agent. */
export class PolicyPublisher {
  readonly #signer: PolicySigner | undefined;
  readonly #submit: (command: Command) => Promise<CommandReply>;

  constructor(signer: PolicySigner | undefined, submit: (command: Command) => Promise<CommandReply>) {
    this.#signer = signer;
    this.#submit = submit;
  }

  /** Fingerprint of the key that it signs with. */
  get key(): string | null {
    return this.#signer === undefined ? null : fingerprint(this.#signer.publicKey);
  }

  /**
   * One version above the one in force, so that agents take it and two operators at one controller can never publish two
   * documents under one version. The reply has `{version, octets}`.
   */
  async publish(draft: PolicyDocument, status: AgentReport | null): Promise<CommandReply> {
    if (status === null) return { ok: false, code: "agent-lost", message: "the agent does not answer: try again" };
    const document = { ...draft, version: status.policy.version + 1 };
    const publishedS = Math.floor(Date.now() / 1000);
    const out = new Uint8Array(SCRATCH_OCTETS);
    const envelope = { publisher: status.core.address, publishedS, document, signed: this.#signer !== undefined };
    const octets = out.slice(0, encodePolicyEnvelope(envelope, out));
    if (octets.length > MAX_POLICY_OCTETS) {
      const message = `the policy has ${octets.length} octets, ${MAX_POLICY_OCTETS} at most: use fewer or shorter names`;
      return { ok: false, code: "policy-invalid", message };
    }
    this.#signer?.sign(document.version, octets);
    const base64 = Buffer.from(octets).toString("base64");
    const command: Command =
      this.#signer === undefined
        ? { do: "policy", document }
        : { do: "policy-signed", version: document.version, octets: base64 };
    const reply = await this.#submit(command);
    return reply.ok ? { ok: true, result: { version: document.version, octets: octets.length } } : reply;
  }
}

/**
 * The signing key in a file, undefined without one.
 * @throws SkeinError `key-invalid`
 */
export async function loadSigner(file: string | undefined): Promise<PolicySigner | undefined> {
  if (file === undefined) return undefined;
  return createPolicySigner(Uint8Array.from(Buffer.from(readKeyFile("signingKeyFile", file), "hex")));
}
