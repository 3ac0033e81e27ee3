/** What one command said, both its outputs together, and how it ended. */
export interface Told {
  readonly status: number;
  readonly text: string;
}

const TOLD = /^@@ begin (?<name>.*)\n(?<text>[^]*?)\n@@ end (?<status>\d+)$/gmu;

/** Reads what `tell` of functions.sh wrote. Text without the line breaks that end it. Throws where a name was told twice. */
export function parseTold(output: string): Readonly<Record<string, Told>> {
  const told: Record<string, Told> = {};
  for (const { groups } of output.matchAll(TOLD)) {
    const { name = "", text = "", status = "" } = groups ?? {};
    if (name in told) throw new Error(`the script tells '${name}' twice`);
    told[name] = { status: Number(status), text: text.trimEnd() };
  }
  return told;
}
