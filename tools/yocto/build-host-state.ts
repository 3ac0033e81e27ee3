/** Families of distributions, by the package manager that repairs them. */
export type DistributionFamily = "debian" | "fedora" | "suse" | "arch" | "other";

/** What is true of a host, as far as a build with BitBake asks. */
export interface BuildHostState {
  readonly family: DistributionFamily;
  /** PRETTY_NAME of os-release(5). */
  readonly distribution: string;
  readonly isRoot: boolean;
  readonly cpus: number;
  readonly memoryMib: number;
  readonly umask: number;
  readonly hasPressure: boolean;
  /** Whether en_US.UTF-8 can be used, and whether it can be made without root. */
  readonly hasLocale: boolean;
  readonly canMakeLocale: boolean;
  /** Commands that are missing from the PATH that kas gives to BitBake. */
  readonly missingCommands: readonly string[];
  /** Modules of /usr/bin/python3 that cannot be imported. */
  readonly missingPythonModules: readonly string[];
  readonly missingPerlModules: readonly string[];
  /** "3.11.2"; undefined where the program is missing. */
  readonly versions: Readonly<Record<"python3" | "git" | "tar" | "make" | "patch" | "gcc", string | undefined>>;
  readonly tarIsGnu: boolean;
  /** Why an unprivileged user namespace with its own network cannot be made; undefined when it can. */
  readonly userNamespaceProblem: string | undefined;
  /** True when Ubuntu's AppArmor restriction is on. */
  readonly appArmorRestricts: boolean;
  readonly inotifyWatches: number;
  readonly inotifyInstances: number;
  readonly tmpIsNoexec: boolean;
  /** What /bin/sh is. */
  readonly shell: string;
  readonly work: {
    readonly folder: string;
    readonly freeMib: number;
    /** Kind of its file system as statfs(2) tells: "nfs" or undefined for any other. */
    readonly networkFileSystem: string | undefined;
    readonly caseSensitive: boolean;
    readonly longNames: boolean;
    readonly writable: boolean;
    readonly setgid: boolean;
  };
  /** Hosts that a build asks and why each cannot be reached. */
  readonly unreachable: readonly {
    /** What to do without it. */
    readonly without: string;
    readonly host: string;
    readonly problem: string;
    readonly needed: boolean;
    readonly why: string;
  }[];
  readonly isWsl1: boolean;
}
