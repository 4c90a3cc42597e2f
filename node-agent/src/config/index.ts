export { readKeyFile } from "./load.ts";
export {
  bearerFields,
  bearersOf,
  capFields,
  checkClasses,
  classesSchema,
  megabytes,
  policyDocumentSchema,
} from "./policy-schema.ts";
export { type AgentConfig, addressText, agentConfigSchema } from "./schema.ts";
export { ConfigError, type ConfigProblem, parseYaml } from "./yaml.ts";
