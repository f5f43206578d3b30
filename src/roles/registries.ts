import type { Config } from "../config/config.ts";
import type { RegistrySettings } from "../image/packages/machine.ts";

/** Where functions' packages come from, as the operator has it. */
export function registriesOf({
  npmRegistry: npm,
  pipIndex: pip,
  goProxy: go,
  cargoIndex: cargo,
  ...rest
}: Config): RegistrySettings {
  return { npm, pip, go, cargo, hosts: rest.registryHosts, ca: rest.registryCa };
}
