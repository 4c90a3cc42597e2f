/** One direction of a link. */
export interface Link {
  readonly to: number;
  /** Share of frames lost, 0..1. */
  loss: number;
  /** Latency on top of the medium's own, microseconds. */
  extraUs: number;
}

/** Who hears whom on one medium: an explicit set of directed links that may change at any time. */
export class LinkTable {
  readonly #links: Link[][];

  constructor(nodes: number) {
    this.#links = Array.from({ length: nodes }, () => []);
  }

  /** Links that leave a node, in the order in which they came up. */
  of(from: number): readonly Link[] {
    return this.#links[from] as Link[];
  }

  get(from: number, to: number): Link | undefined {
    for (const link of this.of(from)) if (link.to === to) return link;
    return undefined;
  }

  /** Sets what the link is like; true if there was none. */
  set(from: number, to: number, loss: number, extraUs: number): boolean {
    const link = this.get(from, to);
    if (link === undefined) {
      (this.#links[from] as Link[]).push({ to, loss, extraUs });
      return true;
    }
    link.loss = loss;
    link.extraUs = extraUs;
    return false;
  }

  /** True if there was one. */
  remove(from: number, to: number): boolean {
    const links = this.#links[from] as Link[];
    const at = links.findIndex((link) => link.to === to);
    if (at >= 0) links.splice(at, 1);
    return at >= 0;
  }
}
