import { sleep } from "../core/clock.ts";
import type { Host, ProcessIdentity } from "../core/host.ts";
import { BACKGROUND_VARIABLE, SOCKET_VARIABLE, UNIT_VARIABLE } from "../service/mod.ts";

/** What a guardian is told. */
export interface GuardianOptions {
  /** File that holds {@linkcode GUARDIAN_SCRIPT}: in the arguments it would be what every look at the processes shows. */
  script: string;
  /** Argv of the daemon. */
  command: readonly string[];
  /** Takes what the daemon prints, and what the guardian has to say. */
  log: string;
  /** Lock file of the daemon: a deliberate end leaves it empty. */
  lock: string;
  /** File that begins with the seconds since the boot; a missing one counts as 0. @default {"/proc/uptime"} */
  uptime?: string;
}

/** The variable by which a guardian is found: the lock file of its daemon. It is in the guardian's own environment and in no other. */
const GUARDIAN_VARIABLE = "DAEMONKIT_GUARDIAN";

/**
 * Starts a daemon, and again when it has died: killed by a signal with its lock file still filled, or 70. Waits 1 s before that, each time
 * twice as long up to 30 s, and gives up after ten deaths in a row; who ran for a minute begins a new row. Hands TERM, INT, HUP and USR2
 * on. Needs sh and sleep alone. What is put in the background by a shell has INT and QUIT ignored: the daemon handles both.
 */
export const GUARDIAN_SCRIPT = `log=$1 lock=$2 uptime=$3; shift 3
unset ${GUARDIAN_VARIABLE}
export ${BACKGROUND_VARIABLE}=1
daemon= pause= ending= code=0 deaths=0 delay=1
say() { echo "guardian: $*" >>"$log"; }
hand_on() { [ -z "$daemon" ] || kill -s "$1" "$daemon" 2>/dev/null; }
end() { ending=yes; hand_on "$1"; [ -z "$pause" ] || kill "$pause" 2>/dev/null; }
now() { seconds=0; read -r seconds rest 2>/dev/null <"$uptime"; seconds=\${seconds%%.*}; }
trap 'end TERM' TERM; trap 'end INT' INT; trap 'hand_on HUP' HUP; trap 'hand_on USR2' USR2
while :; do
  now; began=$seconds
  "$@" >>"$log" 2>&1 &
  daemon=$!
  # Told to end while it was being started.
  [ -z "$ending" ] || hand_on TERM
  # A signal ends the wait, not the daemon.
  while wait "$daemon"; code=$?; [ "$code" -gt 128 ] && kill -0 "$daemon" 2>/dev/null; do :; done
  daemon=
  [ -z "$ending" ] || exit "$code"
  [ "$code" -eq 70 ] || { [ "$code" -gt 128 ] && [ -s "$lock" ]; } || exit "$code"
  now
  [ $((seconds - began)) -lt 60 ] || { deaths=0 delay=1; }
  deaths=$((deaths + 1))
  [ "$deaths" -lt 10 ] || { say "the daemon has died with $code, $deaths times in a row: giving up"; exit "$code"; }
  say "the daemon has died with $code and is started again in $delay s"
  sleep "$delay" & pause=$!
  [ -z "$ending" ] || kill "$pause"
  wait "$pause"
  [ -z "$ending" ] || { wait "$pause"; exit "$code"; }
  pause=
  delay=$((delay * 2)); [ "$delay" -le 30 ] || delay=30
done
`;

/** Argv of a guardian. */
export function guardianArgv({ script, command, log, lock, uptime = "/proc/uptime" }: GuardianOptions): string[] {
  return ["/bin/sh", script, log, lock, uptime, ...command];
}

/**
 * The environment of a guardian. Whoever calls `up` from within a service of another daemon does not make the new daemon a part of that
 * service.
 */
export function guardianEnvironment(own: Readonly<Record<string, string>>, lock: string): Record<string, string> {
  const { [UNIT_VARIABLE]: _unit, [SOCKET_VARIABLE]: _socket, ...env } = own;
  return { ...env, [GUARDIAN_VARIABLE]: lock };
}

/** The living guardians of the daemon with this lock file. */
export function guardiansOf(lock: string, { processes }: Pick<Host, "processes">): ProcessIdentity[] {
  return processes.findByEnv(GUARDIAN_VARIABLE).filter(({ value }) => value === lock).map(({ identity }) => identity);
}

const LOOK_MS = 5;

/** Tells guardians to end, with what they may have started by now, and waits until they have. */
export async function endGuardians(
  guardians: readonly ProcessIdentity[],
  { processes, clock }: Pick<Host, "processes" | "clock">,
  signal: AbortSignal,
): Promise<void> {
  for (const guardian of guardians) if (processes.isAlive(guardian)) processes.signal(guardian.pid, "SIGTERM");
  while (guardians.some((guardian) => processes.isAlive(guardian))) await sleep(clock, LOOK_MS, { signal });
}

/** Whether this process was started by a guardian: nobody watches it. */
export function isInBackground({ env }: Pick<Host, "env">): boolean {
  return env.get(BACKGROUND_VARIABLE) === "1";
}
