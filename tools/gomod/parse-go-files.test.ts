import { describe, expect, it } from "vitest";
import { findReplacement, parseGoMod } from "./parse-go-mod.ts";
import { parseGoSum } from "./parse-go-sum.ts";
import { compareGoVersions } from "./parse-go-version.ts";
import { formatModule } from "./parse-module.ts";
import { selectNestedCandidates, selectPrefixModules } from "./select-prefix-modules.ts";
import { joinModuleLists, parseGoListOutput, parseModuleList } from "./parse-module-list.ts";

const GO_MOD = `// a comment
module "example.com/demo" // trailing

go 1.24.5
toolchain go1.25.0

require example.com/one v1.0.0
require (
	example.com/Two v0.0.0-20240101000000-abcdefabcdef // indirect
	\`example.com/raw\` v1.2.3
)

exclude example.com/one v0.9.0
retract [v1.0.0, v1.1.0] // why
tool example.com/one/cmd
godebug default=go1.21
replace (
	example.com/one => example.com/fork v1.0.1
	example.com/one v1.0.0 => example.com/special v9.0.0+incompatible
	example.com/local => ../local
)
`;

describe("go.mod", () => {
  it("is read with blocks, comments, quotes and the directives that do not matter here", () => {
    const goMod = parseGoMod(GO_MOD, "go.mod");
    expect(goMod).toMatchObject({ module: "example.com/demo", go: "1.24.5", toolchain: "go1.25.0" });
    expect(goMod.requires.map(({ path }) => path)).toEqual(["example.com/one", "example.com/Two", "example.com/raw"]);
    expect(goMod.replaces).toHaveLength(3);
  });

  it("prefers the replacement for a version to that for all versions", () => {
    const goMod = parseGoMod(GO_MOD, "go.mod");
    expect(findReplacement(goMod, { path: "example.com/one", version: "v1.0.0" })?.target.path).toBe("example.com/special");
    expect(findReplacement(goMod, { path: "example.com/one", version: "v1.1.0" })?.target.path).toBe("example.com/fork");
    expect(findReplacement(goMod, { path: "example.com/other", version: "v1.0.0" })).toBeUndefined();
  });

  it("without a go line means 1.16", () => {
    expect(parseGoMod("module example.com/x\n", "go.mod").go).toBe("1.16");
  });

  it("that is malformed is refused with every line", () => {
    const text =
      'module a.b/c\nmodule a.b/d\nrequire x\nreplace a => ../b v1.0.0\nreplace a => b\ngo one\nbogus x\nrequire "unclosed v1\n';
    const lines = [2, 3, 4, 5, 6, 7, 8].map((line): unknown => expect.stringMatching(`^line ${line}: not understood`));
    expect(() => parseGoMod(text, "go.mod")).toThrow(expect.objectContaining({ code: "CONFIG", problems: lines }));
  });
});

describe("go.sum", () => {
  const hash = `h1:${"A".repeat(43)}=`;
  it("has hashes of zips and of go.mod files; other kinds of hashes are passed over", () => {
    const goSum = parseGoSum(`a.b/c v1.0.0 ${hash}\r\na.b/c v1.0.0/go.mod ${hash}\n\na.b/d v1.0.0 h2:whatever\n`, "go.sum");
    expect(goSum.zipHash({ path: "a.b/c", version: "v1.0.0" })).toBe(hash);
    expect(goSum.goModHash({ path: "a.b/c", version: "v1.0.0" })).toBe(hash);
    expect(goSum.zipHash({ path: "a.b/d", version: "v1.0.0" })).toBeUndefined();
  });
});

describe("lists of modules", () => {
  const goMod = parseGoMod(GO_MOD, "go.mod");

  it("replaces what go.mod replaces when the list has modules as they are required", () => {
    const { linked } = parseModuleList(
      "example.com/one v1.0.0 . cmd\nexample.com/Two v0.0.0-20240101000000-abcdefabcdef # as it is\n",
      goMod,
      "list",
    );
    expect(linked).toEqual([
      { path: "example.com/Two", version: "v0.0.0-20240101000000-abcdefabcdef", packages: undefined },
      { path: "example.com/special", version: "v9.0.0+incompatible", packages: [".", "cmd"] },
    ]);
  });

  it("leaves a list alone that has what they are replaced by", () => {
    const pinned = parseGoMod(
      "module a.b/c\nrequire x.y/z v1.0.0\nreplace (\n\tx.y/z => x.y/z v1.0.5\n\tx.y/old v0.1.0 => x.y/z v1.0.0\n)\n",
      "go.mod",
    );
    const versions = (text: string): readonly string[] =>
      parseModuleList(text, pinned, "list").linked.map((module) => module.version);
    expect(versions("x.y/z v1.0.5\nx.y/z v1.0.0\n")).toEqual(["v1.0.0", "v1.0.5"]);
    // The first line is required, the second replaced: x.y/z v1.0.0 is then not what x.y/old becomes, but what becomes v1.0.5.
    expect(versions("x.y/z v1.0.0\nx.y/old v0.1.0\n")).toEqual(["v1.0.0", "v1.0.5"]);
  });

  it("knows bare go.mod files", () => {
    const list = parseModuleList("a.b/c v1.0.0\na.b/d v1.0.0/go.mod\na.b/c v1.0.0/go.mod\n", goMod, "list");
    expect(list.goModOnly).toEqual([{ path: "a.b/d", version: "v1.0.0" }]);
  });

  it("refuses a module that go.mod replaces by a folder", () => {
    expect(() => parseModuleList("example.com/local v1.0.0\n", goMod, "list")).toThrow("local folders");
  });

  it("refuses an empty list", () => {
    expect(() => parseModuleList("# nothing\n", goMod, "list")).toThrow("lists no module");
  });

  it("reads go list's stream, with replacements, nested braces in strings and packages of the standard library", () => {
    const text = `{
	"ImportPath": "fmt"
}
{
	"ImportPath": "example.com/demo",
	"Module": { "Path": "example.com/demo", "Main": true }
}
{
	"ImportPath": "k8s.io/api/core/v1",
	"Doc": "a { brace",
	"Module": { "Path": "k8s.io/api", "Version": "v1.0.0", "Replace": { "Path": "github.com/fork/api", "Version": "v1.0.1" } }
}
{
	"ImportPath": "k8s.io/api",
	"Module": { "Path": "k8s.io/api", "Version": "v1.0.0", "Replace": { "Path": "github.com/fork/api", "Version": "v1.0.1" } }
}
`;
    const list = parseGoListOutput(text);
    expect(list.linked).toEqual([{ path: "github.com/fork/api", version: "v1.0.1", packages: [".", "core/v1"] }]);
    expect(joinModuleLists([list, list])).toEqual(list);
  });
});

describe("modules that are needed though nothing of them is linked", () => {
  const hash = `h1:${"A".repeat(43)}=`;
  const pruned = `module a.b/demo
go 1.24.0
require (
	a.b/lib/deep/er v1.0.0
	a.b/lib v1.0.0
	a.b/libother v1.0.0
	a.b/lib/deep/er/inner v1.0.0
	c.d/old/name v1.0.0
	c.d/old v1.0.0
	e.f/local v1.0.0
	e.f/local/sub v1.0.0
)
replace (
	c.d/old/name => g.h/new v2.0.0+incompatible
	c.d/old => g.h/older v1.5.0
	e.f/local => ./local
)
`;
  const goMod = parseGoMod(pruned, "go.mod");
  const select = (list: string): readonly string[] =>
    selectPrefixModules(goMod, parseModuleList(list, goMod, "list")).map((module) => formatModule(module));

  it("are those whose path is a prefix of an imported package's, element by element", () => {
    expect(select("a.b/lib/deep/er v1.0.0 .\n")).toEqual(["a.b/lib@v1.0.0"]);
    expect(select("a.b/lib/deep/er v1.0.0\n")).toEqual(["a.b/lib@v1.0.0"]);
    expect(select("a.b/libother v1.0.0 . x\n")).toEqual([]);
  });

  it("may lie below the module that has the package", () => {
    expect(select("a.b/lib v1.0.0 . deep/er/inner/x\n")).toEqual(["a.b/lib/deep/er/inner@v1.0.0", "a.b/lib/deep/er@v1.0.0"]);
    expect(select("a.b/lib v1.0.0 . deep\n")).toEqual([]);
    // Without the packages only the zip can tell, and only of modules that go.sum has the hash of a zip for.
    const list = parseModuleList("a.b/lib v1.0.0\n", goMod, "list");
    const goSum = parseGoSum(`a.b/lib v1.0.0 ${hash}\na.b/lib/deep/er v1.0.0 ${hash}\n`, "go.sum");
    expect(selectNestedCandidates(goMod, list, goSum)).toEqual([
      {
        module: { path: "a.b/lib/deep/er", version: "v1.0.0" },
        within: expect.objectContaining({ path: "a.b/lib" }) as unknown,
        folder: "deep/er",
      },
    ]);
  });

  it("go by the paths of imports, not by what these are replaced by; a local folder has no zip", () => {
    expect(select("g.h/new v2.0.0+incompatible .\n")).toEqual(["g.h/older@v1.5.0"]);
    expect(select("c.d/old/name v1.0.0 .\n")).toEqual(["g.h/older@v1.5.0"]);
    expect(select("e.f/local/sub v1.0.0 .\n")).toEqual([]);
  });

  it("are looked for among all versions read where go.mod does not name every module", () => {
    const unpruned = parseGoMod("module a.b/demo\ngo 1.16\nrequire a.b/lib/deep/er v1.0.0\n", "go.mod");
    const list = parseModuleList("a.b/lib/deep/er v1.0.0 .\na.b/lib v1.9.0/go.mod\na.b/lib v1.10.0/go.mod\n", unpruned, "list");
    expect(selectPrefixModules(unpruned, list)).toEqual([{ path: "a.b/lib", version: "v1.10.0" }]);
  });
});

describe("Go versions", () => {
  it("are in the go command's order", () => {
    const ordered = ["1.9", "1.21", "1.26beta1", "1.26rc1", "1.26rc2", "1.26.0", "1.26.5", "1.26.12", "1.27"];
    expect(ordered.toReversed().toSorted(compareGoVersions)).toEqual(ordered);
    expect(() => compareGoVersions("1", "1.2")).toThrow("is not a Go version");
  });
});
