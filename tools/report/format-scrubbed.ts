import { isMap, isScalar, parseAllDocuments, visit, type Node } from "yaml";

/** What stands where a secret stood. */
export const REMOVED = "[removed]";

// Names whose value is a secret, without the paths to files of such (…_FILE, …-file).
const secretWord = String.raw`(?:token|password|passwd|passphrase|secret|api[-_]?key|access[-_]?key|secret[-_]?key|private[-_ ]?key|preshared[-_]?key|client-key-data|dockerconfigjson|identitytoken)`;

/** A secret as it may stand in a text: as it is, URL-encoded, in a JSON string, in base64. */
function formatForms(secret: string): readonly string[] {
  const base64 = btoa(String.fromCodePoint(...new TextEncoder().encode(secret)));
  return [secret, encodeURIComponent(secret), JSON.stringify(secret).slice(1, -1), base64];
}

function replaceKnown(text: string, secrets: readonly string[]): string {
  // Shorter ones would take ordinary words with them.
  const forms = secrets.flatMap((secret) => (secret.length < 6 ? [] : formatForms(secret.toWellFormed())));
  const longestFirst = [...new Set(forms)].sort((a, b) => b.length - a.length);
  return longestFirst.reduce((scrubbed, form) => scrubbed.replaceAll(form, REMOVED), text);
}

/** PEM keys, also in JSON (\n written out), behind a journal's prefixes, or cut off before their end. */
function replacePem(text: string): string {
  return text
    .replaceAll(/-----BEGIN ([A-Z0-9 ]{0,30}PRIVATE KEY)-----[\s\S]{0,20000}?-----END \1-----/gu, REMOVED)
    .replaceAll(/-----BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY-----[\s\S]{0,4000}/gu, REMOVED)
    .replaceAll(/\bLS0tLS1CRUdJTi[A-Za-z0-9+/]{20,}={0,2}/gu, (encoded) => {
      const head = atob(encoded.slice(0, 64 - (encoded.slice(0, 64).length % 4)).slice(0, encoded.length - (encoded.length % 4)));
      return head.includes("PRIVATE KEY") ? REMOVED : encoded;
    });
}

function replaceTokens(text: string): string {
  return (
    text
      // k3s: K10<sha256 of the CA>::<user>:<password>, or ::<bootstrap token>; also without its hash.
      .replaceAll(/\bK10[0-9a-fA-F]{16,}(?:::[^\s"'`\\<>,;]*)?/gu, REMOVED)
      .replaceAll(/::(?:server|node|agent):[^\s"'`\\<>,;]+/gu, `::${REMOVED}`)
      // kubeadm's and k3s's bootstrap tokens: the id is public, the rest is not.
      .replaceAll(/(?<![\w.-])([a-z0-9]{6})\.[a-z0-9]{16}(?![\w.-])/gu, `$1.${REMOVED}`)
      .replaceAll(/\beyJ[\w-]{8,}\.[\w-]{4,}(?:\.[\w-]*){0,3}/gu, REMOVED)
  );
}

function replaceHeaders(text: string): string {
  return text
    .replaceAll(
      /\b((?:proxy-)?authorization\\?["']?\s*[:=]\s*(?:\[(?!removed\])|["'])*(?:(?:bearer|basic|digest|token)\s+)?)(?:\[removed\]|[^\s"'\],\\]+)/giu,
      `$1${REMOVED}`,
    )
    .replaceAll(/\b(bearer|basic)\s+(?!\[)[\w+/=.~-]{16,}/giu, `$1 ${REMOVED}`)
    .replaceAll(/\b((?:set-)?cookie\\?["']?\s*:\s*).+/giu, `$1${REMOVED}`);
}

/** user:password@ in URLs and in Go's MySQL data source names. */
function replaceUrlPasswords(text: string): string {
  return text
    .replaceAll(/\b([a-z][a-z0-9+.-]{0,30}:\/\/[^\s:@/"']{0,256}):[^\s"'<>]{1,512}@/giu, `$1:${REMOVED}@`)
    .replaceAll(/(?<![\w/])([\w.-]{1,64}):[^\s"'@]{1,256}@(tcp|unix)\(/gu, `$1:${REMOVED}@$2(`);
}

const quotedValue = String.raw`(?:"(?:[^"\\\n]|\\.)*"?|'[^'\n]*'?|[^\s"'&,;)}\]]+)`;
const assigned = new RegExp(String.raw`(${secretWord}\s?=\s?)(?!\s|\\?["']?\[removed\])${quotedValue}`, "giu");
const flag = new RegExp(
  String.raw`((?<![\w-])--?[a-z0-9-]{0,40}${secretWord}(?:=|["',\s]+))(?!-)(?:"[^"\n]*"|'[^'\n]*'|[^\s"']+)`,
  "giu",
);
const joinFlag = /(\bk3s-agent(?:[ \t]+\S+){0,12}?[ \t]-t[ \t=]*)(?!\/)["']?[^\s"']+["']?/gu;
const jsonPair = new RegExp(String.raw`((?<!\\)"[\w./-]{0,60}(?:${secretWord}|(?<=")auth)"\s*:\s*)"(?:[^"\\]|\\.)*"?`, "giu");
const escapedPair = new RegExp(String.raw`(\\"[\w./-]{0,60}(?:${secretWord}|(?<=")auth)\\"\s*:\s*\\").*?(?=(?<!\\)\\"|$)`, "gimu");

function replaceAssignments(text: string): string {
  return text
    .replaceAll(flag, `$1${REMOVED}`)
    .replaceAll(joinFlag, `$1${REMOVED}`)
    .replaceAll(escapedPair, `$1${REMOVED}`)
    .replaceAll(jsonPair, `$1"${REMOVED}"`)
    .replaceAll(assigned, `$1${REMOVED}`);
}

const yamlKey = new RegExp(
  String.raw`^([ \t]*(?:- )*["']?(?:[\w./-]{0,60}[-_.])?(?:${secretWord}|auth)["']?[ \t]*:)(?:[ \t]+(\S.*))?$`,
  "iu",
);

function indentOf(line: string): number {
  return line.length - line.trimStart().length;
}

/** `key: value` of YAML, with the lines of a block value or a value on its own line. */
function replaceYamlPairs(text: string): string {
  const out: string[] = [];
  let under: number | undefined;
  for (const line of text.split("\n")) {
    if (under !== undefined && (line.trim() === "" || indentOf(line) > under)) continue;
    under = undefined;
    const match = yamlKey.exec(line);
    if (match === null) {
      out.push(line);
      continue;
    }
    const value = match[2] ?? "";
    // An object or a list below, as in a pod's `secret:` volume, is no secret itself; what is in it has keys of its own.
    if (value === "" || value === "{" || value === "[") {
      out.push(line);
      continue;
    }
    out.push(`${match[1]} ${REMOVED}`);
    under = indentOf(line);
  }
  return out.join("\n");
}

interface JsonObject {
  readonly [key: string]: unknown;
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function hideValues(value: unknown): unknown {
  return isObject(value) ? Object.fromEntries(Object.keys(value).map((key) => [key, REMOVED])) : REMOVED;
}

/** A copy of what `kubectl -o json` printed with every value of every Secret hidden, also in the copy that kubectl apply leaves in an annotation. */
function hideSecrets(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(hideSecrets);
  if (!isObject(value)) return value;
  const secret = value["kind"] === "Secret";
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => {
      if (secret && (key === "data" || key === "stringData")) return [key, hideValues(inner)];
      if (key === "kubectl.kubernetes.io/last-applied-configuration") return [key, REMOVED];
      return [key, hideSecrets(inner)];
    }),
  );
}

function hideYamlSecrets(node: Node): void {
  visit(node, {
    Map(_, map) {
      if (map.get("kind") !== "Secret") return;
      for (const pair of map.items) {
        const key = isScalar(pair.key) ? pair.key.value : undefined;
        if (key !== "data" && key !== "stringData") continue;
        if (!isMap(pair.value)) pair.value = null;
        else for (const inner of pair.value.items) inner.value = REMOVED;
      }
    },
  });
}

/** When the text cannot be parsed, for it is cut off or mixed with other text, every `data` in it goes: better too much than too little. */
function blankData(text: string): string {
  const json = text.replaceAll(/(\\?"(?:data|stringData)\\?"\s*:\s*)\{[^{}]*\}?/gu, `$1{ "${REMOVED}": "" }`);
  const out: string[] = [];
  let under: number | undefined;
  for (const line of json.split("\n")) {
    if (under !== undefined && (line.trim() === "" || indentOf(line) > under)) continue;
    under = undefined;
    const match = /^([ \t]*(?:- )?(?:data|stringData):)(.*)$/u.exec(line);
    if (match === null) out.push(line);
    else {
      out.push(`${match[1]} ${REMOVED}`);
      under = indentOf(line) + (/^[ \t]*- /u.test(line) ? 2 : 0);
    }
  }
  return out.join("\n");
}

function replaceSecretObjects(text: string): string {
  if (!/\bkind\\?["']?\s*:\s*\\?["']?Secret\b(?![\w-])/u.test(text)) return text;
  try {
    return `${JSON.stringify(hideSecrets(JSON.parse(text)), undefined, 2)}\n`;
  } catch {
    // Not JSON: perhaps YAML.
  }
  const documents = parseAllDocuments(text);
  if (!Array.isArray(documents) || documents.some((document) => document.errors.length > 0 || document.contents === null))
    return blankData(text);
  for (const document of documents) if (document.contents !== null) hideYamlSecrets(document.contents);
  const scrubbed = documents.map(String).join("");
  return scrubbed.includes("kubectl.kubernetes.io/last-applied-configuration") ? blankData(scrubbed) : scrubbed;
}

/**
 * A text without its secrets, for files that leave the machine: the run's own (`secrets`, wherever they stand, also URL- and base64-encoded), tokens of k3s and Kubernetes, private keys,
 * passwords in URLs, flags, variables and configuration, authorization headers, and the data of Secret objects. Where in doubt it
 * removes. Scrubbing twice changes nothing more.
 */
export function formatScrubbed(text: string, options: { secrets: readonly string[] }): string {
  const steps = [
    replaceSecretObjects,
    replacePem,
    replaceTokens,
    replaceHeaders,
    replaceUrlPasswords,
    replaceAssignments,
    replaceYamlPairs,
  ];
  return steps.reduce((scrubbed, step) => step(scrubbed), replaceKnown(text, options.secrets));
}
