/**
 * Tools for tests: a clock that stands still until told to go on, and a machine in memory whose programs are functions and whose faults
 * come on order.
 *
 * @example A program that ignores SIGTERM is killed after its time
 * ```ts
 * import { FakeHost } from "@daemonkit/daemonkit/testing";
 * import assert from "node:assert/strict";
 *
 * const host = new FakeHost();
 * host.processes.program("deaf", (process) => process.ignoreSignals(["SIGTERM"]));
 * const { identity, exited } = await host.processes.spawn({ argv: ["deaf"], cwd: "/", env: {} });
 * host.processes.signalGroup(identity.pid, "SIGTERM");
 * host.clock.schedule(5_000, () => host.processes.signalGroup(identity.pid, "SIGKILL"));
 * await host.clock.advance(5_000);
 * assert.deepEqual(await exited, { code: null, signal: "SIGKILL" });
 * ```
 *
 * @module
 */
export { type ExerciseOptions, exerciseSubsystem } from "./exercise_subsystem.ts";
export { FakeClock } from "./fake_clock.ts";
export { FakeFiles } from "./fake_files.ts";
export { FakeEnv } from "./fake_env.ts";
export { FakeHost, type FakeHostOptions } from "./fake_host.ts";
export { FakeModules } from "./fake_modules.ts";
export { FakeExit, FakeOwnProcess } from "./fake_own_process.ts";
export { FakeSignals } from "./fake_signals.ts";
export { FakeTerminal } from "./fake_terminal.ts";
export { FakeHttp } from "./fake_http.ts";
export { FakeIpc } from "./fake_ipc.ts";
export { type FakeProcess, FakeProcesses, type FakeProgram } from "./fake_processes.ts";
export { FakeResources } from "./fake_resources.ts";
export { FakeSockets } from "./fake_sockets.ts";
export { FakeProfiler } from "./fake_profiler.ts";
export { FakeWatcher } from "./fake_watcher.ts";
export type { Clock } from "../core/ports/clock.ts";
export type { ErrorCode } from "../core/values/error_codes.ts";
export type { Rlimit, RlimitName, Rlimits } from "../core/values/rlimits.ts";
export type { Address, Http, HttpConnection, HttpHandler, HttpServer, ServeOptions } from "../core/ports/http.ts";
export type { AppendFile, FileContent, FileInfo, FileLock, Files, ReadOptions } from "../core/ports/files.ts";
export type {
  ChildProcess,
  ControlGroup,
  DetachedProcess,
  LockedFile,
  OrphanCare,
  ProcessEntry,
  Processes,
  ProcessIdentity,
  ProgramRun,
  RunProcess,
  SpawnOptions,
  UserInfo,
} from "../core/ports/processes.ts";
export type { Connection, Ipc, IpcServer } from "../core/ports/ipc.ts";
export type { CpuRecording, Profiler } from "../core/ports/profiler.ts";
export type { Env } from "../core/ports/env.ts";
export type { ExitStatus } from "../core/values/exit_status.ts";
export type { Host } from "../core/ports/host.ts";
export type { ProcessReading, Resources } from "../core/ports/resources.ts";
export type { ListeningSocket, SocketHolder, Sockets } from "../core/ports/sockets.ts";
export type { Modules } from "../core/ports/modules.ts";
export type { OwnProcess, ProcessUsage } from "../core/ports/own_process.ts";
export type { SignalName } from "../core/values/signal_name.ts";
export type { Signals } from "../core/ports/signals.ts";
export type { Terminal } from "../core/ports/terminal.ts";
export type { Watcher } from "../core/ports/watcher.ts";
export type { PostOptions } from "../core/ports/terminal.ts";
