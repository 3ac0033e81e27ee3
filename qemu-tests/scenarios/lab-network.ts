import { randomBytes } from "node:crypto";
import type { GuestHandOver } from "../../tools/machine/machine.ts";
import type { NetworkSpec } from "../../tools/machine/machine-spec.ts";
import type { GuestOptions } from "../../tools/scenario/scenario.ts";

/** A network that only the machines of one scenario share: QEMU sends its frames as multicast on the host's loopback, which needs no root. */
export interface LabNetwork {
  /** Address of machine number `index`, 1 and up. */
  address(index: number): string;
  /** The options of a machine on it: a second network card, eth1, with that address, up before anything else starts. */
  join(index: number, options?: GuestOptions): GuestOptions;
}

function address(index: number): string {
  return `10.99.0.${index}`;
}

/** Makes a network. Its multicast group is drawn from the organisation-local block (RFC 2365), so that two runs do not meet. */
export function openLabNetwork(): LabNetwork {
  const [a = 0, b = 0, high = 0, low = 0] = randomBytes(4);
  const group = `239.192.${a}.${b}:${20_000 + ((high * 256 + low) % 20_000)}`;
  return {
    address,
    join: (index, options = {}) => {
      const network: NetworkSpec = {
        netdev: `socket,mcast=${group},localaddr=127.0.0.1`,
        mac: `52:54:00:99:00:${index.toString(16).padStart(2, "0")}`,
      };
      const link = `[Match]\nName=eth1\n\n[Network]\nAddress=${address(index)}/24\nLinkLocalAddressing=no\nIPv6AcceptRA=no\n`;
      const handOver: GuestHandOver = {
        files: options.handOver?.files ?? [],
        // systemd-network-generator(8) makes a .network file of the credential, before networkd starts.
        credentials: [...(options.handOver?.credentials ?? []), { name: "network.network.10-lab", content: link }],
      };
      return {
        ...options,
        networks: [...(options.networks ?? []), network],
        kernelArguments: [...(options.kernelArguments ?? []), "systemd.wants=systemd-network-generator.service"],
        handOver,
      };
    },
  };
}
