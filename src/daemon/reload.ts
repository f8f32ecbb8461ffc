import { sleep } from "../core/ports/clock.ts";
import { ConfigError, DaemonError, formatIssue, isDaemonError, messageOf } from "../core/values/errors.ts";
import type { ReloadAnswer, ReloadChange } from "../core/supervise/operations.ts";
import type { LoadedConfig } from "../settings/load_config.ts";
import { refuseConflicts } from "../settings/conflicts.ts";
import { checkNeeds, refuseUnmet } from "../settings/needs.ts";
import { type ReloadPlan, reloadPlan, restartedEntries } from "../settings/reload_plan.ts";
import type { ReloadDoor, ReloadingSession } from "./session_views.ts";

/** How often a missing or empty file is looked for, and the wait in between. */
const LOOKS = 5;
const LOOK_AGAIN_MS = 50;

/** A reload once its configuration is in force; what it touches may take longer. */
export interface Applied {
  /** The changes. */
  plan: ReloadPlan;
  /** Number of the configuration in force. */
  version: number;
  /** The outcome of each unit that it touches. */
  outcomes: Promise<ReloadAnswer["units"]>;
}

/**
 * The reloads of one daemon, one after the other.
 *
 * - The next one begins when the configuration before is in force, and does not wait for the units that it starts and stops.
 * - Whoever asks while another one waits for its turn shares that one, which reads the file after they asked.
 * - A configuration that is refused changes nothing.
 */
export class Reloads {
  readonly #session: ReloadingSession;
  readonly #requests: Pick<ReloadDoor, "counts" | "taken">;
  #running: Promise<unknown> | undefined;
  #waiting: Promise<Applied> | undefined;
  /** With what it went wrong when nothing could be read. */
  readonly #unread = new WeakSet<DaemonError>();

  /** Creates it for a session that has started; `requests` gets the text that was read last, and counts. */
  constructor(session: ReloadingSession, requests: Pick<ReloadDoor, "counts" | "taken">) {
    this.#session = session;
    this.#requests = requests;
  }

  /** Reads the file again and applies what differs, or only says what would be. */
  async reload({ dryRun = false }: { dryRun?: boolean }): Promise<ReloadAnswer> {
    if (dryRun) {
      await this.#untilIdle();
      const { plan } = await this.#read();
      return { v: 1, ok: true, dryRun, version: this.#session.configVersion, ...plan, units: [] };
    }
    const { plan, version, outcomes } = await this.apply();
    const units = await outcomes;
    return { v: 1, ok: units.every(({ ok }) => ok), dryRun, version, ...plan, units };
  }

  /** Likewise, and resolves once the configuration is in force, while units still start and stop. */
  apply(): Promise<Applied> {
    return this.#waiting ??= this.#inTurn();
  }

  /** Whether there was a file to read, by the error of a reload. */
  hasRead(error: unknown): boolean {
    return !(isDaemonError(error) && this.#unread.has(error));
  }

  async #inTurn(): Promise<Applied> {
    await this.#untilIdle();
    this.#waiting = undefined;
    const applying = this.#apply();
    this.#running = applying;
    return await applying;
  }

  async #untilIdle(): Promise<void> {
    await this.#running?.catch(() => {/* told to who asked for it */});
  }

  async #apply(): Promise<Applied> {
    const session = this.#session;
    try {
      const { plan, loaded, warnings } = await this.#read();
      for (const warning of warnings) session.log.warn(warning);
      const isApplicable = plan.changes.some(({ effect }) => effect !== "daemon");
      for (const change of plan.changes) session.log[change.effect === "daemon" ? "warn" : "info"](changeText(change));
      if (!isApplicable) await session.features?.reread();
      const { outcomes } = isApplicable ? await session.apply(loaded, restartedEntries(plan)) : { outcomes: Promise.resolve([]) };
      outcomes.catch(() => {/* told to who waits for it */});
      this.#requests.taken = loaded.fingerprint;
      this.#announce(isApplicable ? "applied" : "unchanged", plan.changes.map(({ name }) => name), summary(plan));
      return { plan, version: session.configVersion, outcomes };
    } catch (error) {
      this.#requests.taken = undefined;
      this.#announce(
        "refused",
        [],
        error instanceof ConfigError && error.issues.length > 0 ? formatIssue(error.issues[0]) : messageOf(error),
      );
      if (error instanceof ConfigError) {
        session.log.error("the configuration was refused, the old one stays", { file: session.loaded?.path, err: error });
      }
      throw error;
    }
  }

  async #read(): Promise<{ plan: ReloadPlan; loaded: LoadedConfig; warnings: readonly string[] }> {
    const { loaded: before } = this.#session;
    if (before === undefined || before.path === null) {
      throw new DaemonError("RUNTIME_STATE", "Cannot reload the configuration as this daemon was not started from a file");
    }
    await this.#session.prepared();
    for (let looks = 1;; looks++) {
      let mayCome = false;
      try {
        const loaded = await before.again();
        refuseConflicts(loaded, [...this.#session.others]);
        // Before anything is stopped: what runs is better than what can't start.
        const findings = await checkNeeds(loaded, this.#session.host!, { isInForce: true });
        mayCome = findings.problems.some(({ isMissing }) => isMissing);
        await refuseUnmet(loaded, findings);
        const plan = reloadPlan(before, loaded, await this.#session.features!.rewritten(loaded));
        return { plan, loaded, warnings: [...loaded.warnings, ...findings.warnings, ...findings.inherited] };
      } catch (error) {
        // A file that is missing or empty is most likely on its way to be replaced.
        const isAbsent = isDaemonError(error) && error.code === "CONFIG_NOT_FOUND";
        if (isDaemonError(error) && (isAbsent || error.code === "CONFIG_UNREADABLE" || error.category === "io")) this.#unread.add(error);
        if (!(isAbsent || mayCome) || looks === LOOKS) throw error;
      }
      await sleep(this.#session.clock, LOOK_AGAIN_MS);
    }
  }

  #announce(outcome: "applied" | "unchanged" | "refused", changed: string[], reason: string): void {
    const session = this.#session;
    this.#requests.counts[outcome]++;
    session.events.emit({ type: "config.reload", version: session.configVersion, outcome, changed, reason });
  }
}

/** A change in one line: what comes, goes or differs, and what that does. */
function changeText({ kind, name, keys, effect, from, to }: ReloadChange): string {
  const sign = { added: "+", removed: "-", changed: "~" }[kind];
  const what = keys.length > 0
    ? ` ${keys.join(", ")}`
    : from === undefined && to === undefined
    ? ""
    : ` ${from ?? "(not set)"} → ${to ?? "(not set)"}`;
  return `${sign} ${name}${what}${effect === "daemon" ? ": waits for a restart of the daemon" : ""}`;
}

function summary({ changes, unchanged }: ReloadPlan): string {
  const waiting = changes.filter(({ effect }) => effect === "daemon").length;
  const applied = changes.length - waiting;
  const parts = [`${applied === 0 ? "nothing" : applied} changed`, `${unchanged} service${unchanged === 1 ? "" : "s"} untouched`];
  if (waiting > 0) parts.push(`${waiting} wait${waiting === 1 ? "s" : ""} for a restart of the daemon`);
  return parts.join(", ");
}
