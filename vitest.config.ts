import { defineConfig } from "vitest/config";

/** `npm run test:all` runs everything; `npm test` what says in minutes whether the project works. Nothing slow is skipped by itself. */
const all = process.env["META_K3S_ALL"] === "1";

export default defineConfig({
  test: {
    // Titles whole: results are kept by them, and `-t` finds what a scenario's page calls a fault.
    taskTitleValueFormatTruncate: 0,
    projects: [
      {
        test: {
          name: "unit",
          include: ["tools/**/*.test.ts", "qemu-tests/**/*.test.ts"],
          exclude: ["**/*.integration.test.ts", "**/*.qemu.test.ts", "**/node_modules/**"],
          // A deadline for what hangs; a busy machine must not fail a test.
          testTimeout: 60_000,
        },
      },
      {
        test: {
          name: "integration",
          include: ["tools/**/*.integration.test.ts", "qemu-tests/**/*.integration.test.ts"],
          exclude: ["**/node_modules/**", ...(all ? [] : ["**/*.slow.integration.test.ts"])],
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        // Files boot machines: one at a time, no retry; each wait inside has its own, shorter deadline.
        test: {
          name: "qemu",
          include: ["qemu-tests/**/*.qemu.test.ts"],
          exclude: all ? [] : ["qemu-tests/**/*.slow.qemu.test.ts"],
          fileParallelism: false,
          retry: 0,
          testTimeout: 900_000,
          hookTimeout: 3_000_000,
        },
      },
    ],
  },
});
