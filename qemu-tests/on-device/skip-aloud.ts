import type { TestContext } from "vitest";
import { readDiskRefusal, readPartitionRefusal, readRefusal } from "./open-device.ts";

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

/** For a file's `beforeEach` where each test has disks with these filesystems: skips, aloud, where the host has none. */
export function skipWithoutDisks(filesystems: readonly ("ext4" | "btrfs")[]): (context: TestContext) => Promise<void> {
  let refusals: Promise<readonly (string | undefined)[]> | undefined;
  return async (context) => {
    refusals ??= Promise.all(filesystems.map((filesystem) => readDiskRefusal(filesystem)));
    const reason = (await refusals).find((said) => said !== undefined);
    if (reason !== undefined) skipAloud(context, reason);
  };
}

let partitionRefusal: Promise<string | undefined> | undefined;

/** For `beforeEach`: skips, aloud, where the host gives a test no disk with partitions. */
export async function skipWithoutPartitions(context: TestContext): Promise<void> {
  partitionRefusal ??= readPartitionRefusal();
  const reason = await partitionRefusal;
  if (reason !== undefined) skipAloud(context, reason);
}
