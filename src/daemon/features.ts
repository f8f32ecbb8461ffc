import type { FeatureSource } from "../core/feature.ts";
import type { Config } from "../settings/config.ts";

/** A feature in the list of a daemon. */
export interface ListedFeature extends FeatureSource {
  /** Its settings, where they are part of `Config` and so can be set in code. */
  settingsIn?(config: Config): unknown;
}

/** The features of a daemon, in the order in which they are opened: the one file of this folder to touch to add one. */
export const FEATURES: readonly ListedFeature[] = [
  {
    name: "logging",
    settingsIn: ({ logging }) => logging,
    load: async () => (await import("../log/feature.ts")).LOGGING_FEATURE,
  },
  { name: "leftover", load: async () => (await import("../leftover/feature.ts")).LEFTOVER_FEATURE },
  { name: "listen", load: async () => (await import("../control/feature.ts")).LISTEN_FEATURE },
  { name: "http", load: async () => (await import("../http/feature.ts")).HTTP_FEATURE },
  { name: "service", load: async () => (await import("../service/feature.ts")).SERVICE_FEATURE },
];
