import { X509Certificate } from "node:crypto";
import { parse } from "yaml";
import { z } from "zod";
import { GuestError } from "../core/errors.ts";
import type { CertificateValidity } from "./judge-guest.ts";

/** Where k3s writes its administrator's kubeconfig (docs.k3s.io, "Cluster Access"). */
export const KUBECONFIG_PATH = "/etc/rancher/k3s/k3s.yaml";

const namedList = <T extends z.ZodRawShape>(shape: T) => z.array(z.object({ name: z.string(), ...shape }));

const kubeconfigSchema = z.object({
  "current-context": z.string(),
  clusters: namedList({ cluster: z.object({ server: z.url(), "certificate-authority-data": z.string() }) }),
  users: namedList({
    user: z.object({ "client-certificate-data": z.string(), "client-key-data": z.string() }),
  }),
  contexts: namedList({ context: z.object({ cluster: z.string(), user: z.string() }) }),
});

/** How to reach an API server and who to be there. PEM texts; the key is a secret and stays in memory. */
export interface KubeAccess {
  readonly host: string;
  readonly port: number;
  readonly certificateAuthority: string;
  readonly clientCertificate: string;
  readonly clientKey: string;
  /** The time in which both the authority's and the client's certificate are valid. */
  readonly validity: CertificateValidity;
}

function decode(base64: string): string {
  return Buffer.from(base64, "base64").toString("utf8");
}

function validityOf(pems: readonly string[]): CertificateValidity {
  const certificates = pems.map((pem) => new X509Certificate(pem));
  return {
    fromMs: Math.max(...certificates.map((certificate) => Date.parse(certificate.validFrom))),
    toMs: Math.min(...certificates.map((certificate) => Date.parse(certificate.validTo))),
  };
}

/**
 * Parses a kubeconfig as k3s writes it (server, embedded authority and client certificate). Throws GuestError KUBECONFIG when it is
 * incomplete, as it is while k3s writes it.
 */
export function parseKubeconfig(text: string): KubeAccess {
  try {
    const config = kubeconfigSchema.parse(parse(text));
    const context = config.contexts.find((entry) => entry.name === config["current-context"])?.context;
    const cluster = config.clusters.find((entry) => entry.name === context?.cluster)?.cluster;
    const user = config.users.find((entry) => entry.name === context?.user)?.user;
    if (cluster === undefined || user === undefined) throw new Error("its current context names no cluster and user in it");
    const url = new URL(cluster.server);
    const certificateAuthority = decode(cluster["certificate-authority-data"]);
    const clientCertificate = decode(user["client-certificate-data"]);
    return {
      host: url.hostname.replace(/^\[|\]$/g, ""),
      port: Number(url.port === "" ? 443 : url.port),
      certificateAuthority,
      clientCertificate,
      clientKey: decode(user["client-key-data"]),
      validity: validityOf([certificateAuthority, clientCertificate]),
    };
  } catch (cause) {
    const reason = cause instanceof z.ZodError ? z.prettifyError(cause) : cause instanceof Error ? cause.message : String(cause);
    throw new GuestError(`the guest's kubeconfig cannot be used: ${reason}`, { code: "KUBECONFIG", cause });
  }
}
