/** An acceptance case, by its number in the list of its suite, and what shows it. */
export interface Case {
  /** `library`: supervision, shutdown, signals; `runner`: the executable and its services. */
  suite: "library" | "runner";
  /** Its number. */
  number: number;
  /** Its demand, in a few words. */
  title: string;
  /** File below tests/ and the name of a test in it, for all that show it. */
  tests?: readonly (readonly [file: string, name: string])[];
  /** Why there can be no test, where there can't. */
  reason?: string;
}

const SUPERVISOR = "core/supervise/supervisor_test.ts";
const RESTART = "core/supervise/restart_test.ts";
const DAEMON = "daemon/daemon_test.ts";
const PROCESS = "daemon/process_test.ts";
const LIBRARY = "acceptance/library_test.ts";
const SERVICE = "service/service_test.ts";
const SUPERVISED = "service/supervised_test.ts";
const LOAD = "settings/config_load_test.ts";
const E2E = "e2e/daemon_test.ts";
const SPAWN_E2E = "e2e/acceptance_spawn_test.ts";
const INIT_E2E = "e2e/init_test.ts";
const ANONYMOUS_E2E = "e2e/anonymous_test.ts";
const STOP_E2E = "e2e/acceptance_stop_test.ts";
const RESTART_E2E = "e2e/acceptance_restart_test.ts";
const RELOAD_E2E = "e2e/acceptance_reload_test.ts";
const RELOAD = "daemon/reload_test.ts";
const SCALE_E2E = "e2e/scale_test.ts";
const CONTROL_E2E = "e2e/control_test.ts";
const RECOVERY_E2E = "e2e/recovery_test.ts";
const LOGS_E2E = "e2e/acceptance_logs_test.ts";
const SERVICES_E2E = "e2e/services_test.ts";

/** Every case that holds so far. */
export const CASES: readonly Case[] = [
  {
    suite: "library",
    number: 1,
    title: "a child that throws once is restarted once, with a new run; siblings untouched",
    tests: [[SUPERVISOR, "Supervisor restarts a child that throws under OnFailure, with a new run, and leaves its siblings alone"]],
  },
  {
    suite: "library",
    number: 2,
    title: "a return under OnFailure, Always and Never",
    tests: [[SUPERVISOR, "Supervisor follows the policy when a child returns: OnFailure and Never let it be, Always starts it again"]],
  },
  {
    suite: "library",
    number: 3,
    title: "an AbortError of somebody else's is a failure",
    tests: [[SUPERVISOR, "Supervisor takes an AbortError as a failure when the child's own signal has not aborted"]],
  },
  {
    suite: "library",
    number: 4,
    title: "a throw after the own signal aborted is a normal stop",
    tests: [[
      SUPERVISOR,
      "Supervisor takes a throw after its own signal aborted as a normal stop, and reports it only when it is no abort",
    ]],
  },
  {
    suite: "library",
    number: 5,
    title: "the sixth failure in the window fails the supervisor, siblings stop in reverse, exit is not 0",
    tests: [
      [SUPERVISOR, "Supervisor with maxRestarts escalates the sixth failure in the window and stops the siblings in reverse"],
      [DAEMON, "Daemon.withSupervisor: a group that gives up fails the daemon with 1"],
    ],
  },
  {
    suite: "library",
    number: 6,
    title: "exactly five are let through, a sixth later too: the window slides",
    tests: [
      [SUPERVISOR, "Supervisor with maxRestarts lets exactly that many through, and one more when the first has left the window"],
      [RESTART, "RestartHistory.judge in a window: slides, so that the edge itself is free again"],
    ],
  },
  {
    suite: "library",
    number: 7,
    title: "a flapping child trips the limit although each run was ready",
    tests: [
      [LIBRARY, "library 7: plain OnFailure with a limit for the group trips it although each run became ready"],
      [SUPERVISOR, "Supervisor lets a flapping child use up its restarts although each run was ready, with waits that only grow"],
    ],
  },
  {
    suite: "library",
    number: 8,
    title: "a stable run begins a new row, the lifetime count goes on",
    tests: [[SUPERVISOR, "Supervisor starts a new row of waits after a stable run, and keeps the lifetime count"]],
  },
  {
    suite: "library",
    number: 9,
    title: "every wait lies within the jitter and the limit, over 10,000 seeds",
    tests: [[RESTART, "RestartPolicy.delayMs stays within the jitter and never beyond maxDelay, over 10,000 seeds"]],
  },
  {
    suite: "library",
    number: 10,
    title: "restForOne",
    tests: [[SUPERVISOR, "Supervisor restForOne restarts what was registered after the failed child, in order, and nothing else"]],
  },
  {
    suite: "library",
    number: 13,
    title: "a failed start rolls back and joins the errors",
    tests: [
      [LIBRARY, "library 13: a start that fails runs nothing after it, and the report joins what failed in the start and in the stop"],
      [SUPERVISOR, "Supervisor.start rolls back in reverse when a child fails before it is ready, and never starts what comes after"],
    ],
  },
  {
    suite: "library",
    number: 14,
    title: "a child that never becomes ready fails the start with its name, without a hang",
    tests: [
      [LIBRARY, "library 14: what never becomes ready fails the start with its name, and what had started stops in order, with no hang"],
      [SUPERVISOR, "Supervisor.start names the child that never becomes ready, and stops the others in their own time"],
    ],
  },
  {
    suite: "library",
    number: 15,
    title: "a child that ignores its signal is listed as unstopped, the others stop, the deadline holds",
    tests: [
      [LIBRARY, "library 15: a child that ignores its signal is named, the others stop, and all is over by the deadline"],
      [SUPERVISOR, "Supervisor.stop names a child that ignores its signal, and still stops what comes before it"],
    ],
  },
  {
    suite: "library",
    number: 17,
    title: "a stop that throws: the others stop, the error is there, exit 1",
    tests: [
      [LIBRARY, "library 17: a stop that throws is in the report, the others stop, and the exit code is 1"],
      [SUPERVISOR, "Supervisor.stop goes on when a stop fails, and reports the failure"],
    ],
  },
  {
    suite: "library",
    number: 18,
    title: "no second instance while the old run has not settled",
    tests: [
      [LIBRARY, "library 18: a restart of what does not settle starts no second instance, and says why"],
      [SUPERVISOR, "Supervisor.restartUnits never runs a child twice: one whose old run goes on ends as fatal, with the reason"],
    ],
  },
  {
    suite: "library",
    number: 19,
    title: "awaiting shutdown inside a subsystem does not deadlock",
    tests: [[DAEMON, "Daemon.shutdown from inside a subsystem returns at once and does not deadlock"]],
  },
  {
    suite: "library",
    number: 20,
    title: "register during shutdown is refused, the function never called",
    tests: [[DAEMON, "Daemon.add during shutdown is refused and the subsystem never called"]],
  },
  {
    suite: "library",
    number: 21,
    title: "autoShutdown allSignificant",
    tests: [[SUPERVISOR, "Supervisor autoShutdown ends with the last significant child, and not because the supervisor stopped it"]],
  },
  {
    suite: "library",
    number: 23,
    title: "disposers in reverse, all errors in one chain",
    tests: [[SUPERVISOR, "Context.use disposes in reverse and joins all errors into one chain"]],
  },
  {
    suite: "library",
    number: 24,
    title: "10,000 crashes and restarts leave nothing behind",
    tests: [[
      "core/supervise/supervisor_stress_test.ts",
      "Daemon: 10,000 crashes, 1,000 starts and stops, and 20,000 rounds of what tasks do in loops, leave no memory, timer, descriptor or listener",
    ]],
  },
  {
    suite: "library",
    number: 25,
    title: "a throw in an abort callback is charged to its subsystem, exit 1",
    tests: [
      [DAEMON, "Daemon: a throw in an abort listener ends with 1 and names its subsystem"],
      [SUPERVISOR, "Context: what an abort listener throws is charged to its subsystem and stops nobody else"],
    ],
  },
  {
    suite: "library",
    number: 27,
    title: "SIGTERM twice: forced with the report; in the same moment: one request",
    tests: [
      [PROCESS, "run: a second signal a second later forces: the report is printed, names who stayed, and the exit code is 1"],
      [PROCESS, "run: a second signal forces, and a third one ends a run that ignores everything"],
      [PROCESS, "run: two signals at the same moment are one request"],
    ],
  },
  {
    suite: "library",
    number: 28,
    title: "SIGTERM during the start",
    tests: [
      [PROCESS, "run: a signal during the start stops what has started, with 0"],
      [E2E, "SIGTERM during the start ends what had started, with 0"],
    ],
  },
  {
    suite: "library",
    number: 29,
    title: "SIGTERM while the loop is blocked, for a while and for ever",
    tests: [
      [PROCESS, "run: a signal that comes while the loop is blocked is handled when it is free again"],
      [STOP_E2E, "library 29: a loop that is blocked for ever can only be ended from outside, which a supervising daemon does"],
    ],
  },
  {
    suite: "library",
    number: 30,
    title: "SIGHUP with an invalid configuration",
    tests: [[STOP_E2E, "library 30: SIGHUP with an invalid file keeps the old configuration, names line and column, and nothing stops"]],
  },
  {
    suite: "library",
    number: 31,
    title: "stdout closed during the shutdown",
    tests: [
      [PROCESS, "run: a closed stdout does not change the exit code"],
      [E2E, "a daemon whose output nobody reads any more stops with the right code"],
    ],
  },
  {
    suite: "library",
    number: 32,
    title: "an unhandled rejection is attributed, exit 70",
    tests: [
      [PROCESS, "run: an error that nobody handles is charged to its subsystem, and ends the daemon gracefully with 70"],
      [PROCESS, "run: an error of one among several is charged to it where the runtime tells, else to all who come into question"],
    ],
  },
  {
    suite: "library",
    number: 33,
    title: "PID files: stale, live, and somebody else's at the end",
    tests: [
      [PROCESS, "withPidFile: a stale file is replaced, a live one refuses the start, and only our own is removed"],
      [E2E, "run refuses a PID file of a living process with 1, and replaces one of a dead process"],
    ],
  },
  {
    suite: "runner",
    number: 1,
    title: "what can't be started is a named error and a failed attempt, the daemon is fine",
    tests: [
      [SPAWN_E2E, "runner 1: what can't be started fails by name, and the daemon and the other services are fine"],
      [SPAWN_E2E, "runner 1: a log file that is a folder is refused by name with 1, and nothing was started"],
      [LOGS_E2E, "runner 1: a service whose log file is a folder fails by name at each start, and the daemon and the others are fine"],
      [SERVICE, "Service: what can't be started fails the run with a code that says why, and the daemon is fine"],
    ],
  },
  {
    suite: "runner",
    number: 2,
    title: "a spawn that fails for lack of resources is counted and tried again with backoff",
    tests: [
      [SPAWN_E2E, "runner 2: what a daemon has no files for waits, counts no restart, is said once, and all that was started is stopped"],
      [SUPERVISED, "A spawn that fails for lack of resources is tried again after a wait, and counts as no restart"],
      [SUPERVISED, "A start that fails, or a program that ends, in the very moment in which a stop is asked for is no stop that failed"],
      ["platform/process_test.ts", "signalGroup: without a file left to open, programs are seen and stopped all the same (runner 2)"],
      ["platform/process_test.ts", "spawn: without files left it fails with IO_NO_RESOURCES, and succeeds when there are some again"],
    ],
  },
  {
    suite: "runner",
    number: 3,
    title: "a user that is unknown or refused: never started, never as root",
    tests: [
      [SPAWN_E2E, "runner 3: a service whose user is unknown is never run as somebody else"],
      ["platform/process_test.ts", "spawn: a user, niceness, score, limit or folder that is refused means not started"],
    ],
  },
  {
    suite: "runner",
    number: 4,
    title: "five starts at once",
    tests: [
      [SPAWN_E2E, "runner 4: of five starts at once one starts the service, and four are told that it runs already"],
      [SUPERVISOR, "Supervisor.startUnits: five at once start one run"],
    ],
  },
  {
    suite: "runner",
    number: 5,
    title: "start during a slow stop",
    tests: [
      [E2E, "start during a slow stop waits for it, so that there are never two copies"],
      [STOP_E2E, "runner 5: commands at once, whatever they are, never make two copies, and each is answered"],
      [SUPERVISED, "A start during a slow stop waits for it; there are never two copies"],
    ],
  },
  {
    suite: "runner",
    number: 7,
    title: "signals reach what a shell text started; the pid shown is documented",
    tests: [
      [SPAWN_E2E, "runner 7: signals reach what a shell text started; the pid shown is the shell's, which leads the group"],
      [SERVICE, "Service: a stop reaches everything that a shell text started"],
    ],
  },
  {
    suite: "runner",
    number: 8,
    title: "relative paths count from the configuration file's folder",
    tests: [
      [SPAWN_E2E, "runner 8: relative paths count from the folder of the configuration file, wherever the command is run"],
      [LOAD, "loadConfig: paths count from the folder of the file, or from work_dir"],
    ],
  },
  {
    suite: "runner",
    number: 9,
    title: "the leader exits on TERM, a child of the group ignores it",
    tests: [
      [STOP_E2E, "runner 9: stop returns only when the group is empty, also when its leader goes first and a child ignores the signal"],
      [
        SERVICE,
        "Service: a leader that goes first leaves nobody: the whole group is killed at the timeout, and only then has it stopped",
      ],
    ],
  },
  {
    suite: "runner",
    number: 11,
    title: "a program that ignores the stop signal",
    tests: [
      [STOP_E2E, "runner 11: what ignores the stop signal is stopping until it was killed, and stopped only then"],
      [SERVICE, "Service: a program that ignores the stop signal is killed at its timeout, and has not stopped before"],
    ],
  },
  {
    suite: "runner",
    number: 13,
    title: "a grandchild that did setsid is gone; with kill_mode group it is reported as escaped",
    tests: [
      [
        STOP_E2E,
        "runner 13: what starts another one before it goes is gone in the end, and what ignores the signal is killed in its time",
      ],
      [
        STOP_E2E,
        "runner 13: with kill_mode group a grandchild that did setsid is reported as escaped, by a stop and by the end of the daemon",
      ],
      [
        SERVICE,
        "Service: with kill_mode group who left the group is reported once when the service stops, held output or not, and lives on",
      ],
    ],
  },
  {
    suite: "runner",
    number: 14,
    title: "kill_mode process: a helper survives the restart",
    tests: [
      [STOP_E2E, "runner 14: with kill_mode process a detached helper survives the restart of its service"],
      [SUPERVISED, "A helper survives the restart of its service with kill_mode process"],
    ],
  },
  {
    suite: "runner",
    number: 15,
    title: "stop during a restart delay",
    tests: [
      [E2E, "stop during a restart delay leaves the unit stopped"],
      [SUPERVISOR, "Supervisor.stopUnits during a wait for a restart cancels the restart"],
    ],
  },
  {
    suite: "runner",
    number: 17,
    title: "HUP while stopping is ignored; a second INT kills",
    tests: [
      [STOP_E2E, "runner 17: SIGHUP while stopping is ignored and the stop goes on"],
      [E2E, "a second SIGINT forces, the report names who was forced, and the code is 1"],
    ],
  },
  {
    suite: "runner",
    number: 18,
    title: "500 children, TERM to the daemon: none is left",
    tests: [
      [STOP_E2E, "runner 18: SIGTERM with 500 children leaves none, within the graceful time"],
      [SCALE_E2E, "500 services that ignore the stop signal are gone by their own time or by that of the shutdown, and none is left"],
    ],
  },
  {
    suite: "runner",
    number: 19,
    title: "a dependent is gone before what it depends on is told",
    tests: [
      [STOP_E2E, "runner 19: what comes after is gone before what it comes after is told, both being slow to stop"],
      [SUPERVISED, "Services start in order of readiness and stop in reverse, and nobody is left"],
    ],
  },
  {
    suite: "runner",
    number: 20,
    title: "a stop command that hangs",
    tests: [[STOP_E2E, "runner 20: a stop command that hangs is killed with its service when the time of the stop is over"]],
  },
  {
    suite: "runner",
    number: 22,
    title: "a record of an earlier boot",
    tests: [
      [STOP_E2E, "runner 22: a record from an earlier boot is ignored, even when its number is a living process now"],
      ["instance/instance_test.ts", "acquireInstance starts over what a crash left, and tells it from a record of an earlier boot"],
    ],
  },
  {
    suite: "runner",
    number: 23,
    title: "a crash loop ends as fatal with the last exit, signal and lines, also without a minimal uptime",
    tests: [
      [
        RESTART_E2E,
        "runner 23: twenty crashes end as fatal with the last exit, signal and lines, also when every run counts as long enough",
      ],
      [RESTART, "RestartHistory.judge in a row: with resetAfter 0 no run is stable, so that the limit holds (runner 23)"],
    ],
  },
  {
    suite: "runner",
    number: 25,
    title: "waits grow, are capped and varied, and begin anew after a stable run",
    tests: [
      [RESTART, "RestartPolicy.delayMs stays within the jitter and never beyond maxDelay, over 10,000 seeds"],
      [RESTART, "RestartHistory.judge in a row: grows, then is used up"],
      [SUPERVISOR, "Supervisor starts a new row of waits after a stable run, and keeps the lifetime count"],
    ],
  },
  {
    suite: "runner",
    number: 26,
    title: "the wall clock jumps by an hour either way",
    tests: [[SUPERVISOR, "Supervisor uses the monotonic clock: a wall clock that jumps changes no wait"]],
  },
  {
    suite: "runner",
    number: 27,
    title: "a manual stop holds against always, SIGHUP and a restart of the daemon",
    tests: [
      [RESTART_E2E, "runner 27: a service that is always restarted stays stopped by hand, after SIGHUP and after a restart of the daemon"],
      [E2E, "a manual stop survives a restart of the daemon"],
      [RESTART_E2E, "runner 27: what was stopped along with another is nobody's wish: it waits after a restart, and starts with it"],
    ],
  },
  {
    suite: "runner",
    number: 29,
    title: "a success exit code counts as 0 everywhere",
    tests: [
      [RESTART_E2E, "runner 29: an exit code that is a success completes the service, its dependents follow, and nothing counts as failed"],
      [SERVICE, "Service: an exit code that is a success completes the run"],
    ],
  },
  {
    suite: "runner",
    number: 30,
    title: "a crash by a signal is recorded as such and is 128 + n to callers",
    tests: [
      [RESTART_E2E, "runner 30: a crash by a signal is recorded as such, and is 128 + n to whoever called run"],
      [SERVICE, "Service: the end by a signal is told apart, and is 128 + n for callers"],
    ],
  },
  {
    suite: "runner",
    number: 31,
    title: "never ready and exits: dependents are skipped",
    tests: [
      [
        RESTART_E2E,
        "runner 31: what comes after a service that is never ready and exits is skipped with the reason, and nothing waits for ever",
      ],
      [SUPERVISED, "A service that ends before it was ever ready leaves nobody waiting"],
    ],
  },
  {
    suite: "runner",
    number: 34,
    title: "a missed readiness deadline has its own exit code, the process is stopped",
    tests: [
      [RESTART_E2E, "runner 34: start of what is not ready by its deadline exits with 124, and the process is stopped"],
      [SUPERVISED, "A service that is never ready is stopped at its deadline, says why, and its dependents are skipped"],
    ],
  },
  {
    suite: "runner",
    number: 35,
    title: "a probe sees the service's environment, folder and port",
    tests: [
      [RESTART_E2E, "runner 35: a probe sees the environment, the folder and the port of its service"],
      ["service/probe_test.ts", "Service: exec sees the service's environment, port and folder"],
    ],
  },
  {
    suite: "runner",
    number: 36,
    title: "cycle, self and unknown dependency are load errors that name the path",
    tests: [
      [LOAD, "loadConfig: cycle, self and unknown dependency are errors that name the path"],
      [E2E, "bad configurations end run and validate with 6 and say what, where and what to do"],
    ],
  },
  {
    suite: "runner",
    number: 39,
    title: "a line of 50 MB without an end: bounded memory, split, continues",
    tests: [
      [LOGS_E2E, "runner 39: a line of 50 MB without an end takes bounded memory, comes in pieces, and what follows still comes"],
      [
        "core/wire/lines_test.ts",
        "LineSplitter: a line of 50 MB without an end comes in pieces of the limit, and the next line follows (runner 39)",
      ],
      [SERVICE, "Service: 50 MB without a line end come in bounded pieces, and what follows still comes"],
    ],
  },
  {
    suite: "runner",
    number: 40,
    title: "100,000 lines and the end: every line is stored, in order",
    tests: [
      [LOGS_E2E, "runner 40: 100,000 lines and the end: all are in the log, in order, none lost or doubled by a rotation"],
      [LOGS_E2E, "the end of the daemon loses nothing of a service that prints at full speed until it is stopped"],
      [
        "log/rotating_file_test.ts",
        "RotatingFile: lines that come together are cut between lines only, and every file but that of a longer line has its size",
      ],
    ],
  },
  {
    suite: "runner",
    number: 42,
    title: "a log file that was removed or renamed outside is made anew; USR2 reopens",
    tests: [
      [LOGS_E2E, "runner 42: a log file that was removed or renamed outside is made anew, and SIGUSR2 opens what was put in its place"],
      ["log/file_test.ts", "fileSink: a file that was removed or moved away is made anew at the next write (runner 42)"],
      ["log/rotating_file_test.ts", "RotatingFile: a file that another one replaced is left alone, even when both have the same size"],
    ],
  },
  {
    suite: "runner",
    number: 43,
    title: "disk full: services run on, drops are counted, one warning a minute, recovery",
    tests: [
      [LOGS_E2E, "runner 43: while the disk is full services run on, drops are counted and warned of once, and afterwards logs go on"],
      [
        "log/unit_logs_test.ts",
        "UnitLogs: while the disk is full drops are counted by unit, and one warning a minute tells of all of them (runner 43)",
      ],
      ["log/file_test.ts", "fileSink: a full disk drops and counts, warns once a minute, and recovers (runner 43)"],
      ["platform/process_test.ts", "openAppend: a write that fails half way leaves nothing of itself behind"],
    ],
  },
  {
    suite: "runner",
    number: 46,
    title: "1,200 services: works past 1,024 files",
    tests: [[
      SCALE_E2E,
      "runner 46: 1,200 services start, are shown and stop under a soft limit of 1,024 files, which they themselves get",
    ]],
  },
  {
    suite: "runner",
    number: 47,
    title: "a character of several bytes that is cut by a read stays whole",
    tests: [
      [LOGS_E2E, "runner 47 and 48: a character that is cut by a read stays whole in the log, whose folder is made"],
      ["core/wire/lines_test.ts", "LineSplitter: characters cut by a read stay whole (runner 47)"],
    ],
  },
  {
    suite: "runner",
    number: 48,
    title: "a missing folder of a log is made",
    tests: [
      [LOGS_E2E, "runner 47 and 48: a character that is cut by a read stays whole in the log, whose folder is made"],
      ["log/file_test.ts", "fileSink: a missing folder is made, at the start and later (runner 48)"],
    ],
  },
  {
    suite: "runner",
    number: 49,
    title: "a reload with a mistake keeps the old configuration, with line and column, and not with 0",
    tests: [
      [RELOAD_E2E, "runner 49: a reload with a mistake keeps the old configuration, names line and column, and exits with 6"],
      [RELOAD, "Daemon.reload of a file with mistakes changes nothing and names them all"],
    ],
  },
  {
    suite: "runner",
    number: 50,
    title: "a changed variable restarts its service only",
    tests: [
      [RELOAD_E2E, "runner 50: a changed variable restarts its service, and no other, by command, SIGHUP and a changed file"],
      [RELOAD, "Daemon.reload restarts the service whose own keys have changed, and leaves the others alone"],
    ],
  },
  {
    suite: "runner",
    number: 51,
    title: "what was removed from the file is gone after a reload",
    tests: [
      [RELOAD_E2E, "runner 51: a key and a service that were removed are gone after a reload"],
      [RELOAD, "Daemon.reload starts what is new and stops what is gone, dependents first"],
    ],
  },
  {
    suite: "runner",
    number: 53,
    title: "a misspelt key is an error with a suggestion",
    tests: [
      [LOAD, "loadConfig: a misspelt key is an error with a suggestion"],
      [E2E, "bad configurations end run and validate with 6 and say what, where and what to do"],
    ],
  },
  {
    suite: "runner",
    number: 54,
    title: "values with special characters arrive verbatim",
    tests: [
      [LOAD, "loadConfig: values with ; # % $ {{ }} and quotes stay verbatim"],
      [SERVICE, "Service: values of the environment arrive as they were written"],
    ],
  },
  {
    suite: "runner",
    number: 55,
    title: "an undefined variable is named; a value of several lines in an env file is fine",
    tests: [
      [LOAD, "loadConfig: a variable that is not set is an error that names it"],
      [SERVICE, "Service: values of the environment arrive as they were written"],
    ],
  },
  {
    suite: "runner",
    number: 56,
    title: "an atomic swap of a link is one reload",
    tests: [[RELOAD_E2E, "runner 56: an atomic swap of a link, as of a mounted ConfigMap, is exactly one reload"]],
  },
  {
    suite: "runner",
    number: 57,
    title: "names that would hurt are refused, without case",
    tests: [[LOAD, "loadConfig: names of services are checked, and unique without case"]],
  },
  {
    suite: "runner",
    number: 59,
    title: "what a power loss or kill -9 has left of socket, lock and PID file; a live daemon keeps its own",
    tests: [
      [RECOVERY_E2E, "runner 59: what a power loss or kill -9 has left of socket, lock and PID file is no obstacle"],
      [RECOVERY_E2E, "runner 59: a second daemon beside a live one is refused, names the first and leaves its files"],
      [RECOVERY_E2E, "runner 59: of daemons that start at the same moment exactly one wins"],
    ],
  },
  {
    suite: "runner",
    number: 60,
    title: "an unknown name, nothing matched and no daemon have codes of their own",
    tests: [
      [CONTROL_E2E, "runner 60: an unknown name, a pattern that matches nothing and a daemon that is down have codes of their own"],
      ["cli/main_test.ts", "main tells unknown names (4), nothing matched (7) and time over (124) apart"],
      ["cli/main_test.ts", "main exits with 3 when there is no socket, or a stale one, and says how to start a daemon"],
    ],
  },
  {
    suite: "runner",
    number: 61,
    title: "client and daemon of different versions: a clear message, status and down still work",
    tests: [
      [CONTROL_E2E, "runner 61: a client of another protocol is told so, and may still look and stop"],
      ["control/handler_test.ts", "controlHandler lets a client of another protocol only look and stop"],
      ["cli/main_test.ts", "main lets a client of another protocol look and stop, and says what to do about the rest"],
      ["cli/main_test.ts", "main down stops a daemon of another protocol"],
    ],
  },
  {
    suite: "runner",
    number: 62,
    title: "garbage, half-open connections and vanishing clients harm nobody",
    tests: [
      [CONTROL_E2E, "runner 62: garbage, half-open connections and clients that vanish harm nobody, on the socket and over TCP"],
      [
        "platform/process_test.ts",
        "serve: goes on when there was no file left for a connection, and keeps those that it has (runner 62)",
      ],
      ["control/fuzz_test.ts", "controlHandler answers whatever comes, at once, and with 5xx only where that is the truth"],
    ],
  },
  {
    suite: "runner",
    number: 64,
    title: "readyz is 503 while a required service is invalid; the version is real",
    tests: [
      [CONTROL_E2E, "runner 64: readyz is 503 while a service can't be run, and the version that is told is the real one"],
      ["control/health_test.ts", "/readyz counts who should be up and is not, and nobody else"],
    ],
  },
  {
    suite: "runner",
    number: 65,
    title: "a command returns only after the state has changed",
    tests: [
      [CONTROL_E2E, "runner 65: a command returns when the state has changed, and those for one unit come one after another"],
      [CONTROL_E2E, "runner 65: stop of several goes through the levels, those of one level at once"],
    ],
  },
  {
    suite: "runner",
    number: 78,
    title: "process 1 with 1,000 orphans",
    tests: [[INIT_E2E, "runner 78: process 1 with 1,000 orphans has no zombie left, and its own children's exit codes are right"]],
  },
  {
    suite: "runner",
    number: 79,
    title: "an essential service that is fatal: the rest stops, and the exit code is its own",
    tests: [[SERVICES_E2E, "runner 79: an essential service that fails for good stops the rest, and the daemon exits with its code"]],
  },
  {
    suite: "runner",
    number: 81,
    title: "nothing to write to but the temporary folder, a user of no name, no HOME",
    tests: [[
      ANONYMOUS_E2E,
      "runner 81: a user that nobody has made, without a home and with nothing to write to but the temporary folder, has a daemon",
    ]],
  },
  {
    suite: "runner",
    number: 82,
    title: "SIGTERM to process 1",
    tests: [[INIT_E2E, "runner 82: SIGTERM to process 1 stops everything that was started, orphans too, and ends with 0"]],
  },
];
