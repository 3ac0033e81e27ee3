/**
 * Splits a string into words as Python's shlex.split does, which is what runqemu applies to the values of a qemuboot.conf: blanks
 * separate, quotes and backslashes protect. Returns undefined when a quote is not closed.
 */
export function parseShellWords(text: string): string[] | undefined {
  const words: string[] = [];
  let word: string | undefined;
  let quote = "";
  for (let index = 0; index < text.length; index += 1) {
    const char = text.charAt(index);
    if (quote === "'") {
      if (char === "'") quote = "";
      else word += char;
    } else if (char === "\\" && (quote === "" || '"\\'.includes(text.charAt(index + 1)))) {
      index += 1;
      word = (word ?? "") + text.charAt(index);
    } else if (quote === '"') {
      if (char === '"') quote = "";
      else word += char;
    } else if (char === "'" || char === '"') {
      quote = char;
      word ??= "";
    } else if (/\s/u.test(char)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else {
      word = (word ?? "") + char;
    }
  }
  if (quote !== "") return undefined;
  if (word !== undefined) words.push(word);
  return words;
}

/** Quotes a word so that `parseShellWords` (and a POSIX shell) gives it back. */
export function formatShellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/u.test(word) ? word : `'${word.replaceAll("'", `'"'"'`)}'`;
}
