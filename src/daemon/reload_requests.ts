import type { ConfigReloadEvent } from "../core/supervise/event.ts";
import type { ReloadAnswer } from "../core/supervise/operations.ts";
import { ConfigError, messageOf } from "../core/values/errors.ts";
import type { Reloads } from "./reload.ts";
import type { ReloadDoor, ReloadingSession } from "./session_views.ts";

/** Takes in requests for a reload; the code that carries them out is loaded for the first one. */
export class ReloadRequests implements ReloadDoor {
  readonly counts: Record<ConfigReloadEvent["outcome"], number> = { applied: 0, unchanged: 0, refused: 0 };
  taken: string | undefined;
  readonly #session: ReloadingSession;
  /** The promise is kept, not what it resolves with: who comes during the import must share it. */
  #reloads: Promise<Reloads> | undefined;

  /** Creates it for a session. */
  constructor(session: ReloadingSession) {
    this.#session = session;
    this.taken = session.plan.loaded?.fingerprint;
  }

  async reload(options: { dryRun?: boolean } = {}): Promise<ReloadAnswer> {
    return await (await this.#load()).reload(options);
  }

  async reloadUnasked(why: string): Promise<boolean> {
    const session = this.#session;
    if (session.phase === "stopping") return true;
    session.log.info("reloading the configuration", { reason: why });
    const reloads = await this.#load();
    // Mistakes of the file are in the log already.
    const tell = (error: unknown) =>
      error instanceof ConfigError ||
      session.log.error("the configuration could not be reloaded", { reason: messageOf(error), err: error });
    try {
      const { outcomes } = await reloads.apply();
      outcomes.catch(tell);
      return true;
    } catch (error) {
      tell(error);
      return reloads.hasRead(error);
    }
  }

  #load(): Promise<Reloads> {
    return this.#reloads ??= import("./reload.ts").then(({ Reloads }) => new Reloads(this.#session, this));
  }
}
