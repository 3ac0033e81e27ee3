import { expect, test } from "vitest";
import { parseGuestSecrets } from "./parse-guest-secrets.ts";

test.each([
  [
    "a full token, and the password in it",
    `K10${"a".repeat(64)}::server:s3cretword\n`,
    [`K10${"a".repeat(64)}::server:s3cretword`, "s3cretword"],
  ],
  ["a plain token", "my-own-token\n", ["my-own-token"]],
  ["an environment file", "K3S_TOKEN='quoted-token'\n", ["quoted-token"]],
  ["a line of config.yaml", 'token: "from-config"\nagent-token: for-agents\n', ["from-config", "for-agents"]],
  ["the node password file", "0123456789abcdef,node,node,k3s:agent\n", ["0123456789abcdef"]],
  ["a datastore's endpoint", 'datastore-endpoint: "postgres://k3s:p@ss%2Fword@10.0.0.1:5432/k3s"\n', ["p@ss%2Fword", "p@ss/word"]],
  ["a datastore's endpoint in MySQL's words", "K3S_DATASTORE_ENDPOINT=mysql://k3s:100%sure@tcp(10.0.0.1:3306)/k3s", ["100%sure"]],
  ["an endpoint without a password", "datastore-endpoint: https://10.0.0.1:2379,https://10.0.0.2:2379\n", []],
  ["nothing, and a word too short to hide", "\nabc\n", []],
])("%s", (_name, text, secrets) => {
  expect(parseGuestSecrets(text)).toEqual(secrets);
});
