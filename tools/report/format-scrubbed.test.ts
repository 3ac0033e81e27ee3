import { threadCpuUsage } from "node:process";
import { describe, expect, test } from "vitest";
import { formatScrubbed, REMOVED } from "./format-scrubbed.ts";

const none = { secrets: [] };
const hash = "ab12".repeat(16);
const pem = (label: string): string =>
  `-----BEGIN ${label}-----\nMIIEvQIBADANBgkqhkiG9w0B\nSECRETKEYMATERIALsecretkeymaterial0123\n-----END ${label}-----`;
const keyData = btoa(pem("EC PRIVATE KEY"));
const jwt = `eyJhbGciOiJSUzI1NiIsImtpZCI6IjEifQ.eyJpc3MiOiJrdWJlcm5ldGVzIn0.SECRETsignature_-abc`;

// Each line: what is scrubbed, and what of it must be gone.
const leaks: readonly (readonly [name: string, text: string, gone: string])[] = [
  ["k3s server token", `token K10${hash}::server:0123456789abcdef end`, "0123456789abcdef end".slice(0, 16)],
  ["k3s token without the hash", "join with ::server:sup3rs3cret", "sup3rs3cret"],
  ["k3s token with a bootstrap token", `K10${hash}::abcdef.0123456789abcdef`, "0123456789abcdef"],
  ["bootstrap token", "kubeadm join 10.0.0.1 abcdef.0123456789abcdef", "0123456789abcdef"],
  ["K3S_TOKEN", "Environment=K3S_TOKEN=hunter22", "hunter22"],
  ["K3S_TOKEN quoted, with blanks", `K3S_TOKEN="hunter 22 x" k3s agent`, "22 x"],
  ["K3S_AGENT_TOKEN in single quotes", "K3S_AGENT_TOKEN='hunter 22'", "hunter"],
  ["--token value", "/usr/bin/k3s server --token hunter22 --node-name a", "hunter22"],
  ["--token=value", "k3s server --token=hunter22", "hunter22"],
  ["--agent-token", "k3s server --agent-token hunter22", "hunter22"],
  ["argument vector as JSON", `["k3s","server","--token","hunter22","--x"]`, "hunter22"],
  ["etcd's S3 keys", "k3s server --etcd-s3-access-key AKIA1234 --etcd-s3-secret-key hunter22", "hunter22"],
  ["k3s-agent -t", "k3s-agent -t hunter22 -s https://server:6443", "hunter22"],
  ["k3s-agent with -t last", "k3s-agent -s https://server:6443 -t hunter22", "hunter22"],
  ["token in config.yaml", "write-kubeconfig-mode: 600\ntoken: hunter22 with blanks\nnode-name: a", "with blanks"],
  ["quoted key in config.yaml", `"agent-token": 'hunter22'`, "hunter22"],
  ["block value in yaml", "token: |\n  hunter22\n  more\nnode-name: a", "hunter22"],
  ["folded value in yaml", "- token: >-\n    hunter22\n- b: c", "hunter22"],
  ["token in a list item", "users:\n- name: a\n  user:\n    token: hunter22", "hunter22"],
  ["datastore endpoint", "datastore-endpoint: postgres://k3s:hunter22@db:5432/k3s", "hunter22"],
  ["URL password with a slash and a colon", "postgres://k3s:hun/ter:22@db:5432/k3s", "ter:22"],
  ["URL password alone", "redis://:hunter22@db", "hunter22"],
  ["MySQL data source name", "k3s:hunter22@tcp(db:3306)/k3s", "hunter22"],
  ["MySQL URL", "mysql://k3s:hunter22@tcp(db:3306)/k3s", "hunter22"],
  ["password in a query", "postgres://db/k3s?user=k3s&password=hunter22&sslmode=require", "hunter22"],
  ["RSA key", pem("RSA PRIVATE KEY"), "SECRETKEYMATERIAL"],
  ["OpenSSH key", pem("OPENSSH PRIVATE KEY"), "SECRETKEYMATERIAL"],
  ["PKCS 8 key", `before\n${pem("PRIVATE KEY")}\nafter`, "SECRETKEYMATERIAL"],
  ["key in JSON", JSON.stringify({ pem: pem("EC PRIVATE KEY") }), "SECRETKEYMATERIAL"],
  ["key cut off", pem("EC PRIVATE KEY").slice(0, -20), "SECRETKEYMATERIAL"],
  ["key in the journal", pem("EC PRIVATE KEY").replaceAll(/^/gmu, "Nov 21 14:00:01 guest k3s[412]: "), "SECRETKEYMATERIAL"],
  ["client-key-data", `users:\n- user:\n    client-key-data: ${keyData}`, keyData.slice(40, 80)],
  ["base64 key under another name", `blob=${keyData}`, keyData.slice(40, 80)],
  ["JWT", `got ${jwt} from`, "SECRETsignature"],
  ["authorization header", "Authorization: Bearer abc123", "abc123"],
  ["authorization header of Go", "map[Authorization:[Bearer abc123def]]", "abc123def"],
  ["authorization in JSON", `{"authorization":"Basic dXNlcjpwYXNz"}`, "dXNlcjpwYXNz"],
  ["curl", `curl -H "Authorization: Bearer abc.def-ghi" https://x`, "abc.def-ghi"],
  ["bearer alone", "request with bearer 0123456789abcdef0123", "0123456789abcdef0123"],
  ["cookie", "Set-Cookie: session=hunter22; Path=/", "hunter22"],
  ["docker config", `{"auths":{"registry":{"auth":"dXNlcjpwYXNz","password":"hunter22"}}}`, "dXNlcjpwYXNz"],
  ["value with an escaped quote", `{"password":"hun\\"ter22"}`, "ter22"],
  ["JSON in JSON", JSON.stringify({ log: JSON.stringify({ token: "hunter22" }) }), "hunter22"],
  ["WireGuard", "PrivateKey = yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=", "yAnz5TF"],
  [
    "Secret as JSON",
    JSON.stringify({
      apiVersion: "v1",
      items: [{ data: { innocent: "aHVudGVyMjI=" }, kind: "Secret", metadata: { name: "a" } }],
      kind: "List",
    }),
    "aHVudGVyMjI",
  ],
  ["Secret's stringData", JSON.stringify({ kind: "Secret", stringData: { innocent: "hunter22" } }), "hunter22"],
  [
    "Secret's last applied configuration",
    JSON.stringify({
      kind: "Secret",
      metadata: {
        annotations: {
          "kubectl.kubernetes.io/last-applied-configuration": JSON.stringify({ kind: "Secret", stringData: { a: "hunter22" } }),
        },
      },
    }),
    "hunter22",
  ],
  [
    "Secret as JSON, cut off",
    `{"items":[{"apiVersion":"v1","data":{"innocent":"aHVudGVyMjI="},"kind":"Secret","meta`,
    "aHVudGVyMjI",
  ],
  ["Secret's data cut off", `{"kind": "Secret", "data": {"innocent": "aHVudGVy`, "aHVudGVy"],
  ["Secret as YAML", "apiVersion: v1\ndata:\n  innocent: aHVudGVyMjI=\nkind: Secret\n", "aHVudGVyMjI"],
  [
    "Secret in a YAML list",
    "apiVersion: v1\nitems:\n- apiVersion: v1\n  data:\n    innocent: aHVudGVyMjI=\n  kind: Secret\nkind: List\n",
    "aHVudGVyMjI",
  ],
  ["Secret as YAML in flow style", "{kind: Secret, data: {innocent: aHVudGVyMjI=}}", "aHVudGVyMjI"],
  ["Secret as YAML amid a log", "level=info: applying\n\tx\nkind: Secret\ndata:\n  innocent: aHVudGVyMjI=\n}}", "aHVudGVyMjI"],
  ["second YAML document", "a: 1\n---\nkind: Secret\nstringData:\n  innocent: hunter22\n", "hunter22"],
];

describe("formatScrubbed removes", () => {
  test.each(leaks)("%s", (_, text, gone) => {
    expect(text).toContain(gone);
    const scrubbed = formatScrubbed(text, none);
    expect(scrubbed).not.toContain(gone);
    expect(scrubbed).toContain(REMOVED);
  });

  test.each(leaks)("%s, and nothing more when run again", (_, text) => {
    const once = formatScrubbed(text, none);
    expect(formatScrubbed(once, none)).toBe(once);
  });

  test("the run's own secrets, however written", () => {
    const secrets = ['p&ss/wörd "x"'];
    const [secret = ""] = secrets;
    const bytes = Buffer.from(secret).toString("base64");
    const text = [secret, encodeURIComponent(secret), JSON.stringify({ note: secret }), bytes].join("\n");
    const scrubbed = formatScrubbed(text, { secrets });
    expect(scrubbed).not.toMatch(/wörd|w%C3%B6rd/u);
    expect(scrubbed).not.toContain(bytes);
  });

  test("the longer of two secrets that begin alike", () => {
    expect(formatScrubbed("abcdef abcdefghi", { secrets: ["abcdef", "abcdefghi"] })).toBe(`${REMOVED} ${REMOVED}`);
  });
});

// What must survive: a scrubbed bundle still has to explain a failure.
const kept: readonly (readonly [name: string, text: string])[] = [
  ["certificates", `certificate-authority-data: ${btoa("-----BEGIN CERTIFICATE-----\nMIIB")}`],
  ["PEM certificates", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----"],
  ["paths to tokens", "token-file: /etc/rancher/k3s/token\nk3s server --token-file /etc/rancher/k3s/token"],
  ["a token file for k3s-agent", "k3s-agent -t /root/token -s https://server:6443"],
  ["K3S_TOKEN_FILE", "K3S_TOKEN_FILE=/etc/rancher/k3s/token"],
  ["pods' secret volumes", "  volumes:\n  - name: a\n    secret:\n      defaultMode: 420\n      secretName: coredns"],
  ["pods' secret volumes as JSON", `{"volumes":[{"name":"a","secret":{"secretName":"coredns"}}]}`],
  ["service account tokens' settings", `{"automountServiceAccountToken":true,"serviceAccountToken":{"path":"token"}}`],
  ["ConfigMaps", "apiVersion: v1\ndata:\n  Corefile: |\n    .:53 { errors }\nkind: ConfigMap\n"],
  ["messages about tokens", 'level=fatal msg="failed to validate token: the CA hash does not match"'],
  ["URLs without a password", "GET https://user@10.43.0.1:443/api?x=1 10.0.0.1:6443"],
  ["units, images and modules", "k3s.service docker.io/rancher/mirrored-pause:3.10.2@sha256:0123 nf_conntrack.ko"],
  ["addresses and times", "2026-11-21T14:52:07.123456Z [fe80::1]:22 aa:bb:cc:dd:ee:ff"],
];

describe("formatScrubbed keeps", () => {
  test.each(kept)("%s", (_, text) => {
    expect(formatScrubbed(text, none)).toBe(text);
  });
});

test("large and repetitive texts take time in proportion to their length", () => {
  const parts = [
    "a",
    "://",
    "x:",
    String.raw`\"token`,
    "k3s-agent ",
    '"',
    "-----BEGIN ",
    "token: |\n",
    "data:\n",
    " ",
    "LS0tLS1CRUdJTi",
    "eyJ",
  ];
  const time = (repeats: number): number => {
    const texts = parts.map((part) => part.repeat(repeats));
    const start = threadCpuUsage();
    for (const text of [...texts, texts.join("\n")]) formatScrubbed(text, none);
    // This thread's own processor time: a busy machine takes as much of it as an idle one.
    return threadCpuUsage(start).user / 1000;
  };
  time(100);
  // Sixteen times the text: growth by the square would be a factor of 256.
  expect(time(8000)).toBeLessThan(100 * Math.max(time(500), 5));
});
