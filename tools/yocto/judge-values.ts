/** A value that a recipe must have, and for whose sake. */
export interface ExpectedValue {
  readonly variable: string;
  readonly pattern: RegExp;
  readonly why: string;
}

/**
 * A variable's final value in what `bitbake -e` printed, which is a line `VAR="value"` or `export VAR="value"` with quotes and line breaks escaped
 * (bitbake: lib/bb/data.py, emit_var). Undefined when it has none.
 */
export function parseValue(output: string, variable: string): string | undefined {
  const name = variable.replaceAll(/[^\w-]/gu, String.raw`\$&`);
  const line = new RegExp(String.raw`^(?:export )?${name}="((?:[^"\\]|\\[^])*)"$`, "mu").exec(output);
  return line?.[1]?.replaceAll(/\\(["\n])/gu, "$1");
}

/** Judges values in what `bitbake -e` printed: the first that is not as expected, with the reason, or undefined. */
export function judgeValues(output: string, expected: readonly ExpectedValue[]): string | undefined {
  for (const { variable, pattern, why } of expected) {
    const value = parseValue(output, variable)?.trim();
    if (value === undefined) return `${variable} has no value, but ${why}`;
    if (!pattern.test(value)) return `${variable} is "${value.replaceAll(/\s+/gu, " ")}", but ${why} (${pattern.source})`;
  }
  return undefined;
}
