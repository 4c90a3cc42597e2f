import { type Document, isScalar, LineCounter, parseDocument, visit, type YAMLParseError } from "yaml";
import type { ZodType } from "zod";

/** One thing wrong in a configuration, for people: where, what, and what would be right. */
export interface ConfigProblem {
  line: number;
  path: string;
  message: string;
}

/** A file was refused; `message` has one line per problem: `FILE:LINE: PATH: what is wrong`. */
export class ConfigError extends Error {
  readonly code = "config-invalid";
  readonly problems: ConfigProblem[];
  constructor(file: string, problems: ConfigProblem[]) {
    super(problems.map((p) => `${file}:${p.line}: ${p.path ? `${p.path}: ` : ""}${p.message}`).join("\n"));
    this.name = "ConfigError";
    this.problems = problems;
  }
}

/**
 * Parses YAML text and validates it with a zod schema. What contradicts something else names that by its path in the
 * issue's `params.against`: its line is said as well.
 * @throws ConfigError with the line of each problem.
 */
export function parseYaml<T>(file: string, text: string, schema: ZodType<T>): T {
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { lineCounter, strict: true, uniqueKeys: true });
  const lineOf = (offset: number): number => lineCounter.linePos(offset).line;
  if (document.errors.length > 0) {
    throw new ConfigError(
      file,
      document.errors.map((e) => ({ line: lineOf(e.pos[0]), path: "", message: describe(document, e, lineOf) })),
    );
  }
  // Used once: code made for this schema would cost more than it saves.
  const result = schema.safeParse(toValue(file, document), { jitless: true });
  if (result.success) return result.data;
  throw new ConfigError(
    file,
    result.error.issues.flatMap((issue) => {
      const problem = (path: PropertyKey[], message: string): ConfigProblem => {
        return { line: lineOf(offsetOf(document, path)), path: path.join("."), message };
      };
      const against = issue.code === "custom" ? (issue.params?.["against"] as PropertyKey[] | undefined) : undefined;
      if (against !== undefined && against.length > 0)
        return problem(issue.path, `${issue.message} (line ${lineOf(offsetOf(document, against))})`);
      if (issue.code !== "unrecognized_keys") return problem(issue.path, issue.message);
      return issue.keys.map((key) => problem([...issue.path, key], "unknown field: remove it or check its spelling"));
    }),
  );
}

/** What the parser found wrong; of a key that comes twice also where it came first. */
function describe(document: Document, error: YAMLParseError, lineOf: (offset: number) => number): string {
  const message = error.message.split("\n")[0] ?? error.code;
  if (error.code !== "DUPLICATE_KEY") return message;
  let found: string | undefined;
  visit(document, {
    Map: (_, map) => {
      const keys = map.items.map(({ key }) => key).filter(isScalar);
      const second = keys.find(({ range }) => range?.[0] === error.pos[0]);
      const first = keys.find((key) => key !== second && key.value === second?.value);
      if (second === undefined || first?.range == null) return undefined;
      found = `a second "${second.value}", the first is in line ${lineOf(first.range[0])}: keep one of them`;
      return visit.BREAK;
    },
  });
  return found ?? message;
}

function toValue(file: string, document: Document): unknown {
  try {
    return document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    // Aliases that grow beyond all measure, or that point nowhere.
    throw new ConfigError(file, [{ line: 1, path: "", message: (error as Error).message }]);
  }
}

/** Where the deepest part of the path that exists in the file begins. */
function offsetOf(document: Document, path: readonly PropertyKey[]): number {
  for (let depth = path.length; depth >= 0; depth--) {
    const node = depth === 0 ? document.contents : document.getIn(path.slice(0, depth), true);
    const range = (node as { range?: [number, number, number] } | null | undefined)?.range;
    if (range) return range[0];
  }
  return 0;
}
