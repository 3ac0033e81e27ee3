import { listQemu } from "./list-qemu.ts";
import type { TestContext } from "./open-test-context.ts";

/** Removes the context's folder. Throws when a machine that was started with it still runs. */
export async function closeTestContext(context: TestContext): Promise<void> {
  const left = await listQemu(context.folder);
  await context[Symbol.asyncDispose]();
  if (left.length > 0) throw new Error(`a QEMU was left behind: ${left.join(", ")}`);
}
