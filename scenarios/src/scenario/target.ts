/** What `cut:` and `degrade:` name: one name (node or network), or a link `A - B`, or one way `A -> B`. */
export interface Target {
  names: string[];
  oneWay: boolean;
}

export function parseTarget(text: string): Target {
  const link = /^\s*(\S+)\s+(->|-)\s+(\S+)\s*$/.exec(text);
  if (!link) return { names: [text.trim()], oneWay: false };
  return { names: [link[1] ?? "", link[3] ?? ""], oneWay: link[2] === "->" };
}
