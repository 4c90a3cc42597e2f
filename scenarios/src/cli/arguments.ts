import { type ParseArgsConfig, parseArgs } from "node:util";

/** The command line was not understood: exit code 2 with the help text. */
export class UsageError extends Error {
  readonly code = "usage";
}

type Options = NonNullable<ParseArgsConfig["options"]>;
type Parsed<O extends Options> = ReturnType<typeof parseArgs<{ args: string[]; options: O; allowPositionals: true }>>;

/**
 * Parses a command line and hands it to `run`. `--help` prints `help`; what is not understood prints the reason and
 * `help` on standard error and gives exit code 2.
 */
export async function withArguments<const O extends Options>(
  args: string[],
  options: O,
  help: string,
  run: (parsed: Parsed<O>) => Promise<number> | number,
): Promise<number> {
  if (args.includes("--help") || args.includes("-h")) {
    console.log(help);
    return 0;
  }
  try {
    return await run(parseArgs({ args, options, allowPositionals: true }) as Parsed<O>);
  } catch (error) {
    const code = (error as { code?: unknown }).code;
    const isUsage = error instanceof UsageError || (typeof code === "string" && code.startsWith("ERR_PARSE_ARGS"));
    if (!isUsage) throw error;
    console.error(`${(error as Error).message}\n\n${help}`);
    return 2;
  }
}
