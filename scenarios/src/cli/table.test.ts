import { test } from "uvu";
import * as assert from "uvu/assert";
import { formatTable } from "./table.ts";

test("numbers stand right, words left", () => {
  assert.equal(
    formatTable(
      ["name", "rate"],
      [
        ["lte", "12.5"],
        ["satellite", "-"],
      ],
    ),
    ["name       rate", "lte        12.5", "satellite     -"],
  );
});

test("a table without rows is its header", () => {
  assert.equal(formatTable(["to", "cost"], []), ["to  cost"]);
});

test.run();
