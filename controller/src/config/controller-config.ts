import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { parseYaml } from "@skein/node-agent/config";
import { z } from "zod";

const hostPort = z
  .string()
  .regex(/^(\[[0-9a-fA-F:]+\]|[\w.-]+):\d{1,5}$/, "expected HOST:PORT, for example 127.0.0.1:4780")
  .refine((text) => Number(text.slice(text.lastIndexOf(":") + 1)) <= 65535, "a port is at most 65535");

/** The controller's configuration file: which agent it stands beside and where it serves the console. */
const controllerConfigSchema = z.strictObject({
  /** API of the agent on this machine */
  agent: hostPort.default("127.0.0.1:4780"),
  /** where the console is served; port 0 takes a free one */
  listen: hostPort.default("127.0.0.1:8080"),
  /** control API of a running lab; the console then offers to cut links and power nodes off */
  lab: hostPort.optional(),
  /** what policies are signed with (`skein init` makes controller.key); without it agents that know a key take none */
  signingKeyFile: z.string().min(1).optional(),
  /** language of the console until the operator chooses another */
  language: z.enum(["zh-CN", "en"]).default("zh-CN"),
});

/** Validated configuration, with every default filled in. */
export type ControllerConfig = Readonly<z.infer<typeof controllerConfigSchema>>;

/**
 * Reads and validates a configuration file. A relative path in it starts at the file's own folder.
 * @throws ConfigError with a line for each problem; the file system's error if it cannot be read.
 */
export function loadControllerConfig(file: string): ControllerConfig {
  const config = parseYaml(file, readFileSync(file, "utf8"), controllerConfigSchema);
  if (config.signingKeyFile !== undefined) config.signingKeyFile = resolve(dirname(file), config.signingKeyFile);
  return Object.freeze(config);
}

/** Splits `HOST:PORT`; an IPv6 host comes without its brackets. */
export function splitHostPort(text: string): { host: string; port: number } {
  const colon = text.lastIndexOf(":");
  return { host: text.slice(0, colon).replace(/^\[|\]$/g, ""), port: Number(text.slice(colon + 1)) };
}
