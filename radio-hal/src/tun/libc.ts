import { constants } from "node:os";
import koffi from "koffi";
import { type DescriptorCalls, descriptorCalls, orErrno } from "../descriptor-calls.ts";
import { HalError } from "../hal-error.ts";
import { addressOf } from "../memory-address.ts";

/** The system calls behind a TUN that Node has no names for. Each gives its result, or minus the error number. */
export interface TunCalls extends DescriptorCalls {
  ioctl(fd: number, request: number, argument: Uint8Array): number;
  /** The same, of a request whose argument is a number. */
  setFlags(fd: number, request: number, flags: number): number;
  /** 0 if there is no such interface. */
  interfaceIndex(name: string): number;
  /** A netlink socket of the routing family. */
  openNetlink(): number;
  send(fd: number, octets: Uint8Array): number;
  receive(fd: number, into: Uint8Array): number;
  /** `at` is an address. */
  read(fd: number, at: number, octets: number): number;
  /** Where the first octet of a buffer lies; it does not move as long as the buffer lives. */
  addressOf(memory: ArrayBuffer): number;
  /** Reads an option of a socket. */
  socketOption(fd: number, level: number, option: number, into: Uint8Array): number;
}

const AF_NETLINK = 16;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2000000;
const NETLINK_ROUTE = 0;

let loaded: TunCalls | undefined;

/** @throws HalError `tun-unavailable` */
export function tunCalls(): TunCalls {
  try {
    loaded ??= load();
    return loaded;
  } catch (error) {
    throw new HalError("tun-unavailable", "the C library has no network interface calls", "use Linux", error);
  }
}

function load(): TunCalls {
  // `null`: the C library that this process has loaded already, whatever its file name is.
  const library = koffi.load(null);
  const ioctl = library.func("int ioctl(int, unsigned long, _Inout_ uint8_t *)");
  const ioctlNumber = library.func("int ioctl(int, unsigned long, unsigned long)");
  const nameToIndex = library.func("unsigned int if_nametoindex(const char *)");
  const socket = library.func("int socket(int, int, int)");
  const send = library.func("long send(int, const uint8_t *, size_t, int)");
  const receive = library.func("long recv(int, _Out_ uint8_t *, size_t, int)");
  const read = library.func("long read(int, size_t, size_t)");
  const getOption = library.func("int getsockopt(int, int, int, _Out_ uint8_t *, _Inout_ uint32_t *)");
  return {
    ioctl: (fd, request, argument) => orErrno(ioctl(fd, request, argument)),
    setFlags: (fd, request, flags) => orErrno(ioctlNumber(fd, request, flags)),
    interfaceIndex: (name) => nameToIndex(name),
    openNetlink: () => orErrno(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE)),
    send: (fd, octets) => orErrno(send(fd, octets, octets.length, 0)),
    receive: (fd, into) => orErrno(receive(fd, into, into.length, 0)),
    read: (fd, at, octets) => orErrno(read(fd, at, octets)),
    ...descriptorCalls(library),
    addressOf,
    socketOption: (fd, level, option, into) => orErrno(getOption(fd, level, option, into, [into.length])),
  };
}

/** `EPERM`, ... of an error number. */
export function errorName(errno: number): string {
  for (const [name, value] of Object.entries(constants.errno)) if (value === errno) return name;
  return `error ${errno}`;
}
