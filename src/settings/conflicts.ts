import type { Registration } from "../core/supervise/registration.ts";
import { ConfigError, type ConfigIssue } from "../core/values/errors.ts";
import { groupKey, nameKey } from "../core/values/names.ts";
import type { LoadedConfig } from "./load_config.ts";

/** Refuses what does not go together with the units that the code of the program has added. */
export function refuseConflicts({ services, path }: LoadedConfig, others: readonly Registration[]): void {
  const issues: ConfigIssue[] = [];
  const refuse = (name: string, message: string) => issues.push({ source: path!, path: `service.${name}`, message });
  // Instance n of a service is a unit of its own, name@n.
  const own = new Map(others.map(({ subsystem: { name } }) => [groupKey(name), name]));
  for (const { name } of services) {
    const other = own.get(nameKey(name));
    if (other !== undefined) {
      refuse(name, `expected a name that is free, got that of ${JSON.stringify(other)}, which the program has added`);
    }
  }
  const there = new Set([...own.keys(), ...services.map(({ name }) => nameKey(name))]);
  for (const { subsystem, after } of others) {
    for (const { name } of after) {
      if (!there.has(nameKey(name))) refuse(name, `expected to stay, as ${JSON.stringify(subsystem.name)} of the program comes after it`);
    }
  }
  if (issues.length > 0) {
    throw new ConfigError("CONFIG_INVALID", "Cannot load the configuration as it does not go together with what the program has added:", {
      issues,
    });
  }
}
