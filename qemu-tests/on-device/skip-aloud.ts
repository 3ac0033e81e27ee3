import type { TestContext } from "vitest";
import { readRefusal } from "./open-device.ts";

/** Skips a test, and says so where the usual reporter keeps silent. */
export function skipAloud(context: TestContext, reason: string): never {
  process.stderr.write(`NOT RUN: ${context.task.name}: ${reason}\n`);
  return context.skip(reason);
}

let refusal: Promise<string | undefined> | undefined;

/** For `beforeEach`: skips, aloud, where the host does not let a test have a device of its own. */
export async function skipWithoutNamespaces(context: TestContext): Promise<void> {
  refusal ??= readRefusal();
  const reason = await refusal;
  if (reason !== undefined) skipAloud(context, reason);
}
