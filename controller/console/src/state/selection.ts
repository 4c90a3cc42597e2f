/** What the operator has picked on the map or in a list. */
export type Selection = { kind: "node"; address: number } | { kind: "link"; from: number; to: number };

export function isSelectedNode(selection: Selection | undefined, address: number): boolean {
  return selection?.kind === "node" && selection.address === address;
}

export function isSelectedLink(selection: Selection | undefined, from: number, to: number): boolean {
  return selection?.kind === "link" && selection.from === from && selection.to === to;
}
