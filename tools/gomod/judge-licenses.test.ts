import { beforeAll, describe, expect, it } from "vitest";
import { nameLicense } from "./judge-license.ts";
import type { LicenseIndex } from "./judge-license.ts";
import { judgeModuleLicenses } from "./judge-module-licenses.ts";
import { readLicenseIndex } from "./read-license-names.ts";
import { createRequire } from "node:module";
import { isLicenseName, selectLicenseCandidates, selectLicenseFiles } from "./select-license-files.ts";

let index: LicenseIndex;
const list = createRequire(import.meta.url)("spdx-license-list/full") as Record<string, { licenseText: string }>;
const textOf = (id: string): string => list[id]?.licenseText ?? "";

beforeAll(() => {
  index = readLicenseIndex();
}, 60_000);

describe("naming a licence text", () => {
  it.for([
    "MIT",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "MPL-2.0",
    "GPL-2.0-only",
    "GPL-3.0-only",
    "LGPL-2.1-only",
    "Unlicense",
    "0BSD",
    "Zlib",
    "CC0-1.0",
    "EPL-2.0",
    "BSD-4-Clause",
    "PostgreSQL",
  ])("%s is itself", (id) => {
    expect(nameLicense(index, textOf(id))).toBe(id);
  });

  it("does not mind case, wrapping, holders, numbering or quotes", () => {
    const wrapped = textOf("BSD-3-Clause")
      .replace("Copyright (c) <year> <owner>.", "Copyright 2009 The Go Authors. All rights reserved.")
      .replace("the copyright holder nor", "Google Inc. nor")
      .replaceAll(/^\d\. /gm, "   * ")
      .replaceAll('"', "``")
      .toUpperCase()
      .replaceAll(/ (?=WITH|THE)/g, "\n    ");
    expect(nameLicense(index, wrapped)).toBe("BSD-3-Clause");
  });

  it("takes no condition more or less for the same licence", () => {
    expect(nameLicense(index, textOf("MIT").replace("free of charge", "for a small charge only"))).toBe("");
    expect(nameLicense(index, textOf("MIT").replace("without restriction", "not without restriction"))).toBe("");
    expect(nameLicense(index, textOf("BSD-3-Clause").replace(/3\. Neither[^\n]*\n/, ""))).toBe("BSD-2-Clause");
    expect(nameLicense(index, `${textOf("MIT")}\nThe Software shall be used for Good, not Evil.`)).toContain("MIT");
  });

  it("names every licence of a file that has several", () => {
    expect(nameLicense(index, `${textOf("Apache-2.0")}\n\nParts are under:\n\n${textOf("BSD-3-Clause")}`)).toBe(
      "Apache-2.0 & BSD-3-Clause",
    );
  });

  it("takes the short notice for the licence, and a tag where there is no text", () => {
    const notice =
      'Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific language governing permissions and limitations under the License.';
    expect(nameLicense(index, notice)).toBe("Apache-2.0");
    expect(nameLicense(index, "Dual-licensed.\nSPDX-License-Identifier: Apache-2.0 OR MIT\n")).toBe("Apache-2.0 | MIT");
    expect(nameLicense(index, "SPDX-License-Identifier: LicenseRef-Mine")).toBe("");
  });

  it.for(["", "All rights reserved.", "Ask me first.", "Copyright (c) 2020 Somebody"])("%j is no licence", (text) => {
    expect(nameLicense(index, text)).toBe("");
  });
});

describe("which files apply", () => {
  it.for([
    "LICENSE",
    "LICENCE.md",
    "COPYING",
    "license.txt",
    "MIT.LICENSE",
    "LICENSE-APACHE",
    "COPYRIGHT",
    "README.license",
    "epl-v10",
  ])("%s is a licence's name", (name) => {
    expect(isLicenseName(name)).toBe(true);
  });

  it.for(["license.go", "LICENSE.html", "NOTICE", "README.md", "licenses.json"])("%s is not", (name) => {
    expect(isLicenseName(name)).toBe(false);
  });

  it("are those of the nearest folder upwards of each linked package, as OE-core has it", () => {
    const files = ["LICENSE", "COPYING", "a/a.go", "a/b/b.go", "a/b/LICENSE", "c/c.go", "docs/LICENSE", "x.go"];
    const candidates = selectLicenseCandidates(files);
    expect(candidates).toEqual(["COPYING", "LICENSE", "a/b/LICENSE"]);
    expect(selectLicenseFiles(candidates, ["a", "c"])).toEqual([["COPYING", "LICENSE"]]);
    expect(selectLicenseFiles(candidates, ["a/b", "."])).toEqual([["COPYING", "LICENSE"], ["a/b/LICENSE"]]);
    expect(selectLicenseFiles([], ["."])).toEqual([]);
  });
});

function file(name: string, letter: string): { file: string; md5: string; sha256: string } {
  return { file: name, md5: letter.repeat(32), sha256: letter.repeat(64) };
}

describe("a module's licences", () => {
  const module = { path: "a.b/c", version: "v1.0.0", packages: ["."] };
  const names = new Map([
    ["a".repeat(64), "MIT"],
    ["b".repeat(64), ""],
  ]);

  it("come from the first file that is a licence", () => {
    const verdict = judgeModuleLicenses([{ module, candidates: [file("COPYRIGHT", "b"), file("LICENSE", "a")] }], names, []);
    expect(verdict.problems).toEqual([]);
    expect(verdict.licenses.get("a.b/c@v1.0.0")).toEqual([{ file: "LICENSE", md5: "a".repeat(32), spdx: "MIT" }]);
  });

  it("that nobody knows are problems, unless a rule names them", () => {
    const facts = [{ module, candidates: [file("LICENSE", "b")] }];
    expect(judgeModuleLicenses(facts, names, []).problems).toEqual([
      `a.b/c@v1.0.0: LICENSE (md5 ${"b".repeat(32)}) is no licence of the SPDX list`,
    ]);
    const rule = { md5: "b".repeat(32), spdx: "ISC", reason: "because" };
    expect(judgeModuleLicenses(facts, names, [rule])).toMatchObject({ problems: [], unused: [] });
    expect(judgeModuleLicenses(facts, names, [{ ...rule, module: "x.y/z" }]).problems).toHaveLength(1);
  });

  it("may be missing only by a rule for the module", () => {
    const facts = [{ module, candidates: [] }];
    expect(judgeModuleLicenses(facts, names, []).problems).toEqual(["a.b/c@v1.0.0: has no licence file"]);
    const rule = { module: "a.b/c", spdx: "MIT", reason: "its README says so" };
    expect(judgeModuleLicenses(facts, names, [rule])).toMatchObject({ problems: [], withoutFile: ["MIT"] });
    expect(judgeModuleLicenses([{ module: { ...module, packages: [] }, candidates: [] }], names, [rule])).toMatchObject({
      problems: [],
      unused: [rule],
    });
  });

  it("list one text once, at its outermost place", () => {
    const nested = { ...module, packages: [".", "sub"] };
    const verdict = judgeModuleLicenses(
      [{ module: nested, candidates: [file("LICENSE", "a"), file("sub/LICENSE", "a")] }],
      names,
      [],
    );
    expect(verdict.licenses.get("a.b/c@v1.0.0")?.map((license) => license.file)).toEqual(["LICENSE"]);
  });
});
