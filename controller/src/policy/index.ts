export { envelopeOctets, loadPolicyFile, parsePolicy } from "./policy-file.ts";
export type { PolicyNode, PolicyView } from "./policy-view.ts";
