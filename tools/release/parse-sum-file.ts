import { IntegrityError } from "../core/errors.ts";

const WANTED = /^(k3s(-arm64|-armhf)?|k3s-airgap-images-(amd64|arm64|arm)\.tar\.zst)$/;

/**
 * Reads a k3s release's sha256sum-<arch>.txt ("<sha256>  <file>" a line) and gives the sums of the files that recipes fetch. `where` names it in
 * messages. Throws IntegrityError for a line of another form.
 */
export function parseSumFile(text: string, where: string): Readonly<Record<string, string>> {
  const sums: Record<string, string> = {};
  for (const line of text.split("\n")) {
    if (line.trim() === "") continue;
    const match = /^([0-9a-f]{64}) [ *](\S+)$/.exec(line.trimEnd());
    if (match === null) throw new IntegrityError(`${where}: not a list of sha256 sums: ${line.slice(0, 80)}`);
    const [, sum = "", file = ""] = match;
    if (WANTED.test(file)) sums[file] = sum;
  }
  return sums;
}
