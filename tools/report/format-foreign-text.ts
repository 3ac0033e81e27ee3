// Escape sequences as ECMA-48 has them: CSI …, OSC … (ended by BEL or ST), and two-character ones.
// oxlint-disable-next-line no-control-regex -- control characters are what this is about
const escapeSequence = /\u001B(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001B]*(?:\u0007|\u001B\\)?|[@-Z\\^_])/gu;
// Everything that would move, hide or reorder text around it: controls but tab and newline, line separators, bidirectional controls, noncharacters.
const controlCharacter = /(?![\t\n])\p{Cc}|\p{Bidi_Control}|[\u2028\u2029\uFEFF\uFFFE\uFFFF]/gu;

/**
 * Text that a guest wrote, made safe to show beside our own: no terminal escapes, control or bidirectional control characters, no lone surrogates. Tabs and
 * newlines stay. Escaping for HTML or XML is still the renderer's.
 */
export function formatForeignText(text: string): string {
  return text.replaceAll("\r\n", "\n").replaceAll(escapeSequence, "").replaceAll(controlCharacter, "").toWellFormed();
}

/** As `formatForeignText`, on one line. */
export function formatForeignLine(text: string): string {
  return formatForeignText(text).replaceAll(/\s+/gu, " ").trim();
}

/** One cell of a Markdown table: formatForeignLine, with what would end the cell escaped. */
export function formatForeignCell(text: string): string {
  return formatForeignLine(text).replaceAll("|", String.raw`\|`);
}
