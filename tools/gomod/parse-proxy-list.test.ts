import { describe, expect, it } from "vitest";
import { hidePassword, matchesPrefixPatterns, parseProxyList } from "./parse-proxy-list.ts";

describe("GOPROXY", () => {
  it.for([
    [
      "https://a.example,direct",
      [
        ["https://a.example", "not-found"],
        ["direct", "not-found"],
      ],
    ],
    [
      "https://a.example/sub/|https://b.example",
      [
        ["https://a.example/sub", "any-error"],
        ["https://b.example", "not-found"],
      ],
    ],
    [
      " file:///srv/modules , off,https://never.example",
      [
        ["file:///srv/modules", "not-found"],
        ["off", "not-found"],
      ],
    ],
    ["direct|https://never.example", [["direct", "any-error"]]],
    [",,https://a.example,", [["https://a.example", "not-found"]]],
  ] as const)("%j", ([value, expected]) => {
    expect(parseProxyList(value).map(({ place, next }) => [place, next])).toEqual(expected);
  });

  it.for(["", ",|", "a.example", "ftp://a.example"])("%j is refused", (value) => {
    expect(() => parseProxyList(value)).toThrow("GOPROXY");
  });

  it("never shows a password", () => {
    expect(hidePassword("https://me:secret@a.example/x")).toBe("https://a.example/x");
    expect(() => parseProxyList("ssh://me:secret@a.example")).toThrow(/^(?!.*secret)/);
  });
});

describe("GOPRIVATE and GONOPROXY", () => {
  it.for([
    ["github.com/me/*", "github.com/me/x", true],
    ["github.com/me/*", "github.com/me/x/v2", true],
    ["github.com/me/*", "github.com/me", false],
    ["*.corp.example,rsc.io/private", "git.corp.example/x", true],
    ["*.corp.example,rsc.io/private", "rsc.io/private/quux", true],
    ["rsc.io/private", "rsc.io/privateer", false],
    ["example.com/[ab]?", "example.com/b1", true],
    ["none", "example.com/x", false],
    ["", "example.com/x", false],
  ] as const)("%j and %s: %j", ([patterns, path, expected]) => {
    expect(matchesPrefixPatterns(patterns, path)).toBe(expected);
  });
});
