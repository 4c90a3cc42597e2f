import { useTranslate } from "../i18n/context.ts";
import { kindKey, roleKey } from "../state/fleet-names.ts";
import { RoleSymbol } from "./role-symbol.tsx";

const QUALITIES = ["good", "fair", "poor", "lost"] as const;

export function MapLegend() {
  const t = useTranslate();
  return (
    <div class="map-legend">
      <div>
        {[4, 3, 2, 1, 0].map((role) => (
          <span key={role}>
            <RoleSymbol role={role} liveness="live" />
            {t(roleKey(role))}
          </span>
        ))}
      </div>
      <div>
        {QUALITIES.map((quality) => (
          <span key={quality}>
            <svg viewBox="0 0 22 6" aria-hidden="true">
              <line class={`link-line quality-${quality}`} x1="1" x2="21" y1="3" y2="3" />
            </svg>
            {t(`map.${quality}`)}
          </span>
        ))}
        {[1, 2, 3].map((kind) => (
          <span key={kind}>
            <svg viewBox="0 0 22 6" aria-hidden="true">
              <line class={`link-line kind-${kind} quality-plain`} x1="1" x2="21" y1="3" y2="3" />
            </svg>
            {t(kindKey(kind))}
          </span>
        ))}
      </div>
    </div>
  );
}
