import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
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
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        // Files boot machines: one at a time, no retry; each wait inside has its own, shorter deadline.
        test: {
          name: "qemu",
          include: ["qemu-tests/**/*.qemu.test.ts"],
          // `npm run test:all` boots every machine; `npm test` those that say in minutes whether the project works.
          exclude: process.env["META_K3S_ALL"] === "1" ? [] : ["qemu-tests/**/*.slow.qemu.test.ts"],
          fileParallelism: false,
          retry: 0,
          testTimeout: 900_000,
          hookTimeout: 3_000_000,
        },
      },
    ],
  },
});
