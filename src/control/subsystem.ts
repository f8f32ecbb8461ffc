import type { Host } from "../core/host.ts";
import type { Context, Subsystem } from "../core/subsystem.ts";
import type { ControlHandler } from "./handler.ts";

/** What {@linkcode controlSubsystem} works with. */
export interface ControlSubsystemOptions {
  /** Serves. */
  host: Pick<Host, "http" | "clock">;
  /** Path of the socket. */
  socket: string;
  /** Answers. */
  handler: ControlHandler;
}

/** Time that requests under way have after the streams were ended. */
const GRACE_MS = 1_000;

/**
 * The subsystem that listens on the control socket.
 *
 * Stopping it ends open streams first, as the server would wait for them for ever, then lets answers under way go out for a second.
 */
export function controlSubsystem(options: ControlSubsystemOptions): Subsystem {
  const { host: { http, clock }, socket, handler } = options;
  return {
    name: "admin",
    spec: { readiness: "manual", stopLast: true, essential: true },
    details: () => ({ socket }),
    async run(context: Context): Promise<void> {
      const server = await http.serve({ unix: socket }, handler);
      context.ready();
      await context.cancelled();
      handler.streams.end();
      const grace = new AbortController();
      const timer = clock.schedule(GRACE_MS, () => grace.abort());
      const forced = context.onForce(() => grace.abort());
      try {
        await server.stop({ signal: grace.signal });
      } finally {
        timer[Symbol.dispose]();
        forced[Symbol.dispose]();
      }
    },
  };
}
