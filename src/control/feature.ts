import type { Feature, FeaturePorts, FeatureSettings, OpenFeature } from "../core/feature.ts";
import { registration } from "../core/supervise/registration.ts";
import { ADMIN_LISTENER, type ListenerSpec } from "./spec.ts";

/** Listeners: the control socket of a daemon, and whatever else it answers on. */
export const LISTEN_FEATURE: Feature = { name: "listen", open: openListeners };

function specsIn({ configured }: FeatureSettings): readonly ListenerSpec[] {
  return configured as readonly ListenerSpec[] | undefined ?? [ADMIN_LISTENER];
}

async function openListeners(settings: FeatureSettings, { host, log, control, runBeside }: FeaturePorts): Promise<OpenFeature> {
  // Nobody finds a daemon without folders, so nobody asks it anything.
  if (control === undefined) return {};
  // A daemon that nobody can reach need not load a web server.
  const { Listeners } = await import("./listeners.ts");
  const { socket, ...own } = control;
  const listeners = new Listeners({
    host,
    socket,
    specs: specsIn(settings),
    control: { ...own, profiler: host.profiler },
    log: log.child("control"),
  });
  await runBeside(registration(listeners, "listener"));
  let now = settings;
  return {
    async check(next) {
      const before = now;
      await listeners.apply(specsIn(next));
      now = next;
      return async () => {
        await listeners.apply(specsIn(before));
        now = before;
      };
    },
    // A token that has leaked is replaced in its file, and the configuration stays as it is.
    reread: () => listeners.refresh(),
    ownFiles: () => [{ name: "the control socket", restore: () => listeners.restore() }],
  };
}
