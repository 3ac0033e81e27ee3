import type { Context } from "../../tools/core/context.ts";

/**
 * Whether one of `texts`, each without a line feed, is in a file of any size and kind, byte for byte. They are given to grep on its standard input: a
 * process list is everybody's. Throws CommandError where there is no grep, and Error where the file cannot be read or no text is given.
 */
export async function findInFile(ctx: Pick<Context, "exec">, path: string, texts: readonly string[]): Promise<boolean> {
  if (texts.length === 0 || texts.some((text) => text === "" || text.includes("\n")))
    throw new Error("grep needs texts of one line each");
  // Lines that end with NUL: a disk's free space would be one line of gibibytes otherwise.
  const argv = ["grep", "--null-data", "--text", "--fixed-strings", "--quiet", "--file=-", "--", path];
  const { status, stderr } = await ctx.exec.run(argv, { input: `${texts.join("\n")}\n`, env: { LC_ALL: "C" } });
  if (status === 0) return true;
  if (status === 1) return false;
  throw new Error(`grep cannot look through ${path}: ${stderr.trim()}`);
}
