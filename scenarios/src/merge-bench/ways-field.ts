import { Field, type FieldMedium } from "../routing-bench/field.ts";

/**
 * Two nodes with ways of several hops between them. `NEAR`: vehicle and headquarters have LTE between them, and a node in
 * the air that both hear by ad-hoc radio. `FAR`: they share nothing, and hear two nodes in the air. Rates, delays and losses
 * of each link are those of the three paths of the other benches. What is cut falls silent.
 */
export const LTE = { bitrateBps: 20e6, latencyUs: 30_000, loss: 0.01 };
export const ADHOC = { bitrateBps: 5e6, latencyUs: 5_000, loss: 0.05 };
export const VEHICLE = 0;
export const HQ = 1;
export const AIR = 2;
const OTHER_AIR = 3;
const SETTLE_US = 5_000_000;

export interface Link {
  readonly of: readonly [number, number];
  readonly like: typeof LTE;
}

export const NEAR: readonly Link[] = [
  { of: [VEHICLE, HQ], like: LTE },
  { of: [VEHICLE, AIR], like: ADHOC },
  { of: [AIR, HQ], like: ADHOC },
];
export const FAR: readonly Link[] = [
  { of: [VEHICLE, AIR], like: ADHOC },
  { of: [AIR, HQ], like: ADHOC },
  { of: [VEHICLE, OTHER_AIR], like: ADHOC },
  { of: [OTHER_AIR, HQ], like: ADHOC },
];

export function makeField(links: readonly Link[], seed: number): Field {
  const media = links.map(({ of, like }): FieldMedium => {
    const { bitrateBps, latencyUs } = like;
    const bearer = { medium: "point-to-point", bitrateBps, latencyUs } as const;
    return { name: `${of[0]}-${of[1]}`, kind: "wires", members: of, bearer };
  });
  const nodes = 1 + Math.max(...links.flatMap(({ of }) => of));
  const field = new Field({ nodes, seed, media });
  for (const [medium, { of, like }] of links.entries()) field.join(medium, of[0], of[1], like.loss);
  for (let node = 0; node < nodes; node++) field.start(node);
  field.run(SETTLE_US);
  return field;
}

/** All links of a node, or one, fall silent. */
export function silence(field: Field, links: readonly Link[], isCut: (link: Link) => boolean): void {
  for (const [medium, link] of links.entries()) if (isCut(link)) field.part(medium, link.of[0], link.of[1]);
}
