import type { Context } from "../core/context.ts";
import { CommandError, PreflightError } from "../core/errors.ts";
import type { HostCheck, HostNeed, Purpose } from "./host-need.ts";
import { formatInstallCommand, judgeHost, selectMissingPackages } from "./judge-host.ts";
import { planHostNeeds } from "./plan-host-needs.ts";
import { readHostState } from "./read-host-state.ts";

async function installPackages(ctx: Context, packages: readonly string[], isRoot: boolean): Promise<void> {
  const asRoot = isRoot ? [] : ["sudo"];
  const apt = [...asRoot, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get"];
  ctx.log.info(`installing host packages: ${packages.join(" ")}`);
  const onLine = (line: string): void => {
    ctx.log.debug(line);
  };
  try {
    await ctx.exec.runCheck([...apt, "update", "-q"], { onLine });
    await ctx.exec.runCheck([...apt, "install", "-y", "-q", "--no-install-recommends", ...packages], { onLine });
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    throw new PreflightError(`apt-get could not install ${packages.join(" ")}: ${error.message}`, {
      cause: error,
      hint: `see why with: ${formatInstallCommand(packages, { isRoot })}`,
    });
  }
}

function failOn(checks: readonly HostCheck[]): void {
  const missing = checks.filter((check) => check.status === "missing");
  if (missing.length === 0) return;
  throw new PreflightError("this host lacks what is needed", {
    checks: missing.map((check) => ({ name: check.name, found: check.found, repair: check.repair })),
    hint: "./meta-k3s doctor --install does it for you on Debian and Ubuntu",
  });
}

async function look(ctx: Context, needs: readonly HostNeed[]): Promise<readonly HostCheck[]> {
  return judgeHost(needs, await readHostState(ctx, needs));
}

/** Checks the host and tells; changes nothing. */
export async function readHostChecks(ctx: Context, purposes: readonly Purpose[]): Promise<readonly HostCheck[]> {
  return look(ctx, planHostNeeds(purposes));
}

/**
 * Makes sure that the host has what the purposes need: with `install`, missing packages are installed by apt-get, after saying so. Throws
 * PreflightError listing each thing still missing with the command that repairs it; warnings are logged and do not stop.
 */
export async function runPreflight(
  ctx: Context,
  options: { purposes: readonly Purpose[]; install: boolean },
): Promise<readonly HostCheck[]> {
  const needs = planHostNeeds(options.purposes);
  const state = await readHostState(ctx, needs);
  const packages = selectMissingPackages(needs, state);
  const canInstall = state.hasApt && (state.isRoot || state.hasSudo);
  if (packages.length > 0 && options.install && canInstall) await installPackages(ctx, packages, state.isRoot);
  const checks = await look(ctx, needs);
  failOn(checks);
  for (const check of checks) {
    if (check.status === "warning") ctx.log.warn(`${check.name}: ${check.found}; ${check.repair}`);
  }
  return checks;
}
