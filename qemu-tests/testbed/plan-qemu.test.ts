import { expect, test } from "vitest";
import { planArchitecture } from "./plan-architecture.ts";
import { planQemu } from "./plan-qemu.ts";

test("QEMU runs with its own libraries through its own loader, and finds its own firmware", () => {
  const { program, options } = planQemu(planArchitecture("x86_64"), "x86_64");
  expect(program.name).toBe("qemu-system-x86_64");
  expect(program.content).toContain('libraries="$here/usr/lib/x86_64-linux-gnu"');
  expect(program.content).toContain(
    'exec "$libraries/ld-linux-x86-64.so.2" --library-path "$libraries" "$here/usr/bin/qemu-system-x86_64"',
  );
  expect(program.content).toContain('-L "$here/usr/share/qemu" -L "$here/usr/share/seabios" "$@"');
  expect(options).toContain("--include=qemu-system-x86");
});

test("the packages are those of the host's architecture, whatever the guest's", () => {
  const plan = planQemu(planArchitecture("arm"), "aarch64");
  expect(plan.options).toEqual(expect.arrayContaining(["--architectures=arm64", "--include=qemu-system-arm"]));
  expect(plan.program.name).toBe("qemu-system-arm");
  expect(plan.kept).not.toContain("./usr/share/seabios");
});

test("a host of another kind is told which will do", () => {
  expect(() => planQemu(planArchitecture("arm"), "riscv64")).toThrow("on x86_64 and aarch64 hosts, not on riscv64");
});
