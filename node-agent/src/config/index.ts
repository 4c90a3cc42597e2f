export { type AgentConfig, addressText, agentConfigSchema } from "./schema.ts";
export { ConfigError, type ConfigProblem, parseYaml } from "./yaml.ts";
