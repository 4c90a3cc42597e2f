import { formatAddress } from "../../../src/fleet/address.ts";
import type { Picture } from "../../../src/fleet/picture.ts";
import type { Translate } from "../i18n/context.ts";
import type { TextKey } from "../i18n/en.ts";

/** The name of a node, or its address where no name is known. */
export function nodeName(picture: Picture, address: number, t: Translate): string {
  const name = picture.nodes.find((node) => node.address === address)?.name;
  return name || t("nodes.unnamed", { address: formatAddress(address) });
}

export function roleKey(role: number): TextKey {
  return role >= 0 && role <= 4 ? (`role.${role}` as TextKey) : "role.0";
}

export function kindKey(kind: number): TextKey {
  return kind >= 0 && kind <= 4 ? (`kind.${kind}` as TextKey) : "kind.other";
}
