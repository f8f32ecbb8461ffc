import type { Feature, FeaturePorts, FeatureSettings, OpenFeature } from "../core/feature.ts";

/** Leftovers: it connects the units of a daemon with those of the daemons before and after it. */
export const LEFTOVER_FEATURE: Feature = { name: "leftover", open: openRecovery };

async function openRecovery(_: FeatureSettings, { host, log, instance }: FeaturePorts): Promise<OpenFeature> {
  // A daemon without a place on disk has none before it.
  if (instance === undefined) return {};
  const { Recovery } = await import("./recovery.ts");
  const { crashed, stopTimeoutMs, ...folders } = instance;
  const recovery = new Recovery({ folders, crashed, host, log, limitMs: stopTimeoutMs });
  return {
    gives: { continuity: recovery },
    recover: (units, down) => recovery.settle(units, down),
    notices: () => recovery.notice === undefined ? [] : [recovery.notice],
    ownFiles: () => [{ name: "the list of what runs", restore: () => recovery.restore() }],
    [Symbol.asyncDispose]: () => recovery[Symbol.asyncDispose](),
  };
}
