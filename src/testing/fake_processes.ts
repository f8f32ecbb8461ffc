import type { ErrorCode } from "../core/values/error_codes.ts";
import { IoError } from "../core/values/errors.ts";
import type {
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
import type { ExitStatus } from "../core/values/exit_status.ts";
import type { SignalName } from "../core/values/signal_name.ts";

/** Behaviour of a program of {@linkcode FakeProcesses} when it is started; it may keep the process and go on later. */
export type FakeProgram = (process: FakeProcess) => void;

/** Signals that a program survives unless it wants to die of them. */
const HARMLESS: readonly SignalName[] = ["SIGCHLD", "SIGCONT", "SIGWINCH", "SIGSTOP", "SIGTSTP"];
const OWN_PID = 1_000;
const BOOT_ID = "fake-boot";

/** A process that a test holds in its hands. */
export interface FakeProcess {
  /** Its identity. */
  readonly identity: ProcessIdentity;
  /** The group it belongs to. */
  readonly pgid: number;
  /** How it was started. */
  readonly options: SpawnOptions;
  /** Every signal that reached it, in order. */
  readonly received: readonly SignalName[];
  /** Whether the process still runs. */
  readonly isAlive: boolean;
  /** Resolves when it has ended. */
  readonly ended: Promise<ExitStatus>;
  /** Prints text as it is. */
  print(text: string): void;
  /** Prints each text as a line. */
  printLines(...lines: string[]): void;
  /** Prints text on stderr. */
  printError(text: string): void;
  /** Closes its output and lives on. */
  closeOutput(): void;
  /** Runs `fn` instead of dying of this signal; SIGKILL can't be handled. */
  onSignal(signal: SignalName, fn: () => void): void;
  /** Survives these signals; SIGKILL can't be ignored. */
  ignoreSignals(signals: readonly SignalName[]): void;
  /**
   * Starts another process in the same group, which lives until it exits or is killed. It holds the pipes unless told otherwise; one that
   * `leaves` leads a group or a session of its own.
   */
  fork(options?: { holdsOutput?: boolean; leaves?: "group" | "session" }): FakeProcess;
  /** Ends by itself. */
  exit(code: number): void;
  /** Ends as if a signal had killed it, be it one that has no name here, such as `SIG34`. */
  die(signal: string): void;
  /** Takes a signal, as if somebody had sent it. */
  receive(signal: SignalName): void;
}

class PlayedProcess implements FakeProcess {
  readonly identity: ProcessIdentity;
  readonly pgid: number;
  readonly session: number;
  readonly options: SpawnOptions;
  readonly received: SignalName[] = [];
  readonly #group: FakeGroup;
  readonly #handlers = new Map<SignalName, () => void>();
  readonly #ended = Promise.withResolvers<ExitStatus>();
  #isAlive = true;
  #holdsOutput: boolean;

  constructor(
    identity: ProcessIdentity,
    options: SpawnOptions,
    group: FakeGroup,
    { holdsOutput = true, leaves }: { holdsOutput?: boolean; leaves?: "group" | "session" } = {},
  ) {
    this.identity = identity;
    this.pgid = leaves === undefined ? group.pgid : identity.pid;
    this.session = leaves === "session" ? identity.pid : group.pgid;
    this.options = options;
    this.#group = group;
    this.#holdsOutput = holdsOutput;
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  /** Number of the program that it descends from. */
  get leader(): number {
    return this.#group.pgid;
  }

  get holdsOutput(): boolean {
    return this.#isAlive && this.#holdsOutput;
  }

  get ended(): Promise<ExitStatus> {
    return this.#ended.promise;
  }

  print(text: string): void {
    if (this.holdsOutput) this.#group.stdout.write(text);
  }

  printLines(...lines: string[]): void {
    for (const line of lines) this.print(`${line}\n`);
  }

  printError(text: string): void {
    if (this.holdsOutput) this.#group.stderr.write(text);
  }

  closeOutput(): void {
    this.#holdsOutput = false;
    this.#group.settle();
  }

  onSignal(signal: SignalName, fn: () => void): void {
    this.#handlers.set(signal, fn);
  }

  ignoreSignals(signals: readonly SignalName[]): void {
    for (const signal of signals) this.onSignal(signal, () => {});
  }

  fork(options: { holdsOutput?: boolean; leaves?: "group" | "session" } = {}): FakeProcess {
    return this.#group.add(this.options, options);
  }

  exit(code: number): void {
    this.#end({ code, signal: null });
  }

  die(signal: string): void {
    this.#end({ code: null, signal });
  }

  receive(signal: SignalName): void {
    if (!this.#isAlive) return;
    this.received.push(signal);
    const handler = signal === "SIGKILL" ? undefined : this.#handlers.get(signal);
    if (handler !== undefined) handler();
    else if (!HARMLESS.includes(signal)) this.die(signal);
  }

  #end(status: ExitStatus): void {
    if (!this.#isAlive) return;
    this.#isAlive = false;
    this.#group.settle();
    this.#ended.resolve(status);
  }
}

/** A leader, what it has forked, and the pipes that they share. */
class FakeGroup {
  readonly pgid: number;
  readonly stdout = new FakePipe();
  readonly stderr = new FakePipe();
  readonly #identify: () => ProcessIdentity;
  readonly members: PlayedProcess[] = [];

  constructor(leader: ProcessIdentity, identify: () => ProcessIdentity) {
    this.pgid = leader.pid;
    this.#identify = identify;
  }

  lead(leader: ProcessIdentity, options: SpawnOptions): PlayedProcess {
    const process = new PlayedProcess(leader, options, this);
    this.members.push(process);
    return process;
  }

  add(options: SpawnOptions, how: { holdsOutput?: boolean; leaves?: "group" | "session" }): PlayedProcess {
    const process = new PlayedProcess(this.#identify(), options, this, how);
    this.members.push(process);
    return process;
  }

  /** The pipes end with the last who holds them. */
  settle(): void {
    if (this.members.some((process) => process.holdsOutput)) return;
    this.stdout.end();
    this.stderr.end();
  }
}

class FakePipe {
  readonly stream: ReadableStream<Uint8Array>;
  #controller!: ReadableStreamDefaultController<Uint8Array>;
  #isOpen = true;

  constructor() {
    this.stream = new ReadableStream({
      start: (controller) => void (this.#controller = controller),
      cancel: () => void (this.#isOpen = false),
    });
  }

  write(text: string): void {
    if (this.#isOpen) this.#controller.enqueue(new TextEncoder().encode(text));
  }

  end(): void {
    if (this.#isOpen) this.#controller.close();
    this.#isOpen = false;
  }
}

/**
 * Processes that are played by functions.
 *
 * @example A program that ignores SIGTERM, and a helper that survives its leader
 * ```ts
 * import { FakeProcesses } from "@daemonkit/daemonkit/testing";
 * import assert from "node:assert/strict";
 *
 * const processes = new FakeProcesses();
 * processes.program("stubborn", (process) => {
 *   process.printLines("up");
 *   process.ignoreSignals(["SIGTERM"]);
 *   process.fork();
 * });
 * const { identity, exited } = await processes.spawn({ argv: ["stubborn"], cwd: "/", env: {} });
 * processes.signal(identity.pid, "SIGTERM");
 * processes.signal(identity.pid, "SIGKILL");
 * assert.deepEqual(await exited, { code: null, signal: "SIGKILL" });
 * assert.deepEqual(processes.started[0].received, ["SIGTERM", "SIGKILL"]);
 * assert.equal(processes.groupMembers(identity.pid).length, 1);
 * ```
 */
export class FakeProcesses implements Processes {
  /** The effective user number, root as long as the test does not say otherwise. */
  uid = 0;
  /** Every program that was started, oldest first. */
  readonly started: FakeProcess[] = [];
  readonly #programs = new Map<string, FakeProgram>();
  readonly #groups: FakeGroup[] = [];
  readonly #users: UserInfo[] = [{ uid: 0, gid: 0, name: "root", home: "/root" }];
  readonly #groupNames = new Map<string, number>([["root", 0]]);
  readonly #locked: LockedFile[] = [];
  #spawnFailure: { code: ErrorCode; left: number } | undefined;
  #lastPid = OWN_PID;
  #ticks = 100;

  /** Says what a program does; the name is `argv[0]`, or the command line where a shell runs it. */
  program(name: string, program: FakeProgram): void {
    this.#programs.set(name, program);
  }

  /** Lets the next `times` starts fail with a code. */
  failSpawns(code: ErrorCode, times: number = 1): void {
    this.#spawnFailure = { code, left: times };
  }

  /** Makes a user, and a group of the same name, known. */
  addUser(user: UserInfo): void {
    this.#users.push(user);
    this.#groupNames.set(user.name, user.gid);
  }

  /** This process. */
  self(): ProcessIdentity {
    return { pid: OWN_PID, startTicks: 1, bootId: BOOT_ID };
  }

  /** Refuses a program that is not in the table; of a text for a shell it knows nothing. */
  checkSpawn(options: SpawnOptions): void {
    const [name, flag] = options.argv;
    if (flag === "-c" || this.#programs.has(name)) return;
    throw spawnFailure("SPAWN_NOT_FOUND", options, "the test has no program of that name");
  }

  /** Starts a program of the table; others fail with `SPAWN_NOT_FOUND`. */
  spawn(options: SpawnOptions): Promise<ChildProcess> {
    return Promise.try(() => {
      this.#failOnOrder(options);
      const [name, flag, text] = options.argv;
      const program = this.#programs.get(name) ?? (flag === "-c" ? this.#programs.get(text) : undefined);
      if (program === undefined) throw spawnFailure("SPAWN_NOT_FOUND", options, "the test has no program of that name");
      const identity = this.#nextIdentity();
      const group = new FakeGroup(identity, () => this.#nextIdentity());
      this.#groups.push(group);
      const process = group.lead(identity, options);
      this.started.push(process);
      program(process);
      return { identity, stdout: group.stdout.stream, stderr: group.stderr.stream, exited: process.ended };
    });
  }

  /** Starts a program of the table as one that lives on by itself. */
  async spawnDetached(options: SpawnOptions): Promise<DetachedProcess> {
    const { identity, exited } = await this.spawn(options);
    return { identity, exited };
  }

  /** The living process of this number. */
  identify(pid: number): ProcessIdentity | undefined {
    return pid === OWN_PID ? this.self() : this.#find(pid)?.identity;
  }

  /** Whether exactly this process is alive. */
  isAlive(identity: ProcessIdentity): boolean {
    const now = this.identify(identity.pid);
    return now !== undefined && now.startTicks === identity.startTicks && now.bootId === identity.bootId;
  }

  /** Sends a signal to one process. */
  signal(pid: number, signal: SignalName): boolean {
    const process = this.#find(pid);
    process?.receive(signal);
    return process !== undefined;
  }

  /** Sends a signal to all of a group. */
  signalGroup(pgid: number, signal: SignalName): boolean {
    const members = this.#alive().filter((process) => process.pgid === pgid);
    for (const process of members) process.receive(signal);
    return members.length > 0;
  }

  /** Returns the groups that have living members. */
  livingGroups(pgids: readonly number[]): ReadonlySet<number> {
    return new Set(this.#alive().map((process) => process.pgid)).intersection(new Set(pgids));
  }

  /** Living members of a group. */
  groupMembers(pgid: number): number[] {
    return this.#alive().filter((process) => process.pgid === pgid).map((process) => process.identity.pid);
  }

  /** Living processes whose environment holds `name`. */
  findByEnv(name: string): { identity: ProcessIdentity; value: string }[] {
    return this.#alive().flatMap(({ identity, options: { env } }) => name in env ? [{ identity, value: env[name] }] : []);
  }

  /** Returns the processes that the leader of each run has started, wherever they have gone. */
  belonging(runs: readonly ProgramRun[]): ReadonlyMap<ProgramRun, readonly RunProcess[]> {
    return new Map(runs.map((run) => {
      const { members = [] } = this.#groups.find(({ pgid }) => pgid === run.leader.pid) ?? {};
      return [
        run,
        members.filter(({ isAlive }) => isAlive).map(({ identity, pgid, session, options: { argv } }) => ({
          identity,
          group: pgid,
          session,
          name: argv[0],
        })),
      ];
    }));
  }

  /** A control group that holds what its programs have started. */
  controlGroup(): ControlGroup {
    const leaders: number[] = [];
    const members = () => this.#alive().filter((process) => leaders.includes(process.leader));
    return {
      add: (pid) => void leaders.push(pid),
      kill: () => members().forEach((process) => process.receive("SIGKILL")),
      members: () => members().map(({ identity, pgid, session, options: { argv } }) => ({ identity, group: pgid, session, name: argv[0] })),
      [Symbol.dispose]() {},
    };
  }

  /** Nobody is orphaned here. */
  adoptOrphans(): OrphanCare {
    return { lack: undefined, isInit: false, [Symbol.dispose]() {} };
  }

  /** This process, and every living one that it started. */
  census(variables: readonly string[]): ProcessEntry[] {
    const others = this.#alive().map(({ identity, pgid, options: { env } }) => ({
      identity,
      parent: OWN_PID,
      group: pgid,
      uid: this.uid,
      isZombie: false,
      env: Object.fromEntries(variables.filter((name) => name in env).map((name) => [name, env[name]])),
    }));
    return [{ identity: this.self(), parent: 0, group: OWN_PID, uid: this.uid, isZombie: false, env: {} }, ...others];
  }

  /** Locks that the test has made known. */
  lockedFiles(name: string): LockedFile[] {
    return this.#locked.filter(({ path }) => path.endsWith(`/${name}`));
  }

  /** Lets a process be found by a lock that it holds, until the result is disposed. */
  holdLock(file: LockedFile): Disposable {
    this.#locked.push(file);
    return { [Symbol.dispose]: () => void this.#locked.splice(this.#locked.indexOf(file), 1) };
  }

  /** A user that was made known. */
  user(nameOrUid: string | number): UserInfo {
    const user = this.#users.find(({ name, uid }) => nameOrUid === name || nameOrUid === uid);
    if (user === undefined) throw new IoError("SPAWN_BAD_USER", `Cannot find the user as the test has none: current value is ${nameOrUid}`);
    return user;
  }

  /** A group that was made known. */
  group(nameOrGid: string | number): number {
    const found = [...this.#groupNames].find(([name, gid]) => nameOrGid === name || nameOrGid === gid);
    if (found === undefined) {
      throw new IoError("SPAWN_BAD_USER", `Cannot find the group as the test has none: current value is ${nameOrGid}`);
    }
    return found[1];
  }

  /** Root may. */
  mayGive(_gid: number): boolean {
    return this.uid === 0;
  }

  #alive(): PlayedProcess[] {
    return this.#groups.flatMap((group) => group.members.filter((process) => process.isAlive));
  }

  #find(pid: number): PlayedProcess | undefined {
    return this.#alive().find((process) => process.identity.pid === pid);
  }

  #nextIdentity(): ProcessIdentity {
    return { pid: ++this.#lastPid, startTicks: this.#ticks++, bootId: BOOT_ID };
  }

  #failOnOrder(options: SpawnOptions): void {
    const order = this.#spawnFailure;
    if (order === undefined) return;
    if (--order.left <= 0) this.#spawnFailure = undefined;
    throw spawnFailure(order.code, options, "the test wants it so");
  }
}

function spawnFailure(code: ErrorCode, { argv, cwd }: SpawnOptions, reason: string): IoError {
  return new IoError(code, `Cannot start ${argv[0]} as ${reason}`, { context: { argv, cwd } });
}
