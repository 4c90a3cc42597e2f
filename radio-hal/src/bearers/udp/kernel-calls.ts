import { constants, endianness } from "node:os";
import koffi from "koffi";
import { type DescriptorCalls, descriptorCalls, orErrno } from "../../descriptor-calls.ts";
import { addressOf } from "../../memory-address.ts";

/** The socket calls that Node has no names for. Each gives its result, or minus the error number. */
export interface KernelCalls extends DescriptorCalls {
  /** Where the first octet of a buffer lies; it does not move as long as the buffer lives. */
  addressOf(memory: ArrayBuffer): number;
  socket(family: number): number;
  setOption(fd: number, level: number, option: number, value: number): number;
  bind(fd: number, sockaddr: Uint8Array, lengthOctets: number): number;
  /** Writes the socket address that a socket is bound to. */
  nameOf(fd: number, into: Uint8Array): number;
  /** Datagrams taken, at most `count`; never waits. `headers` is the address of as many `struct mmsghdr`. */
  receiveMany(fd: number, headers: number, count: number): number;
  /** Datagrams given to the kernel; never waits. */
  sendMany(fd: number, headers: number, count: number): number;
  /** A counter at 0, of which each read takes one; never waits. */
  eventCounter(): number;
  /** Index of an interface, 0 if there is none of that name. */
  interfaceIndex(name: string): number;
  /** Name of an interface, "" if there is none with that index. */
  interfaceName(index: number): string;
}

export const AF_INET = 2;
export const AF_INET6 = 10;
const SOCK_DGRAM_CLOEXEC = 2 | 0o2000000;
/** eventfd(2): semaphore, close-on-exec, non-blocking. */
const COUNTER_FLAGS = 1 | 0o2000000 | 0o4000;
const MSG_DONTWAIT = 0x40;
/** IF_NAMESIZE. */
const NAME_OCTETS = 16;

let loaded: KernelCalls | null | undefined;
let reason = "";

/** The calls of a 64-bit Linux; null where there are none, and then `kernelCallsMissing()` says why. */
export function kernelCalls(): KernelCalls | null {
  if (loaded !== undefined) return loaded;
  loaded = null;
  // The layouts of socket-address.ts and message-memory.ts are those of these two.
  if (process.platform !== "linux" || !["x64", "arm64"].includes(process.arch) || endianness() !== "LE") {
    reason = `${process.platform} on ${process.arch}`;
    return null;
  }
  try {
    loaded = load();
  } catch (error) {
    reason = error instanceof Error ? error.message : String(error);
  }
  return loaded;
}

/** Why UDP goes one datagram a system call here; "" if it need not. */
export function kernelCallsMissing(): string {
  kernelCalls();
  return reason;
}

function load(): KernelCalls {
  // `null`: the C library that this process has loaded already, whatever its file name is.
  const library = koffi.load(null);
  const socket = library.func("int socket(int, int, int)");
  const setsockopt = library.func("int setsockopt(int, int, int, const uint8_t *, unsigned int)");
  const bind = library.func("int bind(int, const uint8_t *, unsigned int)");
  const getsockname = library.func("int getsockname(int, _Out_ uint8_t *, _Inout_ uint32_t *)");
  const eventfd = library.func("int eventfd(unsigned int, int)");
  const recvmmsg = library.func("int recvmmsg(int, size_t, unsigned int, int, size_t)");
  const sendmmsg = library.func("int sendmmsg(int, size_t, unsigned int, int)");
  const nameToIndex = library.func("unsigned int if_nametoindex(const char *)");
  const indexToName = library.func("const char *if_indextoname(unsigned int, _Out_ uint8_t *)");
  return {
    addressOf,
    socket: (family) => orErrno(socket(family, SOCK_DGRAM_CLOEXEC, 0)),
    setOption: (fd, level, option, value) =>
      orErrno(setsockopt(fd, level, option, new Uint8Array(Int32Array.of(value).buffer), 4)),
    bind: (fd, sockaddr, length) => orErrno(bind(fd, sockaddr, length)),
    nameOf: (fd, into) => orErrno(getsockname(fd, into, [into.length])),
    ...descriptorCalls(library),
    eventCounter: () => orErrno(eventfd(0, COUNTER_FLAGS)),
    receiveMany: (fd, headers, count) => orErrno(recvmmsg(fd, headers, count, MSG_DONTWAIT, 0)),
    sendMany: (fd, headers, count) => orErrno(sendmmsg(fd, headers, count, MSG_DONTWAIT)),
    interfaceIndex: (name) => nameToIndex(name),
    interfaceName: (index) => indexToName(index, new Uint8Array(NAME_OCTETS)) ?? "",
  };
}

const NAMES = new Map(Object.entries(constants.errno).map(([name, value]) => [value, name]));

/** An error as Node's own: its `code` is `EMSGSIZE`, ... */
export function systemError(call: string, errno: number): Error {
  const code = NAMES.get(errno) ?? `error ${errno}`;
  return Object.assign(new Error(`${call} ${code}`), { code, errno: -errno, syscall: call });
}

/** @throws Error with the system's `code` where a call has given minus an error number */
export function checked(call: string, result: number): number {
  if (result < 0) throw systemError(call, -result);
  return result;
}
