import { withArguments } from "./arguments.ts";

const HELP = `Usage: skein join

Admission of a node by a ticket is not in this build; prints how a node gets into a mission today.`;

export function main(args: string[]): Promise<number> {
  return withArguments(args, {}, HELP, () => {
    console.error(
      "skein join: this build has no tickets yet: a mission has one key; copy mission.key (mode 0600) from the folder " +
        "that `skein init` made, and controller.pub, to the new node, and give its agent.yaml a name, address and id of its own.",
    );
    return 1;
  });
}
