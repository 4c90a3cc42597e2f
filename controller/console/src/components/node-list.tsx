import { formatAddress } from "../../../src/fleet/address.ts";
import type { PictureNode } from "../../../src/fleet/picture.ts";
import { type Translate, useTranslate } from "../i18n/context.ts";
import { RoleSymbol } from "../map/role-symbol.tsx";
import { nodeName, roleKey } from "../state/fleet-names.ts";
import { formatAge } from "../state/format.ts";
import { isSelectedNode } from "../state/selection.ts";
import { Battery } from "./battery.tsx";
import { type ConsoleView, useConsole } from "./console-context.ts";
import { Panel } from "./panel.tsx";

export function NodeList() {
  const t = useTranslate();
  const view = useConsole();
  const { nodes } = view.picture;
  return (
    <Panel title={t("nodes.title")} name="nodes" aside={<span class="badge">{nodes.length}</span>}>
      <div class="scroll">
        <table class="grid">
          <thead>
            <tr>
              <th colSpan={2}>{t("nodes.name")}</th>
              <th>{t("nodes.age")}</th>
              <th>{t("nodes.battery")}</th>
              <th>{t("nodes.route")}</th>
            </tr>
          </thead>
          <tbody>
            {nodes.map((node) => (
              <NodeRow key={node.address} node={node} view={view} t={t} />
            ))}
          </tbody>
        </table>
        {nodes.length === 0 && <p class="empty">{t("nodes.empty")}</p>}
      </div>
    </Panel>
  );
}

function NodeRow({ node, view, t }: { node: PictureNode; view: ConsoleView; t: Translate }) {
  const { address, liveness } = node;
  const selected = isSelectedNode(view.selection, address);
  return (
    <tr
      class={`node-row is-${liveness} ${selected ? "is-selected" : ""}`}
      data-testid={`node-row-${address}`}
      data-liveness={liveness}
      onClick={() => view.select({ kind: "node", address })}
    >
      <td class="node-symbol">
        <RoleSymbol role={node.role} liveness={liveness} />
      </td>
      <td class="node-name">
        <b>{nodeName(view.picture, address, t)}</b>
        <small>
          {formatAddress(address)} · {t(roleKey(node.role))}
        </small>
      </td>
      <td class="num">
        {formatAge(node.ageS)}
        <small class={`state-${liveness}`}>{t(`live.${liveness}`)}</small>
      </td>
      <td>
        <Battery percent={node.batteryPercent} />
      </td>
      <td class="node-route">
        <span data-testid={`route-to-${address}`}>{routeText(node, view, t)}</span>
        {node.route !== null && <small>{node.route.bearer}</small>}
      </td>
    </tr>
  );
}

function routeText(node: PictureNode, { picture }: ConsoleView, t: Translate): string {
  if (node.address === picture.agent.address) return t("nodes.own");
  if (node.route === null) return t("nodes.noRoute");
  return node.route.nextHop === node.address ? t("nodes.direct") : nodeName(picture, node.route.nextHop, t);
}
