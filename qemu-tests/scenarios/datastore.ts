import { randomBytes } from "node:crypto";
import { CheckError, must } from "../../tools/scenario/check-error.ts";
import type { Guest, Lab, Scenario } from "../../tools/scenario/scenario.ts";
import { plantBeforeK3s } from "../harness/plant-fault.ts";
import { type DatastoreKind, DATASTORES, renderCertificates, TLS_FOLDER } from "./datastore-kinds.ts";
import { apply, kubectl, SLIM } from "./guest-questions.ts";
import { type LabNetwork, openLabNetwork } from "./lab-network.ts";

const STORE = 9;
const STORE_MEMORY_MIB = 1024;
const FILES = "/etc/rancher/datastore";
const CONFIG = "/etc/rancher/k3s/config.yaml.d/60-lab.yaml";
const TOKEN_FILE = "/etc/rancher/k3s/cluster-token";
const AUTHORITY = "/var/lib/rancher/k3s/server/tls/server-ca.crt";
const SET_UP = "/root/set-up-datastore";
const AWAY_MS = 60_000;
const API_TIMEOUT_MS = 300_000;

/** The datastore as a server's device knows it. */
interface Store {
  readonly guest: Guest;
  readonly kind: DatastoreKind;
  readonly address: string;
  readonly endpoint: string;
  /** Content of the client's files, by name. */
  readonly files: Readonly<Record<string, string>>;
}

async function openStore(lab: Lab, network: LabNetwork, kind: DatastoreKind): Promise<Store> {
  const guest = await lab.boot(
    "store",
    network.join(STORE, {
      memoryMib: STORE_MEMORY_MIB,
      cpus: 1,
      kernelArguments: ["systemd.mask=k3s.service", "systemd.hostname=store"],
    }),
  );
  const address = network.address(STORE);
  const access = { address, password: randomBytes(12).toString("hex") };
  return lab.check(`${kind.name} serves`, async () => {
    await guest.shell.writeFile(SET_UP, renderCertificates(address) + kind.setUp(access), { mode: 0o600 });
    await guest.sh(`sh -eu ${SET_UP}`, { timeoutMs: 300_000 });
    const names = ["ca.crt", "client.crt", "client.key"];
    const texts = await Promise.all(names.map(async (name) => guest.sh(`cat ${TLS_FOLDER}/${name}`)));
    const files = Object.fromEntries(names.map((name, index) => [name, `${texts[index]}\n`]));
    return { guest, kind, address, endpoint: kind.endpoint(access), files };
  });
}

/** A server's device with a blank disk, which knows of the cluster no more than the datastore and a token. */
async function bootServer(
  lab: Lab,
  network: LabNetwork,
  store: Store,
  server: { name: string; index: number; token: string },
): Promise<Guest> {
  const { name, index, token } = server;
  const config = `${SLIM}node-ip: ${network.address(index)}
flannel-iface: eth1
token-file: ${TOKEN_FILE}
tls-san: [${network.address(index)}]
datastore-endpoint: "${store.endpoint}"
datastore-cafile: ${FILES}/ca.crt
datastore-certfile: ${FILES}/client.crt
datastore-keyfile: ${FILES}/client.key
`;
  return lab.boot(
    name,
    network.join(index, {
      kernelArguments: [`systemd.hostname=${name}`],
      handOver: {
        files: [
          { path: CONFIG, mode: "0600", content: config },
          { path: TOKEN_FILE, mode: "0600", content: `${token}\n` },
          ...Object.entries(store.files).map(([file, content]) => ({ path: `${FILES}/${file}`, mode: "0600", content })),
        ],
      },
    }),
  );
}

/** What k3s said last that has to do with the datastore. */
async function lastWords(guest: Guest): Promise<string> {
  return guest.sh(
    "journalctl -u k3s -o cat --no-pager -n 200 | grep -iE 'datastore|database|etcd|certificate|refused' | tail -n 1; true",
  );
}

/** Waits until the API server answers. Throws CheckError with k3s's own last words of the datastore otherwise. */
async function apiAnswers(lab: Lab, guest: Guest, timeoutMs = API_TIMEOUT_MS): Promise<void> {
  const end = lab.ctx.clock.monotonicMs() + timeoutMs;
  await lab.until(
    async () => {
      const seen = await guest.shell.run("k3s kubectl get --raw /readyz", { timeoutMs: 60_000 });
      if (seen.status === 0) return undefined;
      // Looked up at the end alone: each look takes processor time that the server needs.
      return end - lab.ctx.clock.monotonicMs() > 20_000
        ? "the API server does not answer"
        : `the API server does not answer: ${await lastWords(guest)}`;
    },
    { timeoutMs, everyMs: 3000 },
  );
}

async function readAuthority(guest: Guest): Promise<string> {
  return guest.sh(`sha256sum <${AUTHORITY}`);
}

/** Objects lie in the datastore, and the cluster's keys do, unreadable without the token. */
async function checkKept(lab: Lab, store: Store): Promise<void> {
  const { guest, kind, address } = store;
  await lab.check("the cluster is in the datastore, its keys sealed", async () => {
    const object = await guest.sh(kind.dump("/registry/configmaps/default/kept", address));
    must(object.includes("/registry/configmaps/default/kept"), "the object that was written is not there");
    const keys = await guest.sh(kind.dump("/bootstrap/", address));
    must(keys.includes("/bootstrap/"), "the cluster's keys are not there");
    must(!keys.includes("PRIVATE KEY"), "the cluster's keys can be read");
  });
}

async function checkStranger(lab: Lab, guest: Guest): Promise<void> {
  await lab.check("a machine with another token is refused, and told why", async () => {
    await lab.until(
      async () => {
        const said = await guest.sh("journalctl -u k3s -o cat --no-pager | grep -c 'encrypted with different token'; true");
        if (said !== "0") return undefined;
        const served = await guest.shell.run("k3s kubectl get --raw /readyz", { timeoutMs: 60_000 });
        if (served.status === 0) throw new CheckError("it serves a cluster of its own");
        return `k3s does not say that the token is another cluster's: ${await lastWords(guest)}`;
      },
      { timeoutMs: API_TIMEOUT_MS, everyMs: 5000 },
    );
  });
}

/** The datastore is away for a minute, and comes back. */
async function checkAway(lab: Lab, store: Store, guest: Guest): Promise<void> {
  const { unit } = store.kind;
  const since = await guest.sh("date +%s");
  await lab.check("the datastore is away for a minute", async () => {
    await store.guest.sh(`systemctl stop ${unit}`);
    await lab.ctx.clock.sleep(AWAY_MS, lab.ctx.signal);
    await store.guest.sh(`systemctl start ${unit}`);
  });
  await lab.check("the server recovers by itself", async () => apiAnswers(lab, guest));
  await lab.check("it says what it waited for", async () => {
    const address = store.address.replaceAll(".", String.raw`\.`);
    const words = await guest.sh(
      `journalctl -u k3s --since @${since} -o cat --no-pager | grep -E '${address}.*(refused|connect:|reset)' | tail -n 1; true`,
    );
    must(words !== "", `the journal does not name ${store.address} as what could not be reached: ${await lastWords(guest)}`);
  });
  await guest.ready("all is Ready again");
  await lab.check("what was written is there, and more can be written", async () => {
    must((await kubectl(guest, "get configmap kept -o jsonpath={.data.value}")) !== "", "the object is gone");
    await kubectl(guest, "create configmap after");
  });
}

function defineDatastore(kind: DatastoreKind): Scenario {
  return {
    name: `datastore-${kind.name}`,
    about: `a server's cluster outlives its machine in ${kind.name}: a new machine with the same token takes over, and a datastore that was away is waited for`,
    minutes: 25,
    needs: ["datastores"],
    defects: [
      {
        name: "wrong-ca",
        about: "the server has another authority than the datastore's",
        machine: (guest) =>
          guest === "server"
            ? {
                handOver: plantBeforeK3s(
                  `openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=other -keyout /dev/null -out ${FILES}/ca.crt`,
                ),
              }
            : {},
        fails: { check: /the server's API answers/u, words: /certificate/u },
      },
      {
        name: "other-datastore",
        about: "the new machine has a datastore of its own",
        machine: (guest) => (guest === "successor" ? { handOver: plantBeforeK3s(`sed -i '/^datastore-/d' ${CONFIG}`) } : {}),
        fails: { check: /another token is refused/u, words: /cluster of its own/u },
      },
    ],
    run: async (lab) => {
      const network = openLabNetwork();
      const token = randomBytes(16).toString("hex");
      const store = await openStore(lab, network, kind);
      const server = await bootServer(lab, network, store, { name: "server", index: 1, token });
      await lab.check("the server's API answers", async () => apiAnswers(lab, server));
      await server.ready("the server is Ready");
      const value = randomBytes(8).toString("hex");
      await apply(server, `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: kept }\ndata: { value: "${value}" }\n`);
      await checkKept(lab, store);
      const authority = await readAuthority(server);
      await server.machine.cutPower();

      const successor = await bootServer(lab, network, store, { name: "successor", index: 2, token: "another" });
      await checkStranger(lab, successor);
      await successor.sh(`printf '%s\\n' ${token} >${TOKEN_FILE} && systemctl restart --no-block k3s`);
      await lab.check("the new machine's API answers", async () => apiAnswers(lab, successor));
      await lab.check("it is the same cluster: its authority, its objects, its first node", async () => {
        must((await readAuthority(successor)) === authority, "the new machine has another authority");
        const kept = await kubectl(successor, "get configmap kept -o jsonpath={.data.value}");
        if (kept !== value) throw new CheckError(`the object says "${kept}" and not "${value}"`);
        // As a person does for a device that will not come back.
        await kubectl(successor, "delete node server");
      });
      await successor.ready("the new machine is Ready", { nodeNames: ["successor"] });
      await checkAway(lab, store, successor);
    },
  };
}

export const datastorePostgres = defineDatastore(DATASTORES.postgres);
export const datastoreEtcd = defineDatastore(DATASTORES.etcd);
