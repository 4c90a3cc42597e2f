import { formatAddress } from "../../../src/fleet/address.ts";
import { formatAge } from "../../src/state/format.ts";
import { useHandset } from "./view.ts";

/** Silence after which a person is greyed, seconds; without a path at once. */
const STALE_AFTER_S = 30;

/** Roles as an advertisement numbers them, people before machines: headquarters, vehicle, terminal, relay, airborne. */
const ORDER = [4, 3, 0, 1, 2];

/** Who was heard, and how long ago: headquarters first, then by name; who is silent comes last. */
export function People() {
  const { status, client, online, t } = useHandset();
  const sinceStatusS = (Date.now() - client.statusAtMs) / 1000;
  // A position is a sign of life too: routing may hear of a quiet node once in minutes only.
  const positionAgeS = new Map(status.positions.map(({ address, ageS }) => [address, ageS]));
  const others = status.core.nodes
    .filter((node) => node.address !== status.core.address)
    .map(({ address, name, role, reachable, lastHeardMs }) => {
      const ageS = Math.min(lastHeardMs / 1000, positionAgeS.get(address) ?? Number.POSITIVE_INFINITY) + sinceStatusS;
      return { address, name, role, ageS, isStale: !online || !reachable || ageS >= STALE_AFTER_S };
    })
    .sort(
      (a, b) =>
        Number(a.isStale) - Number(b.isStale) || ORDER.indexOf(a.role) - ORDER.indexOf(b.role) || a.address - b.address,
    );
  return (
    <ul class="people" data-testid="people">
      {others.length === 0 && <li class="is-stale">{t("people.none")}</li>}
      {others.map((node) => (
        <li key={node.address} class={node.isStale ? "is-stale" : ""}>
          <b>{node.name || formatAddress(node.address)}</b> {formatAge(node.ageS)}
        </li>
      ))}
    </ul>
  );
}
