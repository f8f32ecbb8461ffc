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
export { FakeExit, FakeHost, type FakeHostOptions, FakeModules, FakeOwnProcess, FakeSignals, FakeTerminal } from "./fake_host.ts";
export { FakeHttp } from "./fake_http.ts";
export { FakeIpc } from "./fake_ipc.ts";
export { type FakeProcess, FakeProcesses, type FakeProgram } from "./fake_processes.ts";
export { FakeSockets } from "./fake_sockets.ts";
export { FakeProfiler } from "./fake_profiler.ts";
export { FakeWatcher } from "./fake_watcher.ts";
export type { Clock } from "../core/clock.ts";
export type { ErrorCode } from "../core/error_codes.ts";
export type { Rlimit, RlimitName, Rlimits } from "../core/rlimits.ts";
export type {
  Address,
  AppendFile,
  ChildProcess,
  Connection,
  ControlGroup,
  CpuRecording,
  DetachedProcess,
  Env,
  ExitStatus,
  FileContent,
  FileInfo,
  FileLock,
  Files,
  Host,
  Http,
  HttpConnection,
  HttpHandler,
  HttpServer,
  Ipc,
  IpcServer,
  ListeningSocket,
  LockedFile,
  Modules,
  OrphanCare,
  OwnProcess,
  ProcessEntry,
  Processes,
  ProcessIdentity,
  ProcessUsage,
  Profiler,
  ProgramRun,
  ReadOptions,
  RunProcess,
  ServeOptions,
  SignalName,
  Signals,
  SocketHolder,
  Sockets,
  SpawnOptions,
  Terminal,
  UserInfo,
  Watcher,
} from "../core/host.ts";
export type { PostOptions } from "../core/paced_output.ts";
