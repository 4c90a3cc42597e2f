import { CLASS_COUNT } from "@skein/codecs";
import type { ClassTraffic } from "./api.ts";

/** What a bearer has carried, by traffic class; the last column is what has none: the mesh's own frames. */
export class TrafficByClass {
  readonly #framesSent = new Float64Array(CLASS_COUNT + 1);
  readonly #octetsSent = new Float64Array(CLASS_COUNT + 1);
  readonly #framesReceived = new Float64Array(CLASS_COUNT);
  readonly #octetsReceived = new Float64Array(CLASS_COUNT);
  readonly #framesFirst = new Float64Array(CLASS_COUNT);

  /** A frame, its headers and tag included, has gone out with a packet of this class, CLASS_COUNT if with none. */
  sent(trafficClass: number, lengthOctets: number): void {
    this.#framesSent[trafficClass] = (this.#framesSent[trafficClass] as number) + 1;
    this.#octetsSent[trafficClass] = (this.#octetsSent[trafficClass] as number) + lengthOctets;
  }

  received(trafficClass: number, lengthOctets: number): void {
    this.#framesReceived[trafficClass] = (this.#framesReceived[trafficClass] as number) + 1;
    this.#octetsReceived[trafficClass] = (this.#octetsReceived[trafficClass] as number) + lengthOctets;
  }

  /** What was received last had not come by any other way before. */
  wasFirst(trafficClass: number): void {
    this.#framesFirst[trafficClass] = (this.#framesFirst[trafficClass] as number) + 1;
  }

  /** By class; at the end what is left of all that the bearer received. */
  read(framesReceived: number, octetsReceived: number): ClassTraffic[] {
    let frames = framesReceived;
    let octets = octetsReceived;
    const read: ClassTraffic[] = [];
    for (let c = 0; c < CLASS_COUNT; c++) {
      frames -= this.#framesReceived[c] as number;
      octets -= this.#octetsReceived[c] as number;
      read.push({
        framesSent: this.#framesSent[c] as number,
        octetsSent: this.#octetsSent[c] as number,
        framesReceived: this.#framesReceived[c] as number,
        octetsReceived: this.#octetsReceived[c] as number,
        framesFirst: this.#framesFirst[c] as number,
      });
    }
    read.push({
      framesSent: this.#framesSent[CLASS_COUNT] as number,
      octetsSent: this.#octetsSent[CLASS_COUNT] as number,
      // Of a packet in fragments only the whole is counted above.
      framesReceived: Math.max(0, frames),
      octetsReceived: Math.max(0, octets),
      framesFirst: 0,
    });
    return read;
  }
}
