import { assert, integer, property, record, option } from "fast-check";
import { describe, expect, it } from "vitest";
import { parseGoMod } from "../gomod/parse-go-mod.ts";
import {
  compareK3sVersions,
  formatK3sVersion,
  formatReleaseBranch,
  parseK3sVersion,
  requireK3sVersion,
} from "./parse-k3s-version.ts";
import { parseK3sScripts } from "./parse-k3s-source.ts";
import { parseRecordedReleases } from "./parse-recorded-releases.ts";
import { parseSumFile } from "./parse-sum-file.ts";
import { planK3sVariables } from "./plan-k3s-variables.ts";
import { formatReleases, planReleases } from "./plan-releases.ts";
import { readRecordedReleases } from "./read-recorded-releases.ts";

describe("k3s versions", () => {
  it("have an order of their own", () => {
    const ordered = [
      "v1.9.0+k3s1",
      "v1.33.1+k3s1",
      "v1.33.1+k3s2",
      "v1.33.1+k3s10",
      "v1.36.0-rc2+k3s1",
      "v1.36.0-rc10+k3s1",
      "v1.36.0+k3s1",
      "v1.36.3+k3s1",
    ];
    expect(ordered.toReversed().toSorted((a, b) => compareK3sVersions(requireK3sVersion(a), requireK3sVersion(b)))).toEqual(
      ordered,
    );
  });

  it("come back as they were", () => {
    const number = integer({ min: 0, max: 99 });
    const version = record({
      major: number,
      minor: number,
      patch: number,
      candidate: option(number, { nil: undefined }),
      k3s: number,
    });
    assert(
      property(version, (one) => {
        expect(parseK3sVersion(formatK3sVersion(one))).toEqual(one);
      }),
    );
  });

  it("are also read as modules and image tags write them, and nothing else is", () => {
    expect(formatK3sVersion(requireK3sVersion("1.36.3-k3s1"))).toBe("v1.36.3+k3s1");
    expect(formatReleaseBranch(requireK3sVersion("v1.36.3+k3s1"))).toBe("release-1.36");
    for (const text of ["v1.36.3", "v1.36+k3s1", "v1.36.3+k3s", "v1.36.3+rke2r1", "v1.36.3-beta+k3s1"])
      expect(parseK3sVersion(text)).toBeUndefined();
    expect(() => requireK3sVersion("1.36")).toThrow("is not a version of k3s");
  });
});

describe("the table of releases", () => {
  const table = planReleases({
    series: [
      { name: "old", yocto: "5.3", go: "1.25.9" },
      { name: "new", yocto: "6.0 LTS", go: "1.26.5" },
    ],
    channels: { stable: "v1.36.3+k3s1", latest: "v1.37.1+k3s1" },
    releases: [
      { version: "v1.35.6+k3s1", go: "1.25.9", sums: false },
      { version: "v1.37.1+k3s1", go: "1.26.7", sums: false },
      { version: "v1.36.3+k3s1", go: "1.26.5", sums: true },
      { version: "v1.36.4-rc1+k3s1", go: "1.26.5", sums: false },
      { version: "v1.36.9+k3s1", go: undefined, sums: false },
    ],
  });

  it("is newest first, with the series whose Go is new enough", () => {
    expect(table.rows.map(({ version, series }) => [version, series])).toEqual([
      ["v1.37.1+k3s1", []],
      ["v1.36.9+k3s1", undefined],
      ["v1.36.4-rc1+k3s1", ["new"]],
      ["v1.36.3+k3s1", ["new"]],
      ["v1.35.6+k3s1", ["old", "new"]],
    ]);
  });

  it("says which release is the newest for a series; a candidate is none", () => {
    expect(table.newestBySeries.map(({ name, newest }) => [name, newest])).toEqual([
      ["old", "v1.35.6+k3s1"],
      ["new", "v1.36.3+k3s1"],
    ]);
  });

  it("reads well", () => {
    expect(formatReleases(table)).toMatchInlineSnapshot(`
      "release           go      channels  Yocto series that can build it   checksums
      v1.37.1+k3s1      1.26.7  latest    none: its Go is newer than any
      v1.36.9+k3s1      ?                 ? (its go line is not recorded)
      v1.36.4-rc1+k3s1  1.26.5            new
      v1.36.3+k3s1      1.26.5  stable    new                              recorded
      v1.35.6+k3s1      1.25.9            old new

      series  Yocto    Go      newest k3s from source
      old     5.3      1.25.9  v1.35.6+k3s1
      new     6.0 LTS  1.26.5  v1.36.3+k3s1"
    `);
  });
});

describe("recorded releases", () => {
  it("are well-formed, and every channel's release is among them", async () => {
    const recorded = await readRecordedReleases();
    for (const version of Object.values(recorded.channels)) expect(recorded.releases).toHaveProperty([version]);
    expect(recorded.series.find((series) => series.name === "wrynose")?.go).toBe("1.26.5");
  });

  it("keep Go versions as text", () => {
    const text =
      "schemaVersion: 1\nseries: [{ name: x, yocto: 9.0, go: 1.30 }]\nchannels: {}\nreleases: { v1.40.0+k3s1: { go: 1.30 } }\n";
    expect(parseRecordedReleases(text).series[0]?.go).toBe("1.30");
    expect(() => parseRecordedReleases(text.replace("1.30 }]", "new }]"))).toThrow("recorded-releases.yaml is wrong");
  });
});

describe("release files", () => {
  it("gives the sums of what recipes fetch", () => {
    const sum = "a".repeat(64);
    expect(
      parseSumFile(
        `${sum}  k3s-airgap-images-amd64.tar\n${sum}  k3s-airgap-images-amd64.tar.zst\n${sum} *k3s\n${sum}  k3s-images.txt\n`,
        "x",
      ),
    ).toEqual({
      "k3s-airgap-images-amd64.tar.zst": sum,
      k3s: sum,
    });
    expect(() => parseSumFile("<html>not found</html>", "x")).toThrow("not a list of sha256 sums");
  });
});

describe("k3s's own variables", () => {
  const goMod = parseGoMod(
    `module github.com/k3s-io/k3s

go 1.26.5

replace (
	github.com/Mirantis/cri-dockerd => github.com/k3s-io/cri-dockerd v0.3.19-k3s5
	github.com/cloudnativelabs/kube-router/v2 => github.com/k3s-io/kube-router/v2 v2.6.3-k3s1
	github.com/containerd/containerd/v2 => github.com/k3s-io/containerd/v2 v2.3.2-k3s2
	github.com/opencontainers/runc => github.com/opencontainers/runc v1.4.2
	sigs.k8s.io/cri-tools => github.com/k3s-io/cri-tools v1.36.0-k3s1
)

require (
	github.com/Mirantis/cri-dockerd v0.3.19
	github.com/cloudnativelabs/kube-router/v2 v2.0.0-00010101000000-000000000000
	github.com/containerd/containerd/v2 v2.2.3
	github.com/flannel-io/flannel v0.28.4
	sigs.k8s.io/cri-tools v1.36.0
)
`,
    "go.mod",
  );
  const scripts = parseK3sScripts(
    'VERSION_CNIPLUGINS="v1.9.1-k3s1"\nVERSION_FLANNEL_PLUGIN="v1.9.0-flannel1"\nVERSION_HELM_JOB="v0.13.3-build20260727"\n',
    [
      "apiVersion: helm.cattle.io/v1\nkind: HelmChart\nspec:\n  chart: https://%{KUBERNETES_API}%/static/charts/traefik-crd-40.1.4+up40.1.0.tgz\n---\nkind: HelmChart\nspec:\n  chart: https://%{KUBERNETES_API}%/static/charts/traefik-40.1.4+up40.1.0.tgz\n",
      "kind: Deployment\n",
    ],
  );
  const facts = {
    version: "v1.36.3+k3s1",
    commit: "c".repeat(40),
    branch: undefined,
    repository: "github.com/k3s-io/k3s",
    goMod,
    sums: { k3s: "a".repeat(64) },
  };
  const runc = { version: "v1.4.2", commit: "d".repeat(40) };
  const recorded = {
    go: "1.26.5",
    parts: { runc, "cni-plugins": { version: "v1.0.0-other", commit: "e".repeat(40) } },
    charts: [],
    sha256: {},
  };

  it("come from go.mod, the scripts and what is recorded; a commit only for the version it is recorded for", () => {
    const values = new Map(
      planK3sVariables({ ...facts, scripts, recorded, commits: { runc: runc.commit } }).flatMap((group) => group.values),
    );
    expect(Object.fromEntries(values)).toMatchObject({
      K3S_BRANCH: "release-1.36",
      K3S_PACKAGE_CONTAINERD: "github.com/k3s-io/containerd/v2",
      K3S_VERSION_CONTAINERD: "v2.3.2-k3s2",
      K3S_VERSION_FLANNEL: "v0.28.4",
      K3S_VERSION_RUNC: "v1.4.2",
      K3S_COMMIT_RUNC: "d".repeat(40),
      K3S_VERSION_CNIPLUGINS: "v1.9.1-k3s1",
      K3S_CHARTS: "traefik-crd/traefik-crd-40.1.4+up40.1.0.tgz traefik/traefik-40.1.4+up40.1.0.tgz",
      "K3S_SHA256[k3s]": "a".repeat(64),
    });
    expect(values.has("K3S_COMMIT_CNIPLUGINS")).toBe(false);
  });

  it("leave out what nobody knows", () => {
    const names = planK3sVariables({
      ...facts,
      commit: undefined,
      scripts: undefined,
      recorded: undefined,
      commits: {},
      sums: {},
    }).flatMap((group) => group.values.map(([name]) => name));
    expect(names).not.toContain("K3S_COMMIT");
    expect(names).not.toContain("K3S_VERSION_HELM_JOB");
    expect(names).not.toContain("K3S_CHARTS");
  });
});
