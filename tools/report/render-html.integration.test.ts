import { access, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { chromium, type Browser, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { exampleRecords } from "./testing/example-records.ts";
import { readReportTemplates } from "./read-templates.ts";
import { renderHtml } from "./render-html.ts";

const browserPath = process.env["CHROMIUM"] ?? "/usr/bin/chromium";

let browser: Browser;
let folder = "";

beforeAll(async () => {
  await access(browserPath).catch(() => {
    throw new Error(`${browserPath} is missing: apt-get install -y chromium, or set CHROMIUM to a Chromium of your own`);
  });
  folder = await mkdtemp(join(tmpdir(), "report-"));
  const templates = await readReportTemplates();
  for (const [name, record] of Object.entries(exampleRecords))
    await writeFile(join(folder, `${name}.html`), renderHtml(record, templates));
  // Without the flags Chromium speaks to its maker's hosts at every start; --no-sandbox because it refuses to run as root with one.
  const quiet = [
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
  ];
  browser = await chromium.launch({ executablePath: browserPath, args: ["--no-sandbox", "--disable-gpu", ...quiet] });
});

afterAll(async () => {
  await browser?.close();
  if (folder !== "") await rm(folder, { recursive: true, force: true });
});

interface Opened extends AsyncDisposable {
  readonly page: Page;
  readonly complaints: string[];
  readonly requests: string[];
}

async function openPage(
  name: string,
  options: { width: number; colorScheme?: "light" | "dark"; javaScriptEnabled?: boolean },
): Promise<Opened> {
  const { width, ...rest } = options;
  const context = await browser.newContext({ viewport: { width, height: 900 }, ...rest });
  const page = await context.newPage();
  const complaints: string[] = [];
  const requests: string[] = [];
  page.on("console", (message) => complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("dialog", (dialog) => {
    complaints.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on("request", (request) => requests.push(request.url()));
  await page.goto(pathToFileURL(join(folder, `${name}.html`)).href);
  return { page, complaints, requests, [Symbol.asyncDispose]: () => context.close() };
}

interface Label {
  readonly text: string;
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

// As text, for it runs in the page, whose types this project does not load.
const readLabels = `[...document.querySelectorAll("svg.chart text")]
  .filter((text) => text.getClientRects().length > 0 && text.firstChild !== null)
  .map((text) => { const box = text.getBoundingClientRect();
    return { text: text.firstChild.textContent, left: box.left, right: box.right, top: box.top, bottom: box.bottom }; })`;
const readChartBox = `(() => { const box = [...document.querySelectorAll("svg.chart")].find((svg) => svg.getClientRects().length > 0).getBoundingClientRect();
  return { left: box.left, right: box.right }; })()`;
const readOverflow = `(() => { const root = document.documentElement;
  const wide = [...document.querySelectorAll("body *")].filter((element) => element.closest("svg") === null && element.closest("caption, thead") === null
    && element.getBoundingClientRect().right > root.clientWidth + 1).map((element) => element.outerHTML.slice(0, 120));
  return { page: root.scrollWidth - root.clientWidth, wide }; })()`;

function findOverlaps(labels: readonly Label[]): readonly string[] {
  // Boxes are as high as the font's line; ink begins a little inside.
  const inset = 2;
  return labels.flatMap((a, index) =>
    labels
      .slice(index + 1)
      .filter((b) => a.left < b.right && b.left < a.right && a.top + inset < b.bottom - inset && b.top + inset < a.bottom - inset)
      .map((b) => `${a.text} / ${b.text}`),
  );
}

const names = Object.keys(exampleRecords);

describe.each(names)("%s", (name) => {
  test("nothing overflows, no label overlaps or is cut, no complaint, no request, at any width", async () => {
    await using opened = await openPage(name, { width: 1280 });
    const { page } = opened;
    for (const width of [1280, 760, 380]) {
      await page.setViewportSize({ width, height: 900 });
      expect({ width, ...(await page.evaluate<object>(readOverflow)) }).toEqual({ width, page: 0, wide: [] });
      const labels = await page.evaluate<Label[]>(readLabels);
      expect({ width, overlaps: findOverlaps(labels) }).toEqual({ width, overlaps: [] });
      if (name === "environment") continue;
      expect(labels.length).toBeGreaterThan(5);
      const chart = await page.evaluate<{ left: number; right: number }>(readChartBox);
      const cut = labels.filter((label) => label.left < chart.left - 1 || label.right > chart.right + 1);
      expect({ width, cut }).toEqual({ width, cut: [] });
    }
    expect(opened.complaints).toEqual([]);
    expect(opened.requests.filter((url) => !url.startsWith("data:"))).toEqual([pathToFileURL(join(folder, `${name}.html`)).href]);
  });
});

test("a Ready run says so first, with its time, stages, nodes and pods", async () => {
  await using opened = await openPage("ready", { width: 1280, javaScriptEnabled: false });
  const { page } = opened;
  expect(await page.getByRole("heading", { level: 1 }).textContent()).toBe("Ready");
  expect(await page.title()).toBe("Ready · qemux86-64 · meta-k3s");
  expect(await page.getByText("94.7", { exact: true }).first().isVisible()).toBe(true);
  expect(await page.getByText("Stand-in.").isVisible()).toBe(true);
  const stages = [
    "Power on",
    "Kernel 1.9 s",
    "Userspace 6.2 s",
    "SSH 13.9 s",
    "API up 38.4 s",
    "Node Ready 58.2 s",
    "Ready 94.7 s",
  ];
  const labels = (await page.evaluate<Label[]>(readLabels)).map((label) => label.text);
  expect(labels).toEqual(
    expect.arrayContaining([...stages, "coredns", "local-path-provisioner", "ContainerCreating", "Memory used"]),
  );
  expect(await page.locator("svg.chart.narrow").isVisible()).toBe(false);
  expect(await page.getByRole("img", { name: "Timeline of the boot" }).count()).toBe(1);
  expect(await page.getByRole("cell", { name: "kube-system/coredns-6f8d9c7b5d-x2v4k", exact: true }).isVisible()).toBe(true);
  expect(await page.getByText("What went wrong").count()).toBe(0);
});

test("a failed run shows what went wrong and what to do before anything else", async () => {
  await using opened = await openPage("timeout", { width: 1280 });
  const { page } = opened;
  expect(await page.getByRole("heading", { level: 1 }).textContent()).toBe("Not Ready");
  const problem = page.getByRole("listitem").filter({ hasText: "CRASH_LOOP" });
  const hint = problem.getByText("give the guest a resolver");
  expect(await hint.isVisible()).toBe(true);
  const box = await hint.boundingBox();
  expect(box?.y).toBeLessThan(600);
  expect(await page.locator("svg.chart.wide polygon").count()).toBeGreaterThan(0);
  expect(await page.getByRole("link", { name: "console.txt" }).getAttribute("href")).toBe("./bundle/console.txt");
});

test("every wait and event can be opened by keyboard alone, without script", async () => {
  await using opened = await openPage("ready", { width: 380, javaScriptEnabled: false });
  const { page } = opened;
  const cell = page.locator("#waits td", { hasText: "pulling docker.io/rancher/mirrored-coredns-coredns:1.14.6" });
  expect(await cell.isVisible()).toBe(false);
  await page.locator("#waits summary").focus();
  await page.keyboard.press("Enter");
  await cell.waitFor({ state: "visible" });
});

test("what a guest says stays text", async () => {
  await using opened = await openPage("hostile", { width: 1280 });
  const { page } = opened;
  expect(await page.title()).toContain("</script>");
  expect(await page.locator("script, img, main b").count()).toBe(0);
  expect(await page.evaluate("[...document.links].map((link) => link.protocol)")).toEqual(["file:", "file:", "file:"]);
});

test("text stands out from its ground in both colour schemes (WCAG AA: 4.5 to 1)", async () => {
  const readContrast = `(() => {
    const channel = (value) => { const c = value / 255; return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; };
    const light = (rgb) => { const [r, g, b] = rgb.match(/[\\d.]+/g).map(Number); return 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b); };
    const ground = (element) => { for (let at = element; at !== null; at = at.parentElement) { const color = getComputedStyle(at).backgroundColor;
      if (!/, 0\\)$|transparent/.test(color)) return color; } return getComputedStyle(document.documentElement).backgroundColor; };
    const texts = [...document.querySelectorAll("h1, h2, p, dt, dd, small, td, th, summary, a, code, svg.chart text:not(.inbar)")].filter((one) => one.getClientRects().length > 0);
    return texts.map((one) => { const style = getComputedStyle(one); const front = light(one.tagName === "text" ? style.fill : style.color); const back = light(ground(one.closest("svg") ?? one));
      return { text: one.textContent.slice(0, 40), ratio: (Math.max(front, back) + 0.05) / (Math.min(front, back) + 0.05) }; }).filter((one) => one.ratio < 4.5); })()`;
  const readInBars = `(() => {
    const channel = (value) => { const c = value / 255; return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; };
    const light = (rgb) => { const [r, g, b] = rgb.match(/[\\d.]+/g).map(Number); return 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b); };
    return [...document.querySelectorAll("svg.chart.wide text.inbar")].map((one) => { const style = one.getAttribute("class").replace("inbar ", "").split(" ").join(".");
      const front = light(getComputedStyle(one).fill); const back = light(getComputedStyle(document.querySelector("svg.chart.wide rect.bar." + style)).fill);
      return { text: one.textContent, ratio: (Math.max(front, back) + 0.05) / (Math.min(front, back) + 0.05) }; }).filter((one) => one.ratio < 4.5); })()`;
  for (const colorScheme of ["light", "dark"] as const) {
    for (const name of ["ready", "timeout", "three-nodes", "aborted"]) {
      await using opened = await openPage(name, { width: 1280, colorScheme });
      expect(await opened.page.evaluate(readContrast)).toEqual([]);
      expect(await opened.page.evaluate(readInBars)).toEqual([]);
    }
  }
});
