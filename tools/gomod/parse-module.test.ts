import { assert, property, stringMatching } from "fast-check";
import { describe, expect, it } from "vitest";
import {
  compareText,
  escapeModule,
  findModulePathProblem,
  findVersionProblem,
  formatDownloadName,
  formatProxyPath,
  unescapeModule,
} from "./parse-module.ts";

describe("module paths", () => {
  it.for([
    "github.com/k3s-io/k3s",
    "gopkg.in/yaml.v3",
    "github.com/a/b/v2",
    "rsc.io/quote",
    "example.com/A~b_c-d",
    "go.etcd.io/etcd/api/v3",
  ])("%s is one", (path) => {
    expect(findModulePathProblem(path)).toBeUndefined();
  });

  it.for([
    ["", "is empty"],
    ["github.com//x", "empty element"],
    ["github.com/x/", "empty element"],
    ["../x", "begins or ends with a dot"],
    ["github.com/..", "begins or ends with a dot"],
    ["github.com/a b", "character"],
    ["GitHub.com/x", "host name"],
    ["-x.com/y", "host name"],
    ["localhost/x", "no dot"],
    ["example.com/con", "reserved"],
    ["example.com/abc~1", "short name"],
    ["example.com/x/v1", "impossible major version"],
    ["example.com/x/v02", "impossible major version"],
    ["gopkg.in/yaml", ".vN"],
  ] as const)("%j is none: it %s", ([path, problem]) => {
    expect(findModulePathProblem(path)).toContain(problem);
  });
});

describe("versions", () => {
  it.for([
    ["example.com/x", "v1.2.3"],
    ["example.com/x", "v0.0.0-20240613101010-abcdefabcdef"],
    ["example.com/x", "v2.0.0+incompatible"],
    ["example.com/x/v2", "v2.0.1-rc.1"],
    ["gopkg.in/yaml.v2", "v2.4.0"],
    ["gopkg.in/inf.v0", "v0.9.1"],
    ["gopkg.in/check.v1", "v0.0.0-20161208181325-20d25e280405"],
  ] as const)("%s %s fits", ([path, version]) => {
    expect(findVersionProblem({ path, version })).toBeUndefined();
  });

  it.for([
    ["example.com/x", "1.2.3"],
    ["example.com/x", "v1.2"],
    ["example.com/x", "v01.2.3"],
    ["example.com/x", "v1.2.3+meta"],
    ["example.com/x", "v1.2.3-01"],
    ["example.com/x", "v2.0.0"],
    ["example.com/x", "v1.0.0+incompatible"],
    ["example.com/x/v2", "v3.0.0"],
    ["example.com/x/v2", "v2.0.0+incompatible"],
    ["gopkg.in/yaml.v2", "v3.0.0"],
    ["example.com/x", "v1.0.0/../../y"],
  ] as const)("%s %s does not", ([path, version]) => {
    expect(findVersionProblem({ path, version })).toBeDefined();
  });
});

describe("names on disk", () => {
  it("escapes capitals in paths and in versions", () => {
    const module = { path: "github.com/Masterminds/semver/v3", version: "v3.4.0-RC.1" };
    expect(formatProxyPath(module, "zip")).toBe("github.com/!masterminds/semver/v3/@v/v3.4.0-!r!c.1.zip");
    expect(formatDownloadName(module, "zip")).toBe("github.com.Masterminds.semver.v3@v3.4.0-RC.1.zip");
  });

  it("unescaping undoes escaping", () => {
    assert(
      property(stringMatching(/^[A-Za-z0-9./-]*$/), (text) => {
        expect(unescapeModule(escapeModule(text))).toBe(text);
        expect(escapeModule(text)).not.toMatch(/[A-Z]/);
      }),
    );
  });

  it("sorts by bytes, whatever the locale", () => {
    expect(["b", "B", "a", "ä", "_"].toSorted(compareText)).toEqual(["B", "_", "a", "b", "ä"]);
  });
});
