import { expect, test } from "vitest";
import { formatShellWord, parseShellWords } from "./parse-shell-words.ts";

/** Expected values: Python 3's shlex.split. */
test.each([
  ["", []],
  ["  a  b ", ["a", "b"]],
  [`-append 'a b' "c d"`, ["-append", "a b", "c d"]],
  [String.raw`a\ b "x\"y" '\'`, ["a b", 'x"y', "\\"]],
  [`x''y ""`, ["xy", ""]],
])("%j", (text, words) => {
  expect(parseShellWords(text)).toEqual(words);
});

test.each(["'a", 'b "c'])("an open quote is told: %s", (text) => {
  expect(parseShellWords(text)).toBeUndefined();
});

test.each(["plain", "with blank", "it's", 'a"b', "$HOME", "", "a\\b"])("a quoted word comes back: %j", (word) => {
  expect(parseShellWords(formatShellWord(word))).toEqual([word]);
});
