import koffi from "koffi";

/** Calls on descriptors that Node has no names for. Each gives its result, or minus the error number. */
export interface DescriptorCalls {
  /** Two sockets that are connected to each other. */
  socketPair(into: Int32Array): number;
  /** Makes the descriptor `onto` mean what `fd` means. */
  duplicate(fd: number, onto: number): number;
}

const AF_UNIX = 1;
const SOCK_STREAM_CLOEXEC = 1 | 0o2000000;

/** What a call has given, or minus the error number. */
export function orErrno(result: number): number {
  return result < 0 ? -koffi.errno() : result;
}

/** `library`: the C library. */
export function descriptorCalls(library: ReturnType<typeof koffi.load>): DescriptorCalls {
  const socketpair = library.func("int socketpair(int, int, int, _Out_ int32_t *)");
  const dup2 = library.func("int dup2(int, int)");
  return {
    socketPair: (into) => orErrno(socketpair(AF_UNIX, SOCK_STREAM_CLOEXEC, 0, into)),
    duplicate: (fd, onto) => orErrno(dup2(fd, onto)),
  };
}
