import { isSignedPolicy, POLICY_SIGNATURE_OCTETS, signedPolicyPart } from "@skein/codecs";
import sodium from "libsodium-wrappers";
import type { PolicyGate } from "../core/api.ts";

/** What a controller signs its policies with: Ed25519 (RFC 8032). */
export interface PolicySigner {
  /** 32 octets. */
  readonly publicKey: Uint8Array;
  /** Fills in the signature of an envelope that has room for it. */
  sign(version: number, octets: Uint8Array): void;
}

/** `seed`: 32 octets, the private key of RFC 8032. */
export async function createPolicySigner(seed: Uint8Array): Promise<PolicySigner> {
  await sodium.ready;
  const { publicKey, privateKey } = sodium.crypto_sign_seed_keypair(seed);
  return {
    publicKey,
    sign: (version, octets) => {
      const signature = sodium.crypto_sign_detached(signedPolicyPart(version, octets), privateKey);
      octets.set(signature, octets.length - POLICY_SIGNATURE_OCTETS);
    },
  };
}

/** The gate of nodes that know the controller's public key. */
export async function createPolicyGate(publicKey: Uint8Array): Promise<PolicyGate> {
  await sodium.ready;
  return {
    check: (version, octets) => {
      if (!isSignedPolicy(octets)) return "unsigned";
      const signature = octets.subarray(octets.length - POLICY_SIGNATURE_OCTETS);
      const good = sodium.crypto_sign_verify_detached(signature, signedPolicyPart(version, octets), publicKey);
      return good ? "good" : "forged";
    },
  };
}

/** A key as people compare it: its first eight octets. */
export function fingerprint(publicKey: Uint8Array): string {
  return Buffer.from(publicKey.subarray(0, 8))
    .toString("hex")
    .replace(/(.{4})(?=.)/g, "$1-");
}
