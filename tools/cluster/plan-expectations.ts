import type { Expectations, WorkloadExpectation } from "./expectation.ts";
import { isSwitchedOn, type K3sConfigFiles, parseK3sConfig, selectList } from "./parse-k3s-config.ts";

/** Where k3s deploys its components, and the only namespace in which no pod may be unhealthy unless told otherwise. */
const SYSTEM = "kube-system";

interface Component {
  /** Name for `--disable`, and of the manifest (`NAME.yaml` or a folder) in server/manifests. */
  readonly addon: string;
  readonly workloads: readonly Pick<WorkloadExpectation, "kind" | "name">[];
  /** Deployed by a HelmChart, so by the Helm controller. */
  readonly helm: boolean;
}

/**
 * The workloads that a k3s server deploys by itself. Source: k3s v1.36, manifests/coredns.yaml, local-storage.yaml, metrics-server/ (one
 * Deployment each, in kube-system) and traefik.yaml (HelmCharts traefik-crd and traefik: the Helm controller runs Jobs
 * helm-install-<chart>, the chart brings the Deployment). ccm.yaml, runtimes.yaml and rolebindings.yaml bring no pods.
 */
const COMPONENTS: readonly Component[] = [
  { addon: "coredns", workloads: [{ kind: "Deployment", name: "coredns" }], helm: false },
  { addon: "local-storage", workloads: [{ kind: "Deployment", name: "local-path-provisioner" }], helm: false },
  { addon: "metrics-server", workloads: [{ kind: "Deployment", name: "metrics-server" }], helm: false },
  {
    addon: "traefik",
    workloads: [
      { kind: "Job", name: "helm-install-traefik-crd" },
      { kind: "Job", name: "helm-install-traefik" },
      { kind: "Deployment", name: "traefik" },
    ],
    helm: true,
  },
];

export interface ExpectationInput {
  readonly config: K3sConfigFiles;
  /** Nodes that are to be in the cluster; more names than one for clusters of several machines. */
  readonly nodeNames: readonly string[];
  /** Number of nodes, where it is more than the names known. */
  readonly nodeCount?: number;
  /** Workloads that are to be there in addition to k3s's own. */
  readonly workloads?: readonly WorkloadExpectation[];
  /** Namespaces in which no pod may be unhealthy, in addition to kube-system. */
  readonly strictNamespaces?: readonly string[];
}

/**
 * What has to be Ready, from the configuration under test: what is not disabled is expected, so that an early, short list of pods cannot
 * pass. The ServiceLB DaemonSet of Traefik (svclb-traefik-<8 digits>, pkg/cloudprovider/servicelb.go) is expected unless ServiceLB is off.
 * Throws ConfigError when a configuration file is not YAML.
 */
export function planExpectations(input: ExpectationInput): Expectations {
  const options = parseK3sConfig(input.config);
  const disabled = new Set(selectList(options, "disable"));
  const skipped = (addon: string): boolean =>
    input.config.manifests.some((name) => name === `${addon}.yaml.skip` || name === `${addon}.skip`);
  const helmOff = isSwitchedOn(options, "disable-helm-controller");

  const workloads: WorkloadExpectation[] = [];
  for (const component of COMPONENTS) {
    if (disabled.has(component.addon) || skipped(component.addon) || (component.helm && helmOff)) continue;
    const because = `k3s deploys it unless \`disable: ${component.addon}\` is set`;
    for (const workload of component.workloads) workloads.push({ ...workload, namespace: SYSTEM, because });
  }
  const traefik = workloads.some((workload) => workload.name === "traefik");
  if (traefik && !disabled.has("servicelb")) {
    const because = "ServiceLB answers Traefik's Service of type LoadBalancer unless `disable: servicelb` is set";
    workloads.push({ kind: "DaemonSet", namespace: SYSTEM, name: "svclb-traefik-*", because });
  }
  // Without an agent the server is no node; the other machines' nodes are told by name or number.
  const ownNode = isSwitchedOn(options, "disable-agent") ? 0 : 1;
  return {
    nodeCount: input.nodeCount ?? Math.max(input.nodeNames.length, ownNode),
    nodeNames: input.nodeNames,
    workloads: [...workloads, ...(input.workloads ?? [])],
    strictNamespaces: [...new Set([SYSTEM, ...(input.strictNamespaces ?? [])])],
  };
}
