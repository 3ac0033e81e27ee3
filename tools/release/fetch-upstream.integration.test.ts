import { hash } from "node:crypto";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Context } from "../core/context.ts";
import { parseGoMod } from "../gomod/parse-go-mod.ts";
import { openContext } from "../recipe/testing/open-context.ts";
import { fetchReleases } from "./fetch-releases.ts";
import { readUpstreamFacts } from "./read-upstream-facts.ts";
import type { UpstreamOptions } from "./read-upstream-facts.ts";

// Upstream is a web server and git repositories of the test's own; everything is asked over real connections.

let folder: string;
let server: Server;
let url: string;
let files: Map<string, string>;
let requests: string[];
let warnings: string[];
let ctx: Context;

const VERSION = "v1.36.9+k3s1";
const RELEASE = `/k3s/releases/download/${encodeURIComponent(VERSION)}`;
const CHART = "traefik/traefik-40.1.4+up40.1.0.tgz";
const sumOf = (file: string): string => hash("sha256", file);
const goMod = parseGoMod("module github.com/k3s-io/k3s\n\ngo 1.26.5\n\nrequire github.com/opencontainers/runc v1.4.2\n", "go.mod");
const scripts = { cniPlugins: "v1.9.1-k3s1", flannelPlugin: undefined, helmJob: undefined, charts: [CHART] };

async function git(repository: string, ...argv: readonly string[]): Promise<string> {
  await mkdir(join(folder, repository), { recursive: true });
  const identity = ["-c", "user.name=t", "-c", "user.email=t@example.com"];
  return (await ctx.exec.runCheck(["git", ...identity, "-C", join(folder, repository), ...argv])).stdout.trim();
}

async function makeRepository(name: string, tag: string, annotated: boolean): Promise<string> {
  await git(name, "init", "--quiet", ".");
  await git(name, "commit", "--quiet", "--allow-empty", "--message=one");
  await git(name, "tag", ...(annotated ? ["--annotate", "--message=a release"] : []), tag);
  return git(name, "rev-parse", "HEAD");
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "meta-k3s-upstream-"));
  files = new Map();
  requests = [];
  warnings = [];
  server = createServer((request, response) => {
    const path = decodeURIComponent(request.url ?? "");
    requests.push(path);
    const body = files.get(path);
    response.writeHead(body === undefined ? 404 : 200).end(body);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const base = openContext(folder, process.env);
  ctx = { ...base, log: { ...base.log, warn: (text) => warnings.push(text) } };
  for (const [architecture, suffix] of Object.entries({ amd64: "", arm64: "-arm64", arm: "-armhf" })) {
    const names = [`k3s${suffix}`, `k3s-airgap-images-${architecture}.tar.zst`, `k3s-airgap-images-${architecture}.tar.gz`];
    files.set(
      decodeURIComponent(`${RELEASE}/sha256sum-${architecture}.txt`),
      names.map((name) => `${sumOf(name)}  ${name}\n`).join(""),
    );
  }
  files.set(`/charts/${CHART}`, "a chart");
});

afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => {
    server.close(resolve);
  });
  await rm(folder, { recursive: true, force: true });
});

function options(more: Partial<UpstreamOptions> = {}): UpstreamOptions {
  return {
    repositoryUrl: `${url}/k3s`,
    version: VERSION,
    commit: "5".repeat(40),
    goMod,
    scripts,
    recorded: undefined,
    offline: false,
    folder: join(folder, "kept"),
    chartsUrl: `${url}/charts`,
    partRepositories: {
      runc: join(folder, "runc"),
      "cni-plugins": join(folder, "plugins"),
      "flannel-plugin": join(folder, "flannel"),
    },
    ...more,
  };
}

describe("what upstream says about a release", () => {
  it("is every sum and commit; asked once, then kept", async () => {
    const runc = await makeRepository("runc", "v1.4.2", false);
    const plugins = await makeRepository("plugins", "v1.9.1-k3s1", true);
    const facts = await readUpstreamFacts(ctx, options());
    expect(facts.commits).toEqual({ runc, "cni-plugins": plugins });
    expect(facts.sums).toMatchObject({
      k3s: sumOf("k3s"),
      "k3s-armhf": sumOf("k3s-armhf"),
      "k3s-airgap-images-arm64.tar.zst": sumOf("k3s-airgap-images-arm64.tar.zst"),
      "traefik-40.1.4+up40.1.0.tgz": hash("sha256", "a chart"),
    });
    expect(Object.keys(facts.sums)).toHaveLength(7);
    expect(warnings).toEqual([]);
    const asked = requests.length;
    await rm(join(folder, "runc"), { recursive: true });
    expect(await readUpstreamFacts(ctx, options())).toEqual(facts);
    expect(requests).toHaveLength(asked);
    // What is kept and damaged is asked for again.
    const [kept = ""] = await readdir(join(folder, "kept"));
    await writeFile(join(folder, "kept", kept), "{");
    await readUpstreamFacts(ctx, options());
    expect(requests.length).toBeGreaterThan(asked);
  });

  it("that lacks something is told and not kept", async () => {
    await makeRepository("runc", "v1.4.1", false);
    files.delete(`/charts/${CHART}`);
    const facts = await readUpstreamFacts(ctx, options());
    expect(facts.commits).toEqual({});
    expect(Object.keys(facts.sums)).toHaveLength(6);
    expect(warnings).toEqual([
      expect.stringContaining("the chart traefik-40.1.4+up40.1.0.tgz cannot be fetched"),
      expect.stringMatching(/the commit of v1\.4\.2 cannot be read from .*runc: it has no such tag/),
      expect.stringMatching(/the commit of v1\.9\.1-k3s1 cannot be read from .*plugins: /),
    ]);
    files.set(`/charts/${CHART}`, "a chart");
    expect(Object.keys((await readUpstreamFacts(ctx, options())).sums)).toHaveLength(7);
  });

  it.for([
    ["k3s-arm64", "the release's own checksum file says"],
    ["traefik-40.1.4+up40.1.0.tgz", "has the sha256 sum"],
  ] as const)("and contradicts the sum recorded for %s stops the run", async ([file, message]) => {
    const recorded = { go: "1.26.5", commit: undefined, parts: {}, charts: [], sha256: { [file]: "0".repeat(64) } };
    await expect(readUpstreamFacts(ctx, options({ recorded }))).rejects.toThrow(
      expect.objectContaining({ code: "INTEGRITY", message: expect.stringContaining(message) as unknown }),
    );
  });

  it("is what is recorded where nothing may be asked, and where nobody answers", async () => {
    const commit = "c".repeat(40);
    const recorded = {
      go: "1.26.5",
      commit: undefined,
      parts: { runc: { version: "v1.4.2", commit }, "cni-plugins": { version: "v1.0.0", commit } },
      charts: [],
      sha256: { k3s: sumOf("k3s") },
    };
    const offline = await readUpstreamFacts(ctx, options({ recorded, offline: true }));
    expect(offline).toEqual({ commit: "5".repeat(40), commits: { runc: commit }, sums: { k3s: sumOf("k3s") } });
    expect(requests).toEqual([]);
    expect(warnings).toEqual([]);
    const gone = { repositoryUrl: "http://127.0.0.1:1/k3s", chartsUrl: "http://127.0.0.1:1/charts" };
    expect(await readUpstreamFacts(ctx, options({ recorded, ...gone }))).toEqual(offline);
    expect(warnings[0]).toContain("the release's checksums cannot be read");
    expect(await readdir(folder)).not.toContain("kept");
  });
});

describe("the list of releases", () => {
  const recorded = {
    schemaVersion: 1 as const,
    series: [{ name: "wrynose", yocto: "6.0 LTS", go: "1.26.5" }],
    channels: { stable: "v1.36.3+k3s1" },
    releases: {},
  };

  it("has what the channels point to, each with the go line of its own go.mod", async () => {
    const data = [
      { name: "stable", latest: VERSION },
      { name: "v1.36-testing", latest: "v1.36.10-rc1+k3s1" },
      { name: "v1.20", latest: "v1.20.1+k3s1" },
      { name: "v1.37", latest: "v1.37.2+k3s10" },
    ];
    files.set("/channels", JSON.stringify({ data }));
    files.set(`/sources/${VERSION}/go.mod`, "module github.com/k3s-io/k3s\n\ngo 1.26.5\n");
    const facts = await fetchReleases(ctx, recorded, {
      offline: false,
      servers: { channels: `${url}/channels`, sources: `${url}/sources` },
    });
    expect(facts.channels).toEqual({ stable: VERSION, "v1.37": "v1.37.2+k3s10" });
    expect(facts.releases).toEqual([
      { version: VERSION, go: "1.26.5", sums: false },
      { version: "v1.37.2+k3s10", go: undefined, sums: false },
    ]);
    expect(warnings).toEqual([expect.stringContaining("the go line of v1.37.2+k3s10 cannot be read")]);
  });

  it.for(["no JSON", '{"data": "nothing"}', undefined])("is the recorded one where the server answers %j", async (answer) => {
    if (answer !== undefined) files.set("/channels", answer);
    const servers = { channels: `${url}/channels`, sources: `${url}/sources` };
    expect((await fetchReleases(ctx, recorded, { offline: false, servers })).channels).toEqual(recorded.channels);
    expect(warnings).toEqual([expect.stringContaining("what is recorded is shown")]);
    requests = [];
    expect((await fetchReleases(ctx, recorded, { offline: true, servers })).channels).toEqual(recorded.channels);
    expect(requests).toEqual([]);
  });
});
