import type { FeatureSource } from "../core/feature.ts";

/** The features of a daemon, in the order in which they are opened: the one file of this folder to touch to add one. */
export const FEATURES: readonly FeatureSource[] = [
  { name: "listen", load: async () => (await import("../control/feature.ts")).LISTEN_FEATURE },
  { name: "service", load: async () => (await import("../service/feature.ts")).SERVICE_FEATURE },
];
