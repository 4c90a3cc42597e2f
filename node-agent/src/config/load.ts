import { readFileSync } from "node:fs";
import { dirname, isAbsolute, resolve } from "node:path";
import { SkeinError } from "../shell/skein-error.ts";
import { type AgentConfig, agentConfigSchema } from "./schema.ts";
import { ConfigError, parseYaml } from "./yaml.ts";

/** A configuration that was read and checked: paths absolute, key in hand. */
export interface LoadedConfig {
  readonly file: string;
  readonly config: AgentConfig;
  /** 32 octets. */
  readonly missionKey: Uint8Array;
  /** The controller's public key, 32 octets; undefined if policies need no signature. */
  readonly controllerKey: Uint8Array | undefined;
  /** Area (high octet) and local id (low octet). */
  readonly address: number;
}

/**
 * Reads and checks an agent's configuration file. Relative paths in it start at the file's own folder.
 * @throws SkeinError `config-unreadable` or `key-invalid`, ConfigError with the lines of what is wrong.
 */
export function loadConfig(path: string): LoadedConfig {
  const file = resolve(path);
  const config = parseYaml(path, readText(file, path), agentConfigSchema);
  checkUnique(path, config);
  const base = dirname(file);
  const absolute = (name: string): string => (isAbsolute(name) ? name : resolve(base, name));
  config.state = absolute(config.state);
  if (config.journal !== undefined) config.journal = absolute(config.journal);
  if (config.position.nmea !== undefined) config.position.nmea = absolute(config.position.nmea);
  if (config.battery.file !== undefined) config.battery.file = absolute(config.battery.file);
  const { mission } = config;
  const missionKey = mission.key ?? readKeyFile("mission.keyFile", absolute(mission.keyFile ?? ""));
  const controllerKey =
    mission.controllerKeyFile === undefined
      ? mission.controllerKey
      : readKeyFile("mission.controllerKeyFile", absolute(mission.controllerKeyFile));
  return {
    file,
    config,
    missionKey: Uint8Array.from(Buffer.from(missionKey, "hex")),
    controllerKey: controllerKey === undefined ? undefined : Uint8Array.from(Buffer.from(controllerKey, "hex")),
    address: addressOf(config.node.address),
  };
}

/** `AREA.ID` as a number. The text was checked by the schema. */
export function addressOf(text: string): number {
  const [area, id] = text.split(".").map(Number);
  return ((area as number) << 8) | (id as number);
}

/** An address as people write it: `AREA.ID`. */
export function addressTextOf(address: number): string {
  return `${address >> 8}.${address & 0xff}`;
}

function readText(file: string, path: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    const remedy = "give the path of a readable YAML file with `--config FILE`";
    throw new SkeinError("config-unreadable", `${path}: ${(error as Error).message}`, remedy, error);
  }
}

function checkUnique(path: string, config: AgentConfig): void {
  if (Buffer.byteLength(config.node.name) > 12) {
    throw new ConfigError(path, [{ line: 1, path: "node.name", message: "longer than 12 octets of UTF-8" }]);
  }
  const names = new Set<string>();
  for (const [i, bearer] of config.bearers.entries()) {
    if (names.has(bearer.name)) {
      const message = `a second bearer called "${bearer.name}": each needs a name of its own`;
      throw new ConfigError(path, [{ line: 1, path: `bearers.${i}.name`, message }]);
    }
    names.add(bearer.name);
  }
}

/**
 * The digits in a key file; `field` of the configuration names it.
 * @throws SkeinError `key-invalid`
 */
export function readKeyFile(field: string, file: string): string {
  let text: string;
  try {
    text = readFileSync(file, "utf8").trim();
  } catch (error) {
    const remedy = "copy the mission's key file to this node (mode 0600)";
    throw new SkeinError("key-invalid", `${field}: ${(error as Error).message}`, remedy, error);
  }
  if (!/^[0-9a-fA-F]{64}$/.test(text)) {
    throw new SkeinError("key-invalid", `${field}: ${file} does not hold 64 hexadecimal digits`, "copy it again");
  }
  return text;
}
