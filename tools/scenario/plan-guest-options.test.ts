import { expect, test } from "vitest";
import { planGuestOptions } from "./plan-guest-options.ts";
import type { Defect } from "./scenario.ts";

const file = (path: string): { path: string; mode: string; content: string } => ({ path, mode: "0600", content: "" });
const defect: Defect = {
  name: "planted",
  about: "a fault",
  machine: (guest) =>
    guest === "agent" ? { restrictNetwork: false, kernelArguments: ["b"], handOver: { files: [file("/b")] } } : {},
  fails: { check: /./u, words: /./u },
};

test("without a defect the machine is as the scenario asks", () => {
  const options = planGuestOptions("agent", { restrictNetwork: true, kernelArguments: ["a"] }, undefined);
  expect(options).toEqual({ name: "agent", restrictNetwork: true, kernelArguments: ["a"] });
});

test("a defect replaces single values and adds to lists, on its machine alone", () => {
  const wish = { restrictNetwork: true, kernelArguments: ["a"], handOver: { files: [file("/a")] } };
  expect(planGuestOptions("agent", wish, defect)).toMatchObject({
    restrictNetwork: false,
    kernelArguments: ["a", "b"],
    handOver: { files: [file("/a"), file("/b")], credentials: [] },
  });
  expect(planGuestOptions("server", wish, defect)).toMatchObject({ restrictNetwork: true, kernelArguments: ["a"] });
});

test("a planted file takes the place of the machine's own", () => {
  const own = { path: "/b", mode: "0600", content: "right" };
  expect(planGuestOptions("agent", { handOver: { files: [own] } }, defect).handOver?.files).toEqual([file("/b")]);
});
