import { sleep } from "../core/ports/clock.ts";
import type { Files } from "../core/ports/files.ts";
import type { Host } from "../core/ports/host.ts";
import type { ProcessIdentity } from "../core/ports/processes.ts";
import { unlessDenied } from "../core/values/errors.ts";
import { folderOf, resolvePath } from "../core/values/paths.ts";
import { BACKGROUND_VARIABLE, SOCKET_VARIABLE, STATE_VARIABLE, UNIT_VARIABLE } from "../service/mod.ts";
import type { DaemonFolders } from "./folders.ts";
import { isSameOrigin, type Origin } from "./origin.ts";

/** Options of a guardian. */
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

/** A guardian that lives. */
export interface Guardian {
  /** Its process. */
  identity: ProcessIdentity;
  /** Lock file of its daemon. */
  lock: string;
  /** Source that its daemon is started from. */
  origin: Origin;
}

/** Why a guardian waits. */
export interface Pause {
  /** Code with which the daemon has died, 128 and more for a signal. */
  code: number;
  /** How many times in a row it has. */
  deaths: number;
  /** Seconds from its death to the next start. */
  delaySeconds: number;
}

/** The variable by which a guardian is found: whose it is, as JSON. It is in the guardian's own environment and in no other. */
const GUARDIAN_VARIABLE = "DAEMONKIT_GUARDIAN";

/** The signal that ends a pause. */
const HURRY = "SIGALRM";

/**
 * Starts a daemon, and again when it has died: killed by a signal without having emptied its lock file, or 70; once it has died, a
 * configuration that it can't read counts too, as it could before. Waits 1 s before that, each time twice as long up to 30 s, and gives up after ten
 * deaths in a row; a run of a minute begins a new row. While it waits, a file beside the lock says why. Hands TERM, INT, HUP and USR2 on.
 * Needs sh and sleep alone, and mkdir where a folder was removed. A program that a shell puts in the background ignores INT and QUIT: the
 * daemon handles both.
 */
export const GUARDIAN_SCRIPT = `log=$1 lock=$2 uptime=$3; shift 3
unset ${GUARDIAN_VARIABLE}
export ${BACKGROUND_VARIABLE}=1
daemon= pause= ending= hurried= code=0 deaths=0 delay=1 own=
{ read -r own <"/proc/$$/cmdline"; } 2>/dev/null
say() { { echo "guardian: $*" >>"$log"; } 2>/dev/null; }
make() { [ -d "$1" ] || (umask 077; mkdir -p "$1") 2>/dev/null; }
note() { [ -z "$*" ] || make "\${lock%/*}"; { [ ! -d "\${lock%/*}" ] || echo "$*" >"\${lock%/*}/pause"; } 2>/dev/null; }
hand_on() { [ -z "$daemon" ] || kill -s "$1" "$daemon" 2>/dev/null; }
# Until it has become the other program, what some shells have just forked takes a signal for the shell's and forgets it.
is_shell() { theirs=; { read -r theirs <"/proc/$1/cmdline"; } 2>/dev/null; [ -n "$theirs" ] && [ "$theirs" = "$own" ]; }
tell() {
  rounds=0
  while is_shell "$2"; do rounds=$((rounds + 1)); [ "$rounds" -lt 1000 ] || sleep 1; done
  kill -s "$1" "$2" 2>/dev/null
}
hurry() { hurried=yes; [ -z "$pause" ] || tell TERM "$pause"; }
end() { ending=yes; [ -z "$daemon" ] || tell "$1" "$daemon"; hurry; }
now() { seconds=0; read -r seconds rest 2>/dev/null <"$uptime"; seconds=\${seconds%%.*}; }
trap 'end TERM' TERM; trap 'end INT' INT; trap 'hand_on HUP' HUP; trap 'hand_on USR2' USR2; trap hurry ALRM
while :; do
  now; began=$seconds
  # Without a place for what it prints it runs all the same.
  make "\${log%/*}"; out=$log; { true >>"$out"; } 2>/dev/null || out=/dev/null
  [ -z "$ending" ] || exit "$code"
  "$@" >>"$out" 2>&1 &
  daemon=$!
  # Told to end while it was being started.
  [ -z "$ending" ] || tell TERM "$daemon"
  # A signal ends the wait, not the daemon.
  while wait "$daemon"; code=$?; [ "$code" -gt 128 ] && kill -0 "$daemon" 2>/dev/null; do :; done
  daemon=
  [ -z "$ending" ] || exit "$code"
  [ "$code" -eq 70 ] || { [ "$code" -gt 128 ] && { [ -s "$lock" ] || [ ! -e "$lock" ]; }; } ||
    { [ "$deaths" -gt 0 ] && [ "$code" -eq 6 ] && [ -s "$lock" ]; } || exit "$code"
  now
  [ $((seconds - began)) -lt 60 ] || { deaths=0 delay=1; }
  deaths=$((deaths + 1))
  [ "$deaths" -lt 10 ] || { say "the daemon has died with $code, $deaths times in a row: giving up"; exit "$code"; }
  say "the daemon has died with $code and is started again in $delay s"
  hurried=
  note "$code" "$deaths" "$delay"
  sleep "$delay" & pause=$!
  # The signal may have come before the number was known.
  [ -z "$ending$hurried" ] || tell TERM "$pause"
  wait "$pause"
  [ -z "$ending" ] || { wait "$pause"; note; exit "$code"; }
  pause=
  note
  delay=$((delay * 2)); [ "$delay" -le 30 ] || delay=30
done
`;

/** Argv of a guardian. */
export function guardianArgv({ script, command, log, lock, uptime = "/proc/uptime" }: GuardianOptions): string[] {
  return ["/bin/sh", script, log, lock, uptime, ...command];
}

/**
 * The environment of a guardian. A call of `up` from within a service of another daemon does not make the new daemon a part of that
 * service.
 */
export function guardianEnvironment(
  own: Readonly<Record<string, string>>,
  { lock, origin, state }: Pick<DaemonFolders, "lock" | "origin" | "state">,
): Record<string, string> {
  const { [UNIT_VARIABLE]: _unit, [SOCKET_VARIABLE]: _socket, ...env } = own;
  return { ...env, [GUARDIAN_VARIABLE]: JSON.stringify({ lock, origin }), [STATE_VARIABLE]: state };
}

/** The living guardians of this user; none where nobody may look at processes. */
export function guardians({ processes }: Pick<Host, "processes">): Guardian[] {
  return unlessDenied(() => processes.findByEnv(GUARDIAN_VARIABLE), []).flatMap(({ identity, value }) => {
    try {
      const { lock, origin } = JSON.parse(value) as Record<string, unknown>;
      return typeof lock === "string" && typeof origin === "string" ? [{ identity, lock, origin }] : [];
    } catch {
      return [];
    }
  });
}

/** The living guardians of the daemon with this lock file, or of this origin. */
export function guardiansOf(
  { lock, origin }: { lock: string; origin?: Origin },
  host: Pick<Host, "processes" | "files">,
): Guardian[] {
  return guardians(host).filter((each) => each.lock === lock || (origin !== undefined && isSameOrigin(each.origin, origin, host.files)));
}

/** Why a guardian waits; undefined when it does not. */
export function pauseOf({ lock }: Pick<Guardian, "lock">, files: Files): Pause | undefined {
  try {
    const [code, deaths, delaySeconds] = files.readText(resolvePath(folderOf(lock), "pause")).trim().split(" ").map(Number);
    return Number.isInteger(delaySeconds) ? { code, deaths, delaySeconds } : undefined;
  } catch {
    return undefined;
  }
}

/** Forgets why an earlier guardian waited, which may have been killed meanwhile. */
export function endPause(lock: string, files: Files): void {
  files.remove(resolvePath(folderOf(lock), "pause"));
}

/** Describes a pause, in a part of a sentence. */
export function pauseText({ identity: { pid } }: Guardian, pause: Pause | undefined): string {
  if (pause === undefined) return `its guardian (process ${pid}) is about to start it`;
  const { code, deaths, delaySeconds } = pause;
  const times = deaths === 1 ? "" : `, ${deaths} times in a row`;
  return `it has died with ${code}${times}, and its guardian (process ${pid}) starts it again within ${delaySeconds} s`;
}

/** Lets guardians start their daemons at once. */
export function hurryGuardians(all: readonly Guardian[], { processes }: Pick<Host, "processes">): void {
  for (const { identity } of all) if (processes.isAlive(identity)) processes.signal(identity.pid, HURRY);
}

const LOOK_MS = 5;

/**
 * Tells guardians to end, with what they may have started by now, and waits until they have, or until `isEnough`: one whose daemon has not
 * heard of it waits for that.
 */
export async function endGuardians(
  all: readonly Pick<Guardian, "identity">[],
  { processes, clock }: Pick<Host, "processes" | "clock">,
  { signal, isEnough }: { signal: AbortSignal; isEnough: () => boolean },
): Promise<void> {
  for (const { identity } of all) {
    if (!processes.isAlive(identity)) continue;
    processes.signal(identity.pid, "SIGTERM");
    // A suspended one wakes up to see the signal.
    processes.signal(identity.pid, "SIGCONT");
  }
  while (all.some(({ identity }) => processes.isAlive(identity)) && !isEnough()) await sleep(clock, LOOK_MS, { signal });
}

/** Whether this process was started by a guardian: nobody watches it. */
export function isInBackground({ env }: Pick<Host, "env">): boolean {
  return env.get(BACKGROUND_VARIABLE) === "1";
}

/** The state folder of a daemon that a guardian has started, which it finds there when its configuration can't be read. */
export function backgroundState(host: Pick<Host, "env">): string | undefined {
  return isInBackground(host) ? host.env.get(STATE_VARIABLE) : undefined;
}
