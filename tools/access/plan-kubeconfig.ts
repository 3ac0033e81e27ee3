import { parse, stringify } from "yaml";
import { z } from "zod";
import { ConfigError } from "../core/errors.ts";

const clusterSchema = z.looseObject({ name: z.string(), cluster: z.looseObject({ server: z.string() }) });
const userSchema = z.looseObject({ name: z.string(), user: z.looseObject({}) });
const contextSchema = z.looseObject({ name: z.string(), context: z.looseObject({ cluster: z.string(), user: z.string() }) });

/** A kubeconfig (kubernetes.io, "Organizing Cluster Access Using kubeconfig Files"); keys that are not named here are kept as they are. */
const kubeconfigSchema = z.looseObject({
  apiVersion: z.literal("v1"),
  kind: z.literal("Config"),
  clusters: z.array(clusterSchema).nullable().default([]),
  users: z.array(userSchema).nullable().default([]),
  contexts: z.array(contextSchema).nullable().default([]),
  "current-context": z.string().default(""),
});

type Kubeconfig = z.infer<typeof kubeconfigSchema>;

function parseKubeconfigFile(text: string, where: string): Kubeconfig {
  const result = kubeconfigSchema.safeParse(parse(text));
  if (result.success) return result.data;
  throw new ConfigError(`${where} is no kubeconfig`, { problems: [z.prettifyError(result.error)] });
}

/**
 * A device's k3s.yaml as another host uses it: the API server's address replaced, cluster, user and context called `name`, so that it can be
 * merged with others. Throws ConfigError for what is no kubeconfig of one cluster.
 */
export function planKubeconfig(text: string, options: { name: string; server: string; where: string }): string {
  const { name, server, where } = options;
  const config = parseKubeconfigFile(text, where);
  const [cluster] = config.clusters ?? [];
  const [user] = config.users ?? [];
  if (cluster === undefined || user === undefined) {
    throw new ConfigError(`${where} names no cluster and user`, {
      hint: "is k3s running there? it writes the file when it starts",
    });
  }
  return stringify({
    ...config,
    clusters: [{ ...cluster, name, cluster: { ...cluster.cluster, server } }],
    users: [{ ...user, name }],
    contexts: [{ name, context: { cluster: name, user: name } }],
    "current-context": name,
  });
}

function authorityOf(config: Kubeconfig, name: string): unknown {
  return (config.clusters ?? []).find((entry) => entry.name === name)?.cluster["certificate-authority-data"];
}

function withEntry<T extends { name: string }>(entries: readonly T[] | null, added: readonly T[] | null): readonly T[] {
  const names = new Set((added ?? []).map((entry) => entry.name));
  return [...(entries ?? []).filter((entry) => !names.has(entry.name)), ...(added ?? [])];
}

/**
 * Adds a planned kubeconfig to an existing one: entries of the same cluster (told by its certificate authority) are brought up to date, those of
 * others are left alone, and the current context stays unless there was none. Throws ConfigError when the names belong to another cluster.
 */
export function planMergedKubeconfig(existing: string, added: string, where: string): string {
  const before = parseKubeconfigFile(existing, where);
  const after = parseKubeconfigFile(added, "the kubeconfig to add");
  const name = after["current-context"];
  const taken = [...(before.clusters ?? []), ...(before.users ?? []), ...(before.contexts ?? [])].some(
    (entry) => entry.name === name,
  );
  const known = authorityOf(before, name);
  if (taken && (known === undefined || known !== authorityOf(after, name))) {
    throw new ConfigError(`${where} has entries "${name}" of another cluster, which are not overwritten`, {
      hint: "choose another name with --name, or remove them: kubectl config delete-context / delete-cluster / delete-user",
    });
  }
  return stringify({
    ...before,
    clusters: withEntry(before.clusters, after.clusters),
    users: withEntry(before.users, after.users),
    contexts: withEntry(before.contexts, after.contexts),
    "current-context": before["current-context"] === "" ? name : before["current-context"],
  });
}
