import type { PolicyDocument } from "@skein/codecs";
import type { AgentReport } from "../fleet/agent-status.ts";

/** `GET /api/policy`: what is in force, since when, by whom, and where. */
export interface PolicyView {
  version: number;
  document: PolicyDocument | null;
  /** `unchecked`: the agent beside the controller has no key to check it with. */
  signature: "good" | "unchecked" | "none";
  /** Fingerprint of the key that the agent checks with, and of the one that this controller signs with. */
  key: string | null;
  signingKey: string | null;
  publisher: PolicyNode | null;
  /** ISO 8601, by the publisher's clock; null if there is no policy. */
  publishedAt: string | null;
  /** On the air. */
  octets: number;
  /** Nodes that have it, and nodes that have told of an older one or of none. */
  has: PolicyNode[];
  missing: PolicyNode[];
}
export interface PolicyNode {
  address: number;
  name: string;
  /** What it has told of; 0 for none or if it has told nothing. */
  version: number;
  reachable: boolean;
}

/** The view of a policy as the agent beside the controller reports it. */
export function policyView({ core, name, policy }: AgentReport, signingKey: string | null): PolicyView {
  const { version, document, signature, key, octets } = policy;
  const told = new Map(policy.nodes.map((node) => [node.address, node.version]));
  told.set(core.address, version);
  const nodes = core.nodes.map((node) => ({
    address: node.address,
    name: node.name,
    version: told.get(node.address) ?? 0,
    reachable: node.reachable,
  }));
  if (!nodes.some(({ address }) => address === core.address))
    nodes.unshift({ address: core.address, name, version, reachable: true });
  const has = nodes.filter((node) => version > 0 && node.version >= version);
  return {
    version,
    document: document as PolicyDocument | null,
    signature,
    key,
    signingKey,
    publisher: nodes.find(({ address }) => address === policy.publisher) ?? null,
    publishedAt: version === 0 ? null : new Date(policy.publishedMs).toISOString(),
    octets,
    has,
    missing: version === 0 ? [] : nodes.filter((node) => !has.includes(node)),
  };
}
