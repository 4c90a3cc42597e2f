import { HalError, systemCode } from "../../hal-error.ts";
import { openKernelPort } from "./kernel-port.ts";
import { openNodePort } from "./node-port.ts";
import type { UdpPort, UdpPortEvents, UdpPortOptions } from "./udp-port.ts";

/**
 * Binds a socket.
 * @throws HalError `port-in-use`, `address-missing` (not on this machine now), `bind-failed`
 */
export async function openUdpPort(options: UdpPortOptions, events: UdpPortEvents): Promise<UdpPort> {
  try {
    const { groupOn } = options;
    return await ((groupOn === undefined && openKernelPort(options, events)) || openNodePort(options, events));
  } catch (error) {
    throw bindError(options.host, options.port, error);
  }
}

function bindError(host: string, port: number, error: unknown): HalError {
  const where = `UDP ${host} port ${port}`;
  switch (systemCode(error)) {
    case "EADDRINUSE":
      return new HalError("port-in-use", `${where} is in use by another program`, "choose another port", error);
    case "EADDRNOTAVAIL":
    case "ENODEV":
      return new HalError("address-missing", `${host} is not an address of this machine now`, "", error);
    default:
      return new HalError("bind-failed", `${where}: ${systemCode(error)}`, "", error);
  }
}
