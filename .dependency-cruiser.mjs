// Who may import whom. ARCHITECTURE.md gives the reasons; `npm run check` fails when this graph saw no modules.

const test = "\\.(test|tap|bench)\\.ts$";
const core = "^node-agent/src/core/";

/** A rule that forbids `from` everything except `allowed` (regular expressions over resolved paths). */
function only(name, comment, from, allowed, fromNot = test) {
  return {
    name,
    comment,
    severity: "error",
    from: { path: from, pathNot: fromNot },
    to: { pathNot: allowed },
  };
}

/** A rule that forbids `from` the paths in `to`. */
function never(name, comment, from, to) {
  return { name, comment, severity: "error", from: { path: from }, to: { path: to } };
}

export default {
  forbidden: [
    {
      name: "no-cycles",
      comment: "A cycle has no bottom to test from.",
      severity: "error",
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ["type-only"] } },
    },
    {
      name: "no-unresolvable",
      comment:
        "An import that resolves to nothing hides an edge from every other rule; Vite plug-ins make virtual ones.",
      severity: "error",
      from: {},
      to: { couldNotResolve: true, pathNot: "^virtual:" },
    },
    only("codecs-is-a-leaf", "Codecs turn octets into values and know nobody.", "^codecs/src/", [
      "^codecs/src/",
      "(^|/)node_modules/cbor-x/",
    ]),
    {
      name: "cbor-in-bundle-only",
      comment: "Hot headers are packed by hand; CBOR is for control messages and bundles.",
      severity: "error",
      from: { path: "^codecs/src/", pathNot: ["^codecs/src/bundle/", test] },
      to: { path: "(^|/)node_modules/cbor-x/" },
    },
    only("core-imports-codecs-only", "The core does no I/O: whatever it needs comes in through arguments.", core, [
      core,
      "^codecs/src/",
    ]),
    never(
      "core-tests-know-no-device",
      "The core is tested in virtual time.",
      core,
      "^(radio-hal|controller|scenarios)/",
    ),
    never(
      "codecs-tests-know-nobody",
      "A leaf is tested alone.",
      "^codecs/",
      "^(radio-hal|node-agent|controller|scenarios)/",
    ),
    never(
      "radio-hal-knows-codecs-only",
      "A device does not know who uses it.",
      "^radio-hal/",
      "^(node-agent|controller|scenarios)/",
    ),
    never(
      "node-agent-knows-no-controller",
      "The mesh works without a controller.",
      "^node-agent/",
      "^(controller|scenarios)/",
    ),
    never(
      "controller-knows-no-device",
      "The controller reaches radios through an agent.",
      "^controller/",
      "^(radio-hal|scenarios)/",
    ),
    {
      name: "no-tests-in-sources",
      comment: "Shipped code does not lean on tests.",
      severity: "error",
      from: { pathNot: test },
      to: { path: test },
    },
    {
      name: "declared-dependencies",
      comment: "What is imported stands in package.json.",
      severity: "error",
      from: { path: "^(codecs|radio-hal|node-agent|controller|scenarios)/" },
      to: { dependencyTypes: ["npm-no-pkg", "npm-unknown"] },
    },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    exclude: { path: "(^|/)(dist|\\.build|coverage)/" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    combinedDependencies: true,
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["import", "node", "default", "types"],
      extensions: [".ts", ".tsx", ".mjs", ".js", ".json"],
      mainFields: ["module", "main", "types"],
    },
  },
};
