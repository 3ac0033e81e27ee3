import { expect, test } from "vitest";
import { parseMemoryMib } from "./parse-memory.ts";

test.each([
  ["2048", 2048],
  ["2048M", 2048],
  ["4G", 4096],
  ["4 GiB", 4096],
  ["512MiB", 512],
])("%s is %i MiB", (text, mib) => {
  expect(parseMemoryMib(text)).toBe(mib);
});

test.each(["", "0", "4T", "4.5G", "G", "lots", "-1", "4 Gigs", "0x100"])("%j is refused", (text) => {
  expect(parseMemoryMib(text)).toBeUndefined();
});
