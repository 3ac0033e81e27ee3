import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";

/** PEM texts: an authority, and a certificate and key that serve for the server and for its administrator. */
export interface Certificates {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

function openssl(...args: string[]): void {
  execFileSync("openssl", args, { stdio: ["ignore", "ignore", "pipe"] });
}

/** A certificate authority and a certificate signed by it; `days` may be past for the authority of a clock that was wrong. */
export function makeCertificates(folder: string): Certificates {
  const at = (name: string): string => join(folder, name);
  const ec = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  openssl("req", "-x509", ...ec, "-keyout", at("ca.key"), "-out", at("ca.pem"), "-subj", "/CN=test-ca", "-days", "2");
  openssl("req", ...ec, "-keyout", at("tls.key"), "-out", at("tls.csr"), "-subj", "/O=system:masters/CN=test");
  writeFileSync(at("san"), "subjectAltName=IP:127.0.0.1");
  openssl(
    "x509",
    "-req",
    "-in",
    at("tls.csr"),
    "-CA",
    at("ca.pem"),
    "-CAkey",
    at("ca.key"),
    "-out",
    at("tls.pem"),
    "-days",
    "2",
    "-extfile",
    at("san"),
  );
  const read = (name: string): string => readFileSync(at(name), "utf8");
  return { ca: read("ca.pem"), cert: read("tls.pem"), key: read("tls.key") };
}

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}

/** A kubeconfig as k3s writes it, of a server at this port of 127.0.0.1. */
export function renderKubeconfig(certificates: Certificates, port: number): string {
  return stringify({
    apiVersion: "v1",
    kind: "Config",
    "current-context": "default",
    clusters: [
      {
        name: "default",
        cluster: { server: `https://127.0.0.1:${port}`, "certificate-authority-data": base64(certificates.ca) },
      },
    ],
    users: [
      {
        name: "default",
        user: { "client-certificate-data": base64(certificates.cert), "client-key-data": base64(certificates.key) },
      },
    ],
    contexts: [{ name: "default", context: { cluster: "default", user: "default" } }],
  });
}

/** How a server of these certificates is started: it lets nobody in but its administrator. */
export function planServerTls({ ca, cert, key }: Certificates) {
  return { ca, cert, key, requestCert: true, rejectUnauthorized: true } as const;
}
