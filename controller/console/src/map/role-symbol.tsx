import type { Liveness } from "../../../src/fleet/picture.ts";

/** One outline for each role, on a 24 x 24 field; recognisable without colour. */
const OUTLINES: Record<number, string> = {
  // terminal: disc
  0: "M12 5.5a6.5 6.5 0 1 1 0 13 6.5 6.5 0 0 1 0-13z",
  // ground relay: diamond
  1: "M12 3.2 20.8 12 12 20.8 3.2 12z",
  // airborne: delta wing
  2: "M12 2.8 21.5 20 12 15.8 2.5 20z",
  // vehicle: box with a cab
  3: "M3 6.5h11.5v3H18l3 3.6v4.4H3z",
  // headquarters: pentagon
  4: "M12 2.6 21.4 9.6 17.8 20.6H6.2L2.6 9.6z",
};

export function RoleSymbol({ role, liveness }: { role: number; liveness: Liveness }) {
  return (
    <svg class={`role role-${role} is-${liveness}`} viewBox="0 0 24 24" aria-hidden="true">
      <path d={OUTLINES[role] ?? OUTLINES[0]} />
      {liveness === "lost" && <path class="role-cross" d="M4 4 20 20M20 4 4 20" />}
    </svg>
  );
}
