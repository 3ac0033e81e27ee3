#
# Copyright the meta-k3s maintainers
#
# SPDX-License-Identifier: MIT
#
"""`bitbake -c testimage core-image-k3s`: the node and every kube-system workload are Ready, and stay so.

Judged as `./meta-k3s test` judges: by conditions, never by a word in a table; against what the configuration says must be there, so
that an early, short list cannot pass; and only after a number of good looks in a row without a restart.
"""

import json
import time

from oeqa.core.decorator.depends import OETestDepends
from oeqa.runtime.case import OERuntimeTestCase
from oeqa.runtime.decorator.package import OEHasPackage

# A first start under plain emulation imports images and takes minutes.
READY_WITHIN_S = 900
LOOK_EVERY_S = 5
GOOD_LOOKS = 4

# The workloads of k3s's packaged components, by the name that disables them. Traefik's come from Helm jobs.
WORKLOADS = {
    "coredns": [("Deployment", "coredns")],
    "local-storage": [("Deployment", "local-path-provisioner")],
    "metrics-server": [("Deployment", "metrics-server")],
    "traefik": [("Deployment", "traefik")],
}


def condition(resource, kind):
    """The status of a resource's condition: "True", "False", "Unknown", or None where it has none of that kind."""
    for entry in resource.get("status", {}).get("conditions", []):
        if entry.get("type") == kind:
            return entry.get("status")
    return None


def reason(resource, kind):
    """What a condition says of itself, for a person."""
    for entry in resource.get("status", {}).get("conditions", []):
        if entry.get("type") == kind:
            return ": ".join(part for part in (entry.get("reason"), entry.get("message")) if part)
    return "no condition %s yet" % kind


def expected_workloads(disabled, has_traefik):
    """What must be there: every packaged component that is not disabled and that this k3s has."""
    return [
        workload
        for component, workloads in WORKLOADS.items()
        if component not in disabled and (component != "traefik" or has_traefik)
        for workload in workloads
    ]


def unready(nodes, pods, workloads, expected):
    """Why the cluster is not ready, one line each; empty when it is."""
    problems = []
    if not nodes:
        problems.append("no node has registered")
    for node in nodes:
        if condition(node, "Ready") != "True":
            problems.append("node %s is not Ready (%s)" % (node["metadata"]["name"], reason(node, "Ready")))
    present = {(workload["kind"], workload["metadata"]["name"]): workload for workload in workloads}
    for kind, name in expected:
        workload = present.get((kind, name))
        if workload is None:
            problems.append("%s %s does not exist yet" % (kind, name))
        elif condition(workload, "Available") != "True":
            problems.append("%s %s is not Available (%s)" % (kind, name, reason(workload, "Available")))
    for pod in pods:
        if pod["status"].get("phase") == "Succeeded":
            continue
        if condition(pod, "Ready") != "True":
            problems.append("pod %s is not Ready (%s)" % (pod["metadata"]["name"], reason(pod, "Ready")))
    return problems


def fingerprint(pods):
    """Which pods there are and how often their containers were restarted: a change begins the count anew."""
    return sorted(
        (pod["metadata"]["uid"], container["name"], container["restartCount"])
        for pod in pods
        for container in pod["status"].get("containerStatuses", [])
    )


class K3sTest(OERuntimeTestCase):
    def kubectl(self, arguments):
        """The items that `kubectl get` lists; None while the API does not answer."""
        status, output = self.target.run("kubectl get -o json %s" % arguments, timeout=60)
        if status != 0:
            return None
        # kubectl may warn on standard error, which the target mixes in.
        return json.loads(output[output.index("{") :])["items"]

    @OETestDepends(["ssh.SSHTest.test_ssh"])
    @OEHasPackage(["k3s-server", "k3s-bin-server"])
    def test_unit_is_active(self):
        deadline = time.monotonic() + READY_WITHIN_S
        while time.monotonic() < deadline:
            status, output = self.target.run("systemctl is-active k3s")
            if status == 0:
                return
            self.assertNotEqual(output.strip(), "failed", self.journal())
            time.sleep(LOOK_EVERY_S)
        self.fail("k3s.service is not active within %d s\n%s" % (READY_WITHIN_S, self.journal()))

    @OETestDepends(["k3s.K3sTest.test_unit_is_active"])
    def test_cluster_is_ready(self):
        disabled = set((self.td.get("K3S_DISABLE") or "").split())
        status, _ = self.target.run("test -e /var/lib/rancher/k3s/server/manifests/traefik.yaml")
        expected = expected_workloads(disabled, has_traefik=status == 0)

        deadline = time.monotonic() + READY_WITHIN_S
        good, before, problems = 0, None, ["the API does not answer"]
        while time.monotonic() < deadline:
            nodes = self.kubectl("nodes")
            pods = self.kubectl("pods -n kube-system")
            workloads = self.kubectl("deployments,daemonsets -n kube-system")
            if nodes is None or pods is None or workloads is None:
                good, problems = 0, ["the API does not answer"]
            else:
                problems = unready(nodes, pods, workloads, expected)
                now = fingerprint(pods)
                good = good + 1 if not problems and now == before else 0
                before = now
                if good >= GOOD_LOOKS:
                    return
            time.sleep(LOOK_EVERY_S)
        self.fail("not ready within %d s:\n  %s\n%s" % (READY_WITHIN_S, "\n  ".join(problems) or "restarts go on", self.journal()))

    @OETestDepends(["k3s.K3sTest.test_unit_is_active"])
    def test_kubeconfig_is_for_root_alone(self):
        status, output = self.target.run("stat -c %a:%U /etc/rancher/k3s/k3s.yaml")
        self.assertEqual((status, output.strip()), (0, "600:root"))

    def journal(self):
        return self.target.run("journalctl -b -u k3s --no-pager -n 60")[1]
