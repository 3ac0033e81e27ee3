import { watchMachine } from "../boot-test/watch-machine.ts";
import type { GuestShell } from "../cluster/guest-shell.ts";
import { KubeStatusError } from "../cluster/kube-error.ts";
import { type KubeClient, openKubeClient } from "../cluster/open-kube-client.ts";
import { KUBECONFIG_PATH } from "../cluster/parse-kubeconfig.ts";
import type { Context } from "../core/context.ts";
import type { Machine } from "../machine/machine.ts";

/** A client of the guest's API server whose failures name the machine's end where that is the cause. */
export function openGuestKube(ctx: Pick<Context, "clock" | "signal">, guest: { machine: Machine; shell: GuestShell }): KubeClient {
  const client = openKubeClient(ctx, guest.shell, { kubeconfigPath: KUBECONFIG_PATH });
  /** A refusal is an answer: the machine is there, and no time is spent on waiting for its end. */
  const watch = async <T>(act: () => Promise<T>): Promise<T> => {
    let refusal: KubeStatusError | undefined;
    const done = await watchMachine(ctx, guest.machine, async () =>
      act().catch((error: unknown) => {
        if (!(error instanceof KubeStatusError)) throw error;
        refusal = error;
        return undefined;
      }),
    );
    if (refusal !== undefined) throw refusal;
    return done as T;
  };
  return {
    get: async (path) => watch(async () => client.get(path)),
    apply: async (yaml) => watch(async () => client.apply(yaml)),
    create: async (path, object) => watch(async () => client.create(path, object)),
    remove: async (path, options) => watch(async () => client.remove(path, options)),
    exec: async (pod, command, options) => watch(async () => client.exec(pod, command, options)),
    stream: async (pod, command) => watch(async () => client.stream(pod, command)),
    [Symbol.asyncDispose]: async () => client[Symbol.asyncDispose](),
  };
}
