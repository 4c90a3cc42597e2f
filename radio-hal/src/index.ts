export * from "./bearer.ts";
export { HalError } from "./hal-error.ts";
