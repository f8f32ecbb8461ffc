import type { AddedEntry, Feature, FeaturePorts, FeatureSettings, OpenFeature } from "../core/feature.ts";
import { registration } from "../core/supervise/registration.ts";
import { resolvePath } from "../core/values/paths.ts";
import type { SubsystemSpec } from "../core/supervise/spec.ts";
import type { HttpSpec } from "./options.ts";
import { ProgramServer } from "./server.ts";

/** Servers of a program, added in code. */
export const HTTP_FEATURE: Feature = { name: "http", open: openServers };

function openServers({ cwd }: FeatureSettings, { host: { http, files }, clock }: FeaturePorts): OpenFeature {
  return {
    unitsOf: ({ value }: AddedEntry) => {
      const { server, spec } = value as { server: HttpSpec; spec: SubsystemSpec | undefined };
      const { address } = server;
      const placed = "unix" in address ? { unix: resolvePath(cwd, address.unix) } : address;
      return [registration(new ProgramServer({ ...server, address: placed }, { http, files, clock }), "server", spec)];
    },
  };
}
