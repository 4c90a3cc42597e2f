import type { PositionReport } from "@skein/node-agent/core";
import type { World } from "../world/world.ts";

const SECOND_US = 1_000_000;
const KMH_PER_KNOT = 1.852;

/**
 * What a node's receiver would say from `fromUs` of the world's time on: RMC and GGA once a second (NMEA 0183).
 */
export function nmeaTrack(world: World, node: number, fromUs: number, seconds: number): string {
  const lines: string[] = [];
  for (let second = 0; second < seconds; second++) {
    const report = world.positionReport(node, fromUs + second * SECOND_US);
    lines.push(rmc(report, second), gga(report, second));
  }
  return lines.join("");
}

/** `$GPRMC,time,A,lat,N,lon,E,knots,course,date,,,A*hh` */
function rmc(report: PositionReport, second: number): string {
  const course = Number.isNaN(report.courseDeg) ? "" : report.courseDeg.toFixed(1);
  const knots = (report.speedKmh / KMH_PER_KNOT).toFixed(2);
  return sentence(`GPRMC,${timeOfDay(second)},A,${place(report)},${knots},${course},010126,,,A`);
}

/** `$GPGGA,time,lat,N,lon,E,1,satellites,hdop,altitude,M,geoid,M,,*hh` */
function gga(report: PositionReport, second: number): string {
  return sentence(`GPGGA,${timeOfDay(second)},${place(report)},1,10,0.9,${report.altitudeM.toFixed(1)},M,0.0,M,,`);
}

function timeOfDay(second: number): string {
  const parts = [Math.floor(second / 3600) % 24, Math.floor(second / 60) % 60, second % 60];
  return `${parts.map((part) => String(part).padStart(2, "0")).join("")}.00`;
}

/** Degrees and minutes, `ddmm.mmmmm,N,dddmm.mmmmm,E`. */
function place({ latitudeDeg, longitudeDeg }: PositionReport): string {
  const latitude = degreesMinutes(Math.abs(latitudeDeg), 2);
  const longitude = degreesMinutes(Math.abs(longitudeDeg), 3);
  return `${latitude},${latitudeDeg < 0 ? "S" : "N"},${longitude},${longitudeDeg < 0 ? "W" : "E"}`;
}

function degreesMinutes(degrees: number, digits: number): string {
  // Rounded before it is split: 59.999996 minutes are a further degree and not 60 minutes.
  const hundredThousandths = Math.round(degrees * 60e5);
  const whole = Math.floor(hundredThousandths / 60e5);
  const minutes = (hundredThousandths - whole * 60e5) / 1e5;
  return `${String(whole).padStart(digits, "0")}${minutes.toFixed(5).padStart(8, "0")}`;
}

/** The check is the XOR of everything between `$` and `*`. */
function sentence(body: string): string {
  let check = 0;
  for (let i = 0; i < body.length; i++) check ^= body.charCodeAt(i);
  return `$${body}*${check.toString(16).toUpperCase().padStart(2, "0")}\r\n`;
}
