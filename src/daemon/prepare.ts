import { resolvePath } from "../core/values/paths.ts";
import { CancelToken } from "../core/supervise/cancel.ts";
import { DaemonError, isDaemonError, messageOf } from "../core/values/errors.ts";
import { MODULE_WORD } from "../core/wire/module_protocol.ts";
import type { Host } from "../core/ports/host.ts";
import { tame } from "../core/values/terminal_text.ts";
import { type Registration, registration } from "../core/supervise/registration.ts";
import { Supervisor, type SupervisorPorts } from "../core/supervise/supervisor.ts";
import { markOf, ModuleHub, Neighbours, type Service, serviceSubsystems, unitNames } from "../service/mod.ts";
import type { ServiceSpec } from "../service/spec.ts";
import { ConfigWatch } from "../settings/config_watch.ts";
import type { StartOptions } from "./run_options.ts";
import { DaemonLog } from "./daemon_log.ts";
import { createLogger } from "../log/mod.ts";
import { both, linesSink } from "../record/lines_of_log.ts";
import type { DaemonFolders } from "../instance/folders.ts";
import type { Instance } from "../instance/instance.ts";
import type { LoadedConfig } from "../settings/load_config.ts";
import { filesNamed, handsOnAll } from "../settings/needs.ts";
import { ownProcess } from "./own_process.ts";
import type { OwnFile } from "../instance/own_files.ts";
import type { Recovery } from "../leftover/recovery.ts";
import { ServiceLogs } from "./service_logs.ts";
import { ServiceUnits } from "./service_units.ts";
import { registrationsOf, servicesIn } from "./plan.ts";
import type { PreparedSession } from "./session_views.ts";
import { PROTOCOL, VERSION } from "../instance/version.ts";

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
  if (host.process.args[0] === MODULE_WORD) {
    const message = "Cannot start a daemon as this process is to run a module: hand the program's arguments to runCli";
    // The log is not open yet, and what is printed here is read by the daemon that has started the process.
    host.terminal.write(2, `${message}\n`);
    throw new DaemonError("RUNTIME_STATE", message);
  }
  // Read before the daemon goes to its working folder, which would count twice otherwise.
  const cwd = loaded === undefined ? host.process.cwd() : folderOrElse(host, loaded.baseDir);
  const workDir = resolvePath(cwd, config.workDir ?? ".");

  if (ownsProcess) resources.use(ownProcess(session, host, options.exitGraceMs));
  // The lock comes first, so that a second daemon of this configuration leaves the logs of the first one alone.
  const held = isControlled ? await takeLock(session, host, { ...options, workDir }) : undefined;
  const services = servicesOf(session, cwd);
  const { daemonLog, logs } = openLogs(session, host, { ...options, cwd, workDir, services, state: held?.folders.state });
  if (ownsProcess) adoptOrphans(session, host, services);
  tellLostVariables(session, host, services);
  const recovery = held === undefined ? undefined : await openControl(session, host, held);
  // After the listeners, which may refuse what a reload brings: logs don't.
  session.onApply(({ config, services: configured }) => {
    daemonLog.apply(config);
    logs.apply([...configured, ...services.named]);
  });
  if (pidFile !== undefined) {
    const { pidFile: write } = await import("../instance/instance.ts");
    resources.use(write(resolvePath(workDir, pidFile), config.name, host));
  }
  if (held !== undefined && options.isBackground && loaded?.path) await keepWhatIsInForce(session, host, held);
  if (loaded !== undefined) watchConfig(session, host, loaded);
  else if (config.hotReload) session.log.warn("hot_reload does nothing: this daemon was not started from a file");

  const ports = {
    host,
    logs,
    // A daemon without folders shares its name with others.
    daemonId: session.surroundings?.id ?? `${config.name}-${host.secret()}`,
    neighbours: resources.use(new Neighbours(host)),
    modules: resources.use(
      new ModuleHub({ host, socket: session.surroundings?.moduleSocket ?? `${host.files.tempDir}/daemonkit-${host.secret()}` }),
    ),
    ...(recovery === undefined ? {} : { continuity: recovery }),
  };
  session.services = new ServiceUnits(ports);
  const paths = new Set(services.named.flatMap(unitNames));
  if (isControlled) {
    session.linesOfLog = (path) => {
      const [name] = path.split("/", 1);
      const isOwn = session.others.values().some(({ subsystem, kind }) => subsystem.name === name && kind !== "service");
      // The output of a service consists of lines already.
      if (!isOwn || paths.has(path)) return undefined;
      const sinks = [linesSink(path, (block) => session.lines.publish(block))];
      return (log) => both(log, createLogger({ level: "trace", name: path, clock: session.clock, sinks }));
    };
  }
  const { children } = session.services.change(services.configured);
  const others = registrationsOf(plan.entries, () => session, (own) => {
    const found = services.built.get(own);
    if (found === undefined) return [];
    const made = serviceSubsystems(found.service, ports, found.prefix);
    session.builtServices.push(...made);
    return made.map((unit) => registration(unit, "service"));
  });
  for (const other of others) session.others.add(other);
  const units: Service[] = [...session.services.all(), ...session.builtServices];
  // Before the first unit starts, nothing of it may run any more.
  await recovery?.settle(units, session.surroundings!.down);
  return [...children, ...session.others];
}

/** The working folder, or another one where that was removed: what is read from a file needs none. */
function folderOrElse({ process }: Host, otherwise: string): string {
  try {
    return process.cwd();
  } catch (error) {
    if (isDaemonError(error)) return otherwise;
    throw error;
  }
}

/** Adopts the processes that services leave behind, so that this process owns them; process 1 has such children anyway. */
function adoptOrphans({ plan: { loaded }, resources, log }: PreparedSession, { processes }: Host, { named }: Services): void {
  if (loaded === undefined && named.length === 0 && processes.self().pid !== 1) return;
  const { lack, isInit } = resources.use(processes.adoptOrphans());
  if (lack === undefined) return;
  if (isInit) {
    log.warn(
      "runs as process 1 and can't wait for the orphans that it gets: start the container with an init, such as `docker run --init`",
      {
        reason: lack,
      },
    );
  } else {
    const known = canLook(processes)
      ? "what a service starts is found by its group, its session and its mark only, and not when it has left all three"
      : "what has left the process group of its service is not found, as the process table can't be read";
    log.info(known, { reason: lack });
  }
}

/** Deno lets nobody look at the process table but a program with all permissions. */
function canLook(processes: Host["processes"]): boolean {
  try {
    processes.census([]);
    return true;
  } catch (error) {
    if (isDaemonError(error)) return false;
    throw error;
  }
}

/** Names, never values, of what services will miss. */
function tellLostVariables({ plan: { loaded }, log }: PreparedSession, { env, files }: Host, { configured, named }: Services): void {
  if (loaded === undefined && named.length === 0) return;
  const broken = env.broken();
  if (broken.length > 0) {
    log.warn("variables of the environment are no UTF-8, and no service gets them", { names: tame(broken.join(", ")) });
  }
  const texts = [...configured, ...named].filter(({ run, user, inheritEnv }) =>
    typeof run === "string" && (inheritEnv === undefined ? user === undefined : inheritEnv.includes("*"))
  );
  const odd = texts.length === 0 ? [] : Object.keys(env.all()).filter((name) => !/^[A-Za-z_]\w*$/.test(name));
  if (odd.length > 0 && !handsOnAll(files)) {
    log.warn("variables with such names are dropped by this system's /bin/sh; a run that is a list gets them", {
      names: tame(odd.join(", ")),
      services: texts.map(({ name }) => name).join(", "),
    });
  }
}

/** The services of a daemon: those of its file, which a reload may change, and those that were added in code, in their order. */
interface Services {
  configured: readonly ServiceSpec[];
  /** By the service as the builder has it: the same with absolute paths, and the path of its group with a slash. */
  built: ReadonlyMap<ServiceSpec, { service: ServiceSpec; prefix: string }>;
  /** Services of code, with their paths as names. */
  named: readonly ServiceSpec[];
}

function servicesOf({ plan: { loaded, entries } }: PreparedSession, cwd: string): Services {
  const configured = loaded?.services ?? [];
  const isOfFile = new Set(configured);
  const built = new Map(
    servicesIn(entries).filter(({ service }) => !isOfFile.has(service)).map(({ service: own, prefix }) => {
      const service = {
        ...own,
        cwd: resolvePath(cwd, own.cwd),
        module: own.module && resolvePath(cwd, own.module),
        envFiles: own.envFiles.map(({ path, optional }) => ({ path: resolvePath(cwd, path), optional })),
      };
      return [own, { service, prefix }];
    }),
  );
  return { configured, built, named: [...built.values()].map(({ service, prefix }) => ({ ...service, name: prefix + service.name })) };
}

/** Opens the daemon's own log and those of its services. */
function openLogs(
  session: PreparedSession,
  host: Host,
  { ownsProcess, isBackground, cwd, workDir, services: { configured, named }, state }: StartOptions & {
    cwd: string;
    workDir: string;
    services: Services;
    state: string | undefined;
  },
): { daemonLog: DaemonLog; logs: ServiceLogs } {
  const { plan: { config, loaded, sink }, resources, clock } = session;
  const folder = isBackground ? state : undefined;
  const daemonLog = resources.use(
    new DaemonLog({
      host,
      clock,
      sink,
      hasConsole: ownsProcess && folder === undefined,
      resolve: (path) => resolvePath(workDir, path),
      file: folder && `${folder}/daemon.log`,
      names: [...configured, ...named].flatMap(unitNames),
    }, config),
  );
  // A daemon that is to be read again may be told to log only then.
  if (daemonLog.isUsed || loaded !== undefined) session.log = daemonLog.log;
  const logs = resources.use(
    new ServiceLogs({
      files: host.files,
      clock,
      log: session.log,
      lines: session.lines,
      show: daemonLog.showLines,
      room: daemonLog.room,
      ...ownsProcess ? { post: (fd, text, count) => void host.terminal.post(fd, text, { count }) } : {},
      isStopping: (unit) => session.supervisor?.find(unit) !== undefined,
      resolve: (path) => resolvePath(cwd, path),
      folder: folder && `${folder}/logs`,
    }, [...configured, ...named]),
  );
  session.useLogs(daemonLog, logs);
  session.addNotice(() => daemonLog.notice);
  session.addNotice(() => logs.notice);
  return { daemonLog, logs };
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

/** Reads the memory of manual stops and of what ran before, and opens the listeners, the control socket among them. */
async function openControl(session: PreparedSession, host: Host, held: Held): Promise<Recovery> {
  const { folders, instance, refills } = held;
  const { resources, plan: { config, loaded } } = session;
  const { displaced } = folders;
  if (displaced !== undefined) {
    session.log.warn(displaced);
    session.addNotice(() => displaced);
  }
  const [{ readOverrides, writeOverrides }, { originFileIn }, { OwnFiles }, { Recovery }, { ADMIN_LISTENER, Listeners }] = await Promise
    .all([
      import("../instance/instance.ts"),
      import("../instance/folders.ts"),
      import("../instance/own_files.ts"),
      import("../leftover/recovery.ts"),
      import("../control/mod.ts"),
    ]);
  const recovery = resources.use(
    new Recovery({ folders, crashed: instance.crashed, host, log: session.log, limitMs: config.shutdown.timeoutMs }),
  );
  session.addNotice(() => recovery.notice);
  const { down, warning } = readOverrides(folders, host);
  if (warning !== undefined) session.log.warn(warning);
  let remembered = new Set(down);
  session.surroundings = {
    id: folders.id,
    continuity: recovery,
    moduleSocket: `${folders.run}/ipc.sock`,
    get down() {
      return remembered;
    },
    rememberDown(names) {
      remembered = new Set(names);
      try {
        writeOverrides(folders, host, remembered);
        return undefined;
      } catch (error) {
        // A full disk must not keep anybody from stopping what fills it.
        session.log.error("manual stops and starts will be forgotten when the daemon ends", { reason: messageOf(error), err: error });
        return messageOf(error);
      }
    },
  };

  // Listeners have a supervisor of their own: it is there before the first unit and until the last one is down.
  const listeners = new Listeners({
    host,
    socket: folders.socket,
    specs: loaded?.listeners ?? [ADMIN_LISTENER],
    control: {
      operations: session.operations,
      version: VERSION,
      protocol: PROTOCOL,
      profiler: host.profiler,
      isMetricsEnabled: () => session.config.monitoring.enableMetrics,
    },
    log: session.log.child("control"),
  });
  const system = new Supervisor(silent(session), new CancelToken(), [registration(listeners, "listener")]);
  resources.defer(() => system.stop("the daemon ends"));
  await system.start();
  session.onApply(({ listeners: specs }) => listeners.apply(specs));
  // A token that has leaked is replaced in its file, and the configuration stays as it is.
  session.onUnchanged(() => listeners.refresh());
  refills.push(() => void (remembered.size > 0 && writeOverrides(folders, host, remembered)));
  resources.use(
    new OwnFiles({
      clock: session.clock,
      log: session.log,
      files: [
        stateFile(session, host, held, originFileIn(folders.state)),
        { name: "the lock", restore: () => instance.restore() },
        { name: "the control socket", restore: () => listeners.restore() },
        { name: "the list of what runs", restore: () => recovery.restore() },
      ],
      onRestored: (names) => session.emit({ type: "daemon.restored", reason: `somebody has removed ${names.join(", ")}` }),
    }),
  );
  return recovery;
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
      session.reopenLogs();
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
  const apply = ({ config, path, fingerprint, services }: LoadedConfig) => {
    if (!config.hotReload) named = new Set();
    // The imports of a module are found by reading it, and nobody need wait for that.
    else {
      const nearest = new Set(
        services.flatMap(({ envFiles, module }) => [...envFiles.map((file) => file.path), ...module === undefined ? [] : [module]]),
      );
      named = nearest;
      void filesNamed(services, files).then((all) => {
        // Another reload may have come in between.
        if (named !== nearest) return;
        named = all;
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
        read: () => session.loaded!.look(),
        named: () => named,
        markOf: (each) => markOf(each, files),
        onChange: () => session.reloadUnasked("a file has changed"),
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
      onRight: async () => session.loaded !== first || await session.reloadUnasked("the file can be used again"),
    }),
  );
  session.addNotice(() => watch.notice);
}

/** The session's ports without its events: what listeners do is no news about the units. */
function silent(session: PreparedSession): SupervisorPorts {
  const { clock, deadlines, turns, random } = session;
  return {
    clock,
    deadlines,
    turns,
    random,
    isObserved: () => false,
    emit: () => {},
    failed: (_path, error) => session.log.error("the listeners are closed for good", { reason: messageOf(error), err: error }),
    report: (error) => session.report(error),
    requestShutdown: (reason, exitCode, isForced) => session.requestShutdown(reason, exitCode, isForced),
    remainingMs: () => session.remainingMs(),
    stopTimeoutMs: () => session.stopTimeoutMs(),
    countMissing: () => {},
    isKeptDown: () => false,
    logger: (path) => session.logger(path),
    runAs: (path, fn) => session.runAs(path, fn),
  };
}
