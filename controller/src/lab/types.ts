/**
 * The lab's control API, as the lab serves it and the console uses it through the controller:
 *
 *   GET  /lab/state    LabState
 *   POST /lab/action   LabAction -> LabReply
 */
export interface LabState {
  scenario: string;
  /** Seconds of scenario time. */
  timeS: number;
  networks: LabNetwork[];
  nodes: LabNode[];
  faults: LabFault[];
}
export interface LabNetwork {
  name: string;
  /** False while the network is cut as a whole; absent means up. */
  up?: boolean;
}
export interface LabNode {
  /** Area-local address as a number: area in the high octet, id in the low one. */
  address: number;
  name: string;
  role: string;
  powered: boolean;
  /** Address of its handset page on this machine; null while it is down. */
  handset?: string | null;
}
/** A failure that the scenario plans, or that somebody caused by an action. */
export interface LabFault {
  id: string;
  what: string;
  /** Scenario time at which it happens. */
  atS: number;
  active: boolean;
}

export type LabAction =
  | { action: "cut-link"; from: number; to: number }
  | { action: "restore-link"; from: number; to: number }
  | { action: "kill-node"; address: number }
  | { action: "restore-node"; address: number }
  | { action: "cut-network"; network: string }
  | { action: "restore-network"; network: string };

export type LabReply = { ok: true } | { ok: false; message: string };
