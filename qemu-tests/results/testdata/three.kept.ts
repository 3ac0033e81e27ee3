import { appendFileSync } from "node:fs";
import { describe, expect, onTestFinished, test } from "vitest";
import { keepResults } from "../keep-results.ts";

/** Tests that are told by their names what to do; every body that runs notes its name in META_K3S_TEST_RAN. */
describe("kept", () => {
  keepResults(process.env["META_K3S_K3S"]);
  const note = (name: string): void => {
    appendFileSync(process.env["META_K3S_TEST_RAN"] ?? "", `${name}\n`);
  };
  test("passes", () => {
    note("passes");
    expect(1).toBe(1);
  });
  test("fails", () => {
    note("fails");
    expect(1).toBe(2);
  });
  test("leaves something behind", () => {
    note("leaves something behind");
    onTestFinished(() => {
      throw new Error("a QEMU was left behind");
    });
    expect(1).toBe(1);
  });
});
