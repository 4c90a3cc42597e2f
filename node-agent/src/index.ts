export { addressOf, addressTextOf, type LoadedConfig, loadConfig } from "./config/load.ts";
export { type AgentConfig, agentConfigSchema } from "./config/schema.ts";
export { ConfigError, type ConfigProblem, parseYaml } from "./config/yaml.ts";
export { errorCode, errorMessage, SkeinError } from "./shell/skein-error.ts";
