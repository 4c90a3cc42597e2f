export * from "./api.ts";
export { createCore } from "./core.ts";
