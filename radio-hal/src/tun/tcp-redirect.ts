import { type ChildProcess, spawn } from "node:child_process";
import type { Socket } from "node:net";
import { errorText, HalError } from "../hal-error.ts";
import { type TunCalls, tunCalls } from "./libc.ts";

/** From nftables. */
const NFT = "nft";
/** How long the packet filter may take to accept its rules, ms. */
const READY_MS = 5_000;
/** linux/netfilter_ipv4.h and netfilter_ipv6/ip6_tables.h: where a redirected connection was to go. */
const SOL_IP = 0;
const SOL_IPV6 = 41;
const ORIGINAL_DESTINATION = 80;
const SOCKADDR_IN_OCTETS = 16;
const SOCKADDR_IN6_OCTETS = 28;

/** Where a connection was to go before it was redirected. */
export interface Destination {
  readonly family: 4 | 6;
  /** 4 or 16 octets. */
  readonly address: Uint8Array;
  readonly port: number;
}

/** TCP that this machine, or a network behind it, would send into a TUN interface, led to a local port instead. */
export interface TcpRedirect {
  /** Undefined if the connection came to the port by itself. */
  destinationOf(socket: Socket): Destination | undefined;
  /** Connections to an address are left alone for a while. */
  leave(destination: Destination, seconds: number): void;
  /** Removes the rules. Idempotent. */
  close(): Promise<void>;
}

/**
 * Sets the rules in a table of its own, by the `nft` command, which keeps running: the kernel removes a table with
 * `flags owner` when its owner ends (Linux 5.12), so that nothing is left behind whatever happens to this process.
 * `onEnd` is called if the rules are gone before `close()`.
 * @throws HalError `redirect-missing` (no nft), `redirect-refused` (no right, or an old kernel)
 */
export async function openTcpRedirect(
  tun: string,
  port: number,
  onEnd: (reason: string) => void,
): Promise<TcpRedirect> {
  const calls = tunCalls();
  const table = `skein_${tun.replace(/\W/g, "_")}`;
  const child = spawn(NFT, ["-i"], { stdio: ["pipe", "pipe", "pipe"] });
  try {
    await setRules(child, table, rules(table, tun, port));
  } catch (error) {
    child.kill();
    throw error;
  }
  return new NftRedirect(calls, child, table, onEnd);
}

/** One line: the command takes a line as a whole. */
function rules(table: string, tun: string, port: number): string {
  const here = `meta l4proto tcp redirect to :${port} ;`;
  const left = "ip daddr @left4 return ; ip6 daddr @left6 return ;";
  return [
    `table inet ${table} { flags owner ;`,
    "set left4 { type ipv4_addr ; flags timeout ; } ; set left6 { type ipv6_addr ; flags timeout ; } ;",
    `chain output { type nat hook output priority -100 ; ${left} oifname "${tun}" ${here} } ;`,
    `chain prerouting { type nat hook prerouting priority -100 ; ${left}`,
    `iifname != "${tun}" fib daddr oifname "${tun}" ${here} } ; }`,
  ].join(" ");
}

/** The command answers only with what it is asked to list, or with an error. */
function setRules(child: ChildProcess, table: string, line: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let listed = "";
    let complaint = "";
    const refuse = (reason: string) => {
      const remedy = "run as root or with CAP_NET_ADMIN, on Linux 5.12 or later";
      reject(new HalError("redirect-refused", `TCP cannot be redirected: ${reason}`, remedy));
    };
    const timer = setTimeout(() => refuse("nft does not answer"), READY_MS);
    child.once("error", (error) => {
      clearTimeout(timer);
      const remedy = "install nftables";
      reject(new HalError("redirect-missing", `nft cannot be run: ${errorText(error)}`, remedy, error));
    });
    child.once("exit", () => {
      clearTimeout(timer);
      refuse(complaint.split("\n")[0] || "nft has ended");
    });
    child.stderr?.on("data", (octets: Buffer) => {
      complaint += octets;
      clearTimeout(timer);
      refuse(complaint.split("\n")[0] as string);
    });
    child.stdout?.on("data", (octets: Buffer) => {
      listed += octets;
      if (!listed.includes("redirect to")) return;
      clearTimeout(timer);
      resolve();
    });
    child.stdin?.on("error", () => undefined);
    child.stdin?.write(`${line}\nlist table inet ${table}\n`);
  });
}

class NftRedirect implements TcpRedirect {
  readonly #calls: TunCalls;
  readonly #child: ChildProcess;
  readonly #table: string;
  readonly #ended: Promise<void>;
  #isClosed = false;

  constructor(calls: TunCalls, child: ChildProcess, table: string, onEnd: (reason: string) => void) {
    this.#calls = calls;
    this.#child = child;
    this.#table = table;
    this.#ended = new Promise((resolve) => {
      child.once("exit", (code, signal) => {
        resolve();
        if (!this.#isClosed) onEnd(`nft has ended (${signal ?? code})`);
      });
    });
    // An element that is in a set already is no news.
    child.stderr?.resume();
    child.stdout?.resume();
  }

  destinationOf(socket: Socket): Destination | undefined {
    const fd = (socket as unknown as { _handle: { fd: number } | null })._handle?.fd ?? -1;
    if (fd < 0) return undefined;
    const isV4 = socket.remoteFamily !== "IPv6";
    const octets = new Uint8Array(isV4 ? SOCKADDR_IN_OCTETS : SOCKADDR_IN6_OCTETS);
    if (this.#calls.socketOption(fd, isV4 ? SOL_IP : SOL_IPV6, ORIGINAL_DESTINATION, octets) < 0) return undefined;
    const port = ((octets[2] as number) << 8) | (octets[3] as number);
    const address = isV4 ? octets.slice(4, 8) : octets.slice(8, 24);
    // Not redirected: it was to go where it went.
    if (port === socket.localPort) return undefined;
    return { family: isV4 ? 4 : 6, address, port };
  }

  leave({ family, address }: Destination, seconds: number): void {
    const text = family === 4 ? address.join(".") : groupsOf(address);
    this.#child.stdin?.write(`add element inet ${this.#table} left${family} { ${text} timeout ${seconds}s }\n`);
  }

  close(): Promise<void> {
    if (!this.#isClosed) {
      this.#isClosed = true;
      this.#child.kill();
    }
    return this.#ended;
  }
}

function groupsOf(address: Uint8Array): string {
  const groups: string[] = [];
  for (let i = 0; i < 16; i += 2)
    groups.push((((address[i] as number) << 8) | (address[i + 1] as number)).toString(16));
  return groups.join(":");
}
