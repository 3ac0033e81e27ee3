/** A partition of a disk, as a kickstart file of wic describes it. */
export interface DiskPart {
  /** Its label in the partition table. */
  readonly label: string;
  readonly content: "rootfs" | "empty";
  /** MiB; undefined where it follows from the content. */
  readonly sizeMib: number | undefined;
}

function option(words: readonly string[], name: string): string | undefined {
  const joined = words.find((word) => word.startsWith(`${name}=`));
  return joined === undefined ? words[words.indexOf(name) + 1] : joined.slice(name.length + 1);
}

function parsePart(words: readonly string[]): DiskPart {
  const [label, content] = [option(words, "--part-name"), option(words, "--source")];
  const size = words.includes("--fixed-size") ? /^(\d+)([MG])$/u.exec(option(words, "--fixed-size") ?? "") : undefined;
  if (label === undefined || (content !== "rootfs" && content !== "empty") || size === null)
    throw new Error(`not understood: ${words.join(" ")}`);
  return { label, content, sizeMib: size === undefined ? undefined : Number(size[1]) * (size[2] === "G" ? 1024 : 1) };
}

/**
 * The partitions of the layer's own layout for QEMU (files/wic/qemu-k3s-data.wks.in), `variables` in their places. Throws Error for a line that is not
 * of the kind that stands there, and where the table is no GPT.
 */
export function parseLayout(text: string, variables: Readonly<Record<string, string>>): readonly DiskPart[] {
  const filled = text.replaceAll(/\$\{(\w+)\}/gu, (whole, name: string) => variables[name] ?? whole);
  const lines = filled.split("\n").map((line) => line.trim().split(/\s+/u));
  if (!lines.some((words) => words.join(" ") === "bootloader --ptable gpt")) throw new Error("the layout is no GPT");
  return lines.filter(([word]) => word === "part").map((words) => parsePart(words));
}

/** What a class of BitBake sets for the qemuboot.conf: keys QB_…, quoted values. */
export function parseQemubootSettings(bbclass: string): Readonly<Record<string, string>> {
  return Object.fromEntries([...bbclass.matchAll(/^(QB_\w+) \?= "([^"]*)"$/gmu)].map(([, key = "", value = ""]) => [key, value]));
}
