/** Networks of ours for containers, which Docker gives none: with their own packet filter, as sandboxes have them (decision 0010). */
import { asPlatformError, PlatformError } from "../../model/error.ts";
import type { Egress } from "../../model/model.ts";
import type { ContainerNetworks, ForeignContainer, JoinedNetwork } from "../egress/egress.ts";

/** Says of each container whether it waits for a network, and puts it in. */
export class OwnNetworks {
  readonly #networks: ContainerNetworks | null;
  readonly #dockers: string;
  readonly #warn: (message: string, fields: Readonly<Record<string, unknown>>) => void;
  /** Containers turned out to be out of reach. */
  #isBlind = false;

  /** `networks`: null, there are none. `dockers`: Docker's network of functions that may use the internet, if it is to be that; else `none`. */
  constructor(
    networks: ContainerNetworks | null,
    dockers: string,
    warn: (message: string, fields: Readonly<Record<string, unknown>>) => void,
  ) {
    this.#networks = networks;
    this.#dockers = dockers;
    this.#warn = warn;
  }

  /** Whether a container with this egress is to wait for one before its program begins. */
  isFor(egress: Egress): boolean {
    if (this.#networks === null || this.#isBlind || egress === "none") return false;
    return egress !== "internet" || this.#dockers === "none";
  }

  /** `pid`: null where it cannot be seen. Rejects with `internal`: the container must not go on then. */
  async join({ id, pid }: { readonly id: string; readonly pid: number | null }, egress: Egress): Promise<OwnNetwork> {
    const network = new OwnNetwork();
    try {
      if (pid === null) throw new PlatformError("unsupported", "The processes of Docker's containers cannot be seen from here");
      await network.join(this.#networks, { id, pid }, egress);
    } catch (error) {
      const { code, message } = asPlatformError(error);
      if (code !== "unsupported") throw error;
      this.giveUp(message);
    }
    return network;
  }

  /** There can be no network: functions have none from now on, which is told once. */
  giveUp(reason: string): void {
    if (this.#networks === null || this.#isBlind) return;
    this.#isBlind = true;
    this.#warn("Functions of images connect to nothing, but for those in a Docker network", { reason });
  }
}

/** Of one container; nothing, where there could be none. */
export class OwnNetwork {
  #joined: JoinedNetwork | null = null;
  #isLost = false;
  #whenLost: () => void = () => {};

  async join(networks: ContainerNetworks | null, container: ForeignContainer, egress: Egress): Promise<void> {
    if (networks === null || egress === "none") return;
    this.#joined = await networks.join(container, egress, () => {
      this.#isLost = true;
      this.#whenLost();
    });
  }

  /** At once, where it is lost already. */
  whenLost(act: () => void): void {
    this.#whenLost = act;
    if (this.#isLost) act();
  }

  /** The container is gone. */
  leave(): void {
    this.#joined?.leave();
    this.#joined = null;
  }
}
