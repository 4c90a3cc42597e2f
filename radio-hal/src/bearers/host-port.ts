import { isIP } from "node:net";
import { HalError } from "../hal-error.ts";

/** `HOST:PORT`; an IPv6 host stands in brackets and may carry its scope: `[fe80::1%eth0]:4700`. */
export interface HostPort {
  readonly host: string;
  readonly port: number;
  /** 4 or 6; 0 for a name that has to be looked up. */
  readonly family: number;
}

const PATTERN = /^(?:\[([0-9a-fA-F:.]+(?:%[\w.-]+)?)\]|([\w.-]+)):(\d{1,5})$/;

/** @throws HalError `bad-address` */
export function parseHostPort(text: string): HostPort {
  const match = PATTERN.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || port > 65535) {
    const remedy = "write HOST:PORT, for example 10.1.2.3:4700 or [fe80::1%eth0]:4700";
    throw new HalError("bad-address", `"${text}" is not an address with a port`, remedy);
  }
  return { host, port, family: isIP(host) };
}
