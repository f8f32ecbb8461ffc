import type { FeaturePorts, GivenPorts, OwnFile } from "../core/feature.ts";
import type { Host } from "../core/ports/host.ts";
import { CancelToken } from "../core/supervise/cancel.ts";
import type { Registration } from "../core/supervise/registration.ts";
import { Supervisor } from "../core/supervise/supervisor.ts";
import { runsAsProcess } from "../core/supervise/unit.ts";
import { DaemonError, isDaemonError, messageOf } from "../core/values/errors.ts";
import { resolvePath } from "../core/values/paths.ts";
import { MODULE_WORD } from "../core/wire/module_protocol.ts";
import type { DaemonFolders } from "../instance/folders.ts";
import type { Instance } from "../instance/instance.ts";
import { PROTOCOL, VERSION } from "../instance/version.ts";
import { createLogger } from "../log/mod.ts";
import { both, linesSink } from "../record/lines_of_log.ts";
import { markOf } from "../service/mod.ts";
import { ConfigWatch } from "../settings/config_watch.ts";
import type { LoadedConfig } from "../settings/load_config.ts";
import { FeatureSet } from "./feature_set.ts";
import { ownProcess } from "./own_process.ts";
import { registrationsOf } from "./plan.ts";
import type { StartOptions } from "./run_options.ts";
import type { PreparedSession } from "./session_views.ts";
import { portsBeside } from "./unit_ports.ts";

/**
 * Gets everything that a daemon needs from the machine, in order; the session's resources undo it in reverse: the process, the lock, the
 * logs, the listeners, the PID file. Returns what the daemon runs.
 */
export async function prepare(session: PreparedSession, options: StartOptions): Promise<Registration[]> {
  const { ownsProcess, isControlled } = options;
  const { plan, resources } = session;
  const host = session.host ??= await (await import("../platform/mod.ts")).getHost();
  const { config, loaded, pidFile } = plan;
  // Otherwise a program that does not know the word would start its daemon once more inside each of its modules.
  if (host.ownProcess.args[0] === MODULE_WORD) {
    const message = "Cannot start a daemon as this process is to run a module: hand the program's arguments to runCli";
    // The log is not open yet, and what is printed here is read by the daemon that has started the process.
    host.terminal.write(2, `${message}\n`);
    throw new DaemonError("RUNTIME_STATE", message);
  }
  // Read before the daemon goes to its working folder, which would count twice otherwise.
  const cwd = loaded === undefined ? host.ownProcess.cwd() : folderOrElse(host, loaded.baseDir);
  const workDir = resolvePath(cwd, config.workDir ?? ".");

  if (ownsProcess) resources.use(ownProcess(session, host, options.exitGraceMs));
  // The lock comes first, so that a second daemon of this configuration leaves the logs of the first one alone.
  const held = isControlled ? await takeLock(session, host, { ...options, workDir }) : undefined;
  const features = session.features = await FeatureSet.load(plan, cwd);
  const warnings = held === undefined ? [] : await openMemory(session, host, held);
  await features.open(featurePorts(session, host, { ...options, workDir, held }), resources, ({ log }) => session.log = log);
  for (const warning of warnings) session.log.warn(warning);
  if (held !== undefined) await keepOwnFiles(session, host, held);
  if (pidFile !== undefined) {
    const { pidFile: write } = await import("../instance/pid_file.ts");
    resources.use(write(resolvePath(workDir, pidFile), config.name, host));
  }
  if (held !== undefined && options.isBackground && loaded?.path) await keepWhatIsInForce(session, host, held);
  if (loaded !== undefined) watchConfig(session, host, loaded);
  else if (config.hotReload) session.log.warn("hot_reload does nothing: this daemon was not started from a file");
  if (isControlled) keepLinesOfLogs(session, features);
  const others = registrationsOf(
    plan.entries,
    () => session.ports,
    (entry, prefix) => entry.isConfigured ? [] : features.unitsOf(entry.feature, { value: entry.value, prefix }),
  );
  for (const other of others) session.others.add(other);
  // Before the first unit starts, nothing of it may run any more.
  await features.recover(session.memory?.down ?? new Set());
  return [...features.units(), ...session.others];
}

/** The ports of the daemon for its features. */
function featurePorts(
  session: PreparedSession,
  host: Host,
  { ownsProcess, isBackground, workDir, held }: StartOptions & { workDir: string; held: Held | undefined },
): Omit<FeaturePorts, keyof GivenPorts> {
  const { plan: { config, loaded, sink }, clock } = session;
  const folders = held?.folders;
  return {
    host,
    clock,
    ownsProcess,
    // A daemon without folders shares its name with others.
    daemonId: folders?.id ?? `${config.name}-${host.secret()}`,
    reportSocket: folders === undefined ? `${host.files.tempDir}/daemonkit-${host.secret()}` : `${folders.run}/ipc.sock`,
    logging: {
      name: config.name,
      sink,
      folder: isBackground ? folders?.state : undefined,
      workDir,
      // A daemon that is to be read again may be told to log only then.
      isKept: loaded !== undefined,
      lines: session.lines,
      hasUnit: (path) => session.supervisor?.find(path) !== undefined,
    },
    instance: held && {
      id: held.folders.id,
      socket: held.folders.socket,
      groups: held.folders.groups,
      crashed: held.instance.crashed,
      stopTimeoutMs: config.shutdown.timeoutMs,
    },
    control: held && {
      socket: held.folders.socket,
      version: VERSION,
      protocol: PROTOCOL,
      operations: session.operations,
      features: () => session.features!.opened(),
      isMetricsEnabled: () => session.config.monitoring.enableMetrics,
      programMetrics: (accept) => session.metrics.renderPrometheus(accept),
    },
    measurements: {
      merge: (delta, source) => session.metrics.merge(delta, source),
      forget: (source) => session.metrics.forget(source),
    },
    emit: (body) => session.events.emit(body),
    runBeside: (child) => runBeside(session, child),
  };
}

/** Runs something under a supervisor of its own, which is there before the first unit and until the last one is down. */
async function runBeside(session: PreparedSession, child: Registration): Promise<void> {
  const system = new Supervisor(portsBeside(session.ports, session.log), new CancelToken(), [child]);
  session.resources.defer(() => system.stop("the daemon ends"));
  await system.start();
}

/** Keeps as lines what units log that print nothing. */
function keepLinesOfLogs(session: PreparedSession, features: FeatureSet): void {
  const printing = new Set(features.outputs(session.loaded).map(({ unit }) => unit));
  session.ports.linesOfLog = (path) => {
    const [name] = path.split("/", 1);
    const isOwn = session.others.values().some(({ subsystem, kind }) => subsystem.name === name && !runsAsProcess(kind));
    // The output of a process consists of lines already.
    if (!isOwn || printing.has(path)) return undefined;
    const sinks = [linesSink(path, (block) => session.lines.publish(block))];
    return (log) => both(log, createLogger({ level: "trace", name: path, clock: session.clock, sinks }));
  };
}

/** The working folder, or another one where that was removed: what is read from a file needs none. */
function folderOrElse({ ownProcess }: Host, otherwise: string): string {
  try {
    return ownProcess.cwd();
  } catch (error) {
    if (isDaemonError(error)) return otherwise;
    throw error;
  }
}

/** A daemon that nobody else can be now. */
interface Held {
  folders: DaemonFolders;
  instance: Instance;
  /** Called when the state folder has been made anew, to fill it. */
  refills: (() => void)[];
}

/** Takes the lock of this configuration file, or of this program. */
async function takeLock(
  session: PreparedSession,
  host: Host,
  { workDir, isBackground }: StartOptions & { workDir: string },
): Promise<Held> {
  const { resources, plan: { config, loaded } } = session;
  const stateDir = config.stateDir === undefined ? undefined : resolvePath(workDir, config.stateDir);
  const [{ daemonFolders, prepareFolders, rememberOrigin }, { acquireInstance }, { guardiansOf, pauseOf, pauseText }] = await Promise.all([
    import("../instance/folders.ts"),
    import("../instance/instance.ts"),
    import("../instance/guardian.ts"),
  ]);
  const folders = prepareFolders(
    await daemonFolders({ name: config.name, configPath: loaded?.path ?? null, stateDir }, host),
    host,
  );
  // A guardian that is about to start the daemon would find this one in its place.
  const refusal = () => {
    const guardian = isBackground ? undefined : guardiansOf(folders, host).at(0);
    return guardian && new DaemonError(
      "LOCK_HELD",
      `Cannot start ${folders.id} as nobody else may be about to: ${pauseText(guardian, pauseOf(guardian, host.files))}; ` +
        "let it do so at once with `daemonkit up`, or end it with `daemonkit down`",
      { context: { pid: guardian.identity.pid } },
    );
  };
  const instance = resources.use(await acquireInstance(folders, host, { version: VERSION, protocol: PROTOCOL, refusal }));
  const remember = () => rememberOrigin(folders, host);
  try {
    remember();
  } catch (error) {
    // On a full disk it starts all the same: it only is found by fewer names once it has ended.
    if (!isDaemonError(error)) throw error;
  }
  return { folders, instance, refills: [remember] };
}

/** Reads the memory of manual stops. Returns warnings, for which there is no log yet. */
async function openMemory(session: PreparedSession, host: Host, { folders, refills }: Held): Promise<string[]> {
  const { DaemonMemory } = await import("./memory.ts");
  const memory = session.memory = new DaemonMemory(folders, host, () => session.log);
  refills.push(() => memory.refill());
  const { displaced } = folders;
  session.addNotice(() => displaced);
  return [displaced, memory.warning].filter((text) => text !== undefined);
}

/** Looks after what the daemon has on disk, for as long as it lives. */
async function keepOwnFiles(session: PreparedSession, host: Host, held: Held): Promise<void> {
  const { folders, instance } = held;
  const [{ originFileIn }, { OwnFiles }] = await Promise.all([import("../instance/folders.ts"), import("../instance/own_files.ts")]);
  session.resources.use(
    new OwnFiles({
      clock: session.clock,
      log: session.log,
      files: [
        stateFile(session, host, held, originFileIn(folders.state)),
        { name: "the lock", restore: () => instance.restore() },
        ...session.features!.ownFiles(),
      ],
      onRestored: (names) => session.events.emit({ type: "daemon.restored", reason: `somebody has removed ${names.join(", ")}` }),
    }),
  );
}

/**
 * Makes the state folder anew where it was removed or emptied, with what is remembered; logs in it are opened anew. One that somebody else
 * has made meanwhile, such as a command, is filled.
 */
function stateFile(session: PreparedSession, { files }: Host, { folders: { state }, refills }: Held, originFile: string): OwnFile {
  let inode = files.info(state)?.inode;
  const hadOrigin = files.info(originFile) !== undefined;
  return {
    name: "the state folder",
    restore() {
      if (files.info(state)?.inode === inode && (!hadOrigin || files.info(originFile) !== undefined)) return false;
      files.makeDir(state);
      for (const refill of refills) refill();
      session.features?.reopen();
      inode = files.info(state)?.inode;
      return true;
    },
  };
}

/** Watches the configuration file for as long as the configuration in force says so. */
function watchConfig(session: PreparedSession, host: Host, first: LoadedConfig): void {
  const { files, watcher, clock } = host;
  let watch: ConfigWatch | undefined;
  let named: ReadonlySet<string> = new Set();
  const apply = (loaded: LoadedConfig) => {
    const { config, path, fingerprint } = loaded;
    if (!config.hotReload) named = new Set();
    // Some are found by reading others, and nobody need wait for that.
    else {
      const { known, all } = session.features!.filesNamed(loaded);
      named = known;
      void all.then((found) => {
        // Another reload may have come in between.
        if (named !== known) return;
        named = found;
        watch?.renew();
      });
    }
    if (config.hotReload && path !== null) {
      watch ??= new ConfigWatch({
        files,
        watcher,
        clock,
        path,
        loaded: fingerprint,
        taken: () => session.reloads.taken,
        read: () => session.loaded!.look(),
        named: () => named,
        markOf: (each) => markOf(each, files),
        onChange: () => session.reloads.reloadUnasked("a file has changed"),
        onTrouble: (reason) => session.log.warn("changes of the configuration file may be seen late", { reason }),
      });
    } else {
      watch?.[Symbol.dispose]();
      watch = undefined;
    }
  };
  session.resources.defer(() => watch?.[Symbol.dispose]());
  session.onApply(apply);
  apply(first);
}

/** Keeps each configuration in force for the next start, and sees to it that a file that could not be used at this one is used once it is right. */
async function keepWhatIsInForce(session: PreparedSession, host: Host, { folders: { state }, refills }: Held): Promise<void> {
  const { keepConfig, MendWatch } = await import("../settings/kept_config.ts");
  const keep = ({ path, kept }: LoadedConfig) => {
    try {
      keepConfig(state, path!, kept, host.files);
    } catch (error) {
      session.log.warn("the configuration in force can't be kept for a start at which the file is broken", { reason: messageOf(error) });
    }
  };
  const { problem, path } = session.loaded!;
  session.onApply(keep);
  refills.push(() => void (session.loaded!.problem === undefined && keep(session.loaded!)));
  if (problem === undefined) return keep(session.loaded!);
  const first = session.loaded!;
  const watch = session.resources.use(
    new MendWatch({
      path: path!,
      problem,
      clock: session.clock,
      log: session.log,
      read: async () => void (session.loaded === first && await first.again()),
      onRight: async () => session.loaded !== first || await session.reloads.reloadUnasked("the file can be used again"),
    }),
  );
  session.addNotice(() => watch.notice);
}
