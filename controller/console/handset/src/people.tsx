import { formatAge } from "../../src/state/format.ts";
import { useHandset } from "./view.ts";

/** Silence after which a person is greyed, seconds; without a path at once. */
const STALE_AFTER_S = 30;

/** Who was heard, and how long ago; the quietest last. */
export function People() {
  const { status, client, online, t } = useHandset();
  const sinceStatusS = (Date.now() - client.statusAtMs) / 1000;
  const others = status.core.nodes
    .filter((node) => node.address !== status.core.address)
    .map((node) => ({ ...node, ageS: node.lastHeardMs / 1000 + sinceStatusS }))
    .sort((a, b) => Number(b.reachable) - Number(a.reachable) || a.ageS - b.ageS);
  return (
    <ul class="people" data-testid="people">
      {others.length === 0 && <li class="is-stale">{t("people.none")}</li>}
      {others.map((node) => (
        <li key={node.address} class={online && node.reachable && node.ageS < STALE_AFTER_S ? "" : "is-stale"}>
          <b>{node.name}</b> {formatAge(node.ageS)}
        </li>
      ))}
    </ul>
  );
}
