import { expect, test } from "vitest";
import type { MachinePlan } from "../machine/machine.ts";
import { planReadyTimeoutMs } from "./plan-ready-timeout.ts";

const plan = (arch: string, kind: string): Pick<MachinePlan, "spec" | "accelerator"> =>
  ({ spec: { arch }, accelerator: { kind, reason: "" } }) as Pick<MachinePlan, "spec" | "accelerator">;

test("an emulated 32-bit Arm has more time, and it alone", () => {
  const others = [plan("x86_64", "tcg"), plan("x86_64", "kvm"), plan("aarch64", "tcg"), plan("arm", "kvm")];
  expect(others.map((one) => planReadyTimeoutMs(one) / 60_000)).toEqual([15, 15, 15, 15]);
  expect(planReadyTimeoutMs(plan("arm", "tcg")) / 60_000).toBe(40);
});
