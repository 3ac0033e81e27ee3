import type { SetupOptions, SetupResult } from "./run-setup.ts";

/** What `setup` did, and what to run next. */
export function formatSetup(request: SetupOptions, result: SetupResult): string {
  const { choice, folders } = request;
  const { host } = result;
  const traits = [
    choice.image,
    `provider ${choice.provider}`,
    `snapshotter ${choice.snapshotter}`,
    ...(choice.development ? ["development"] : []),
  ];
  return [
    `${choice.machine} is set up in ${folders.buildFolder}: ${traits.join(", ")}.`,
    `  ${host.threads} tasks at a time, make -j ${host.makeJobs}, work folders are ${host.removeWork ? "removed (rm_work)" : "kept"}`,
    `  sstate mirror ${result.sstateMirror ? "on" : "off"}${result.offline ? ", no network" : ""}`,
    `  settings of your own: ${folders.buildFolder}/conf/auto.conf`,
    "",
    `Next: ./meta-k3s build ${choice.machine}`,
  ].join("\n");
}
